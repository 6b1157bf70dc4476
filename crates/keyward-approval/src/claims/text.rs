//! What all files have in common: a first line that says what they are, and a last one that tells
//! whether they are what was written.

use keyward_base::encoding::hex;
use keyward_base::{Error, Result};
use keyward_crypto::Provider;

/// The most bytes of a file: 4,096 lines of at most 146 bytes, and the first and the last one.
pub const MAX_LEN: usize = 655_360;

const MAGIC: &str = "keyward-claims/";
const VERSION: u32 = 1;

pub(super) fn wrong() -> Error {
    Error::corrupt("is not what keyward writes there")
}

/// The lines, between a first one that goes on with `head` and the last one.
pub(super) fn written(head: &str, lines: &str) -> String {
    let text = format!("{MAGIC}{VERSION} {head}\n{lines}");
    let digest = Provider::default().sha256(&[text.as_bytes()]);
    format!("{text}{}\n", hex(&digest))
}

/// What the first line goes on with, and the lines behind it. That the text is the one that [`written`]
/// makes of them, whoever reads looks at last.
pub(super) fn read(bytes: &[u8]) -> Result<(&str, &str)> {
    if bytes.len() > MAX_LEN {
        return Err(wrong());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
    let (first, rest) = text.split_once('\n').ok_or_else(wrong)?;
    let (digits, head) = first
        .strip_prefix(MAGIC)
        .and_then(|first| first.split_once(' '))
        .ok_or_else(wrong)?;
    let version = digits.parse::<u32>().map_err(|_| wrong())?;
    if version == 0 || digits != version.to_string() {
        return Err(wrong());
    }
    if version > VERSION {
        return Err(Error::unavailable(
            "was written by a newer keyward: upgrade this one",
        ));
    }
    // The digest's digits and the end of their line.
    let end = rest.len().checked_sub(65).ok_or_else(wrong)?;
    Ok((head, rest.get(..end).ok_or_else(wrong)?))
}
