//! Text that is shown to people: what is said of a client, names, reasons.

use keyward_base::{Error, Reason, Result};

use crate::row::SHOWN;

/// Characters that are not shown, or turn what stands beside them around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// As much of a text as is kept of what a client says of itself.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        if out.len().saturating_add(c.len_utf8()) > SHOWN {
            break;
        }
        out.push(c);
    }
    out
}

/// A text that somebody typed.
///
/// # Errors
/// `Rejected`: [`Reason::TOO_LONG`] beyond `most` bytes, [`Reason::MALFORMED`] with a character that
/// is not shown.
pub(crate) fn typed(text: &str, most: usize) -> Result<String> {
    if text.len() > most {
        return Err(Error::rejected(Reason::TOO_LONG));
    }
    if text.chars().any(is_hidden) {
        return Err(Error::rejected(Reason::MALFORMED));
    }
    Ok(text.to_owned())
}
