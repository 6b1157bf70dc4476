//! The address of a page that a token is brought to.

use secrecy::SecretString;

use crate::error::{Error, Result};

/// The address of a page whose query has the token: `page?token=…`. `page` is the service's own, from
/// its settings, and never made of a request's `Host` (CWE-640).
///
/// # Errors
/// `Misuse` for a page that is not of `https://` or of `http://` on a loopback host, or has a query, a
/// fragment, or an `@`, before which a browser looks for no host.
pub fn on_page(page: &str, token: &str) -> Result<SecretString> {
    let is_local = ["http://localhost", "http://127.0.0.1", "http://[::1]"]
        .iter()
        .filter_map(|local| page.strip_prefix(local))
        .any(|rest| rest.starts_with([':', '/']));
    let plain = page.bytes().all(|b| b.is_ascii_graphic()) && !page.contains(['?', '#', '@', '\\']);
    if !plain || !(is_local || page.starts_with("https://")) {
        return Err(Error::misuse(
            "the page of a link is an https address without a query",
        ));
    }
    // As long as the text is from the start: one that grew would leave a copy behind.
    let room = page.len().saturating_add(token.len());
    let mut text = String::with_capacity(room.saturating_add("?token=".len()));
    text.push_str(page);
    text.push_str("?token=");
    text.push_str(token);
    Ok(SecretString::from(text))
}
