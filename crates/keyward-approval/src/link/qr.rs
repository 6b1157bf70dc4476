//! A link as a picture: to go from one screen to the phone.

use std::fmt::Write as _;

use keyward_base::{Error, Result};
use qrcode::{Color, EcLevel, QrCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::LinkToken;

/// Light modules around the code: ISO/IEC 18004 asks for four.
const QUIET: usize = 4;

impl LinkToken {
    /// The page's address as a QR code, an SVG element that a page holds as it is: it loads nothing,
    /// and has no script or style. Whoever photographs the screen has the link.
    ///
    /// # Errors
    /// `Misuse` for a page that is none, or is longer than a code holds.
    pub fn qr(&self, page: &str) -> Result<SecretString> {
        let url = self.on(page)?;
        let code = QrCode::with_error_correction_level(url.expose_secret(), EcLevel::M);
        let code =
            code.map_err(|_| Error::misuse("the page's address is too long for a QR code"))?;
        let (width, colors) = (code.width(), code.to_colors());
        let side = width.saturating_add(QUIET.saturating_mul(2));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"QR code of the link\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\""
        );
        for (row, line) in colors.chunks(width.max(1)).enumerate() {
            for (column, color) in line.iter().enumerate() {
                if *color == Color::Dark {
                    let (x, y) = (column.saturating_add(QUIET), row.saturating_add(QUIET));
                    let _ = write!(svg, "M{x} {y}h1v1h-1z");
                }
            }
        }
        svg.push_str("\"/></svg>");
        Ok(SecretString::from(svg))
    }
}
