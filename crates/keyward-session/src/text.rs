//! Text that is shown to people: what is said of a client, names, reasons.

use keyward_base::{Error, Reason, Result};

use crate::row::SHOWN;

/// Characters that are not shown, or turn what stands beside them around: what Unicode has as format
/// characters, line ends and fillers (`Cf`, `Zl`, `Zp`, and of `Default_Ignorable_Code_Point` all but
/// the variation selectors, of which symbols are made).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
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
