//! What a loader takes for a name although it may be a piece of a value: the second line of one
//! that was not quoted, the end of one that base64 wrapped, a value below its name.
//!
//! Names are stored in clear and shown. So a word that could be either is refused, and the way out
//! is said: a value in quotes is a value to everyone.

use super::reading::{NO_ASSIGNMENT, Reading, Trouble};
use super::words::{self, LONG};

/// The fewest bytes of a word that stands where a piece of a value may, alone or before nothing,
/// and so has to be made of words.
const LONG_ALONE: usize = 8;

/// The fewest bytes of a line that was wrapped: tools wrap at 64, 70 or 76.
const WRAPPED: usize = 60;

/// The most bytes of a name.
const MAX_NAME: usize = 255;

const QUOTES: [char; 3] = ['"', '\'', '`'];

pub(super) const NAME_OR_VALUE: &str = "what could be a name could be a part of a value: put quotes around this value and the one above, as in NAME=\"value\"";
const NO_NAME: &str = "a name is letters, digits, '_', '-' and '.', with a letter or '_' among them, at most 255: name it so";
const NO_WORDS: &str = "a name of 12 characters or more is made of words, as in DATABASE_URL, and this could be a part of a value: part its words by '_'";
const STRAY_QUOTE: &str = "a quote closes what none opened: put quotes around the whole value";

/// # Errors
/// The first place of which it is in doubt what it is.
pub(super) fn check(text: &str, reading: &Reading) -> Result<(), Trouble> {
    // The value above, if it was not quoted: it may go on in this line.
    let mut above: Option<&str> = None;
    for (number, entry) in reading.entries.iter().enumerate() {
        let name = entry.name(text);
        let trouble = |what| Err(Trouble::at(entry.name.start, what));
        if !is_name(name) {
            return trouble(NO_NAME);
        }
        let Some(value) = &entry.value else {
            if !words::are_in(name, LONG_ALONE) {
                return trouble(NO_ASSIGNMENT);
            }
            continue;
        };
        if !words::are_in(name, LONG) {
            return trouble(NO_WORDS);
        }
        let raw = text.get(value.span.clone()).unwrap_or_default().trim();
        let goes_on = |above| is_key(name) || (!value.quoted && goes_on(above, name, raw));
        if name.len() >= LONG && (above.is_some_and(goes_on) || is_list(name, raw)) {
            return trouble(NAME_OR_VALUE);
        }
        above = (!value.quoted).then_some(raw);
        if value.quoted {
            continue;
        }
        if is_padding(raw) || (raw.is_empty() && !words::are_in(name, LONG_ALONE)) {
            return trouble(NAME_OR_VALUE);
        }
        let inside = text.get(value.inside.clone()).unwrap_or_default();
        if number > 0 && (ends_in_stray_quote(raw) || ends_in_stray_quote(inside)) {
            return trouble(STRAY_QUOTE);
        }
    }
    Ok(())
}

/// Whether it could be a key of a connection string that was wrapped there, as in
/// `SharedAccessKeyName=`: words of small letters with nothing between them.
fn is_key(name: &str) -> bool {
    name.bytes().any(|b| b.is_ascii_lowercase()) && !name.contains(['_', '-', '.'])
}

/// Whether the line could be such a string from one of its keys on.
fn is_list(name: &str, raw: &str) -> bool {
    let has_more = |rest: &str| rest.split(';').skip(1).any(|pair| pair.contains('='));
    is_key(name) && !raw.starts_with(QUOTES) && has_more(raw)
}

/// Whether the value `above`, which is not quoted, could go on in the line of `name`. Of capitals
/// and digits alone are most names, and few values that hold a `=`.
fn goes_on(above: &str, name: &str, raw: &str) -> bool {
    let is_below = above.is_empty() && name.bytes().any(|b| b.is_ascii_lowercase());
    is_below || (raw.is_empty() && (is_assignment(above) || is_wrapped(above)))
}

fn is_assignment(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(name, _)| is_name(name) && !name.starts_with('-'))
}

/// Whether it is as long as the lines that tools wrap to.
fn is_wrapped(line: &str) -> bool {
    line.len() >= WRAPPED && !line.contains(char::is_whitespace)
}

/// Whether it is a name that may be shown.
pub(in super::super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && name.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// Whether it begins with `=` and no word follows that: the padding of base64.
fn is_padding(raw: &str) -> bool {
    raw.strip_prefix('=').is_some_and(|rest| {
        let rest = rest.trim_start_matches('=');
        !rest.starts_with(|c: char| c.is_alphanumeric())
    })
}

/// Whether a quote that has no partner ends it; or a word of it, except `'`, which words end in.
fn ends_in_stray_quote(value: &str) -> bool {
    let ends_a_word = |quote: char| {
        let mut after = value.split(quote).skip(1);
        quote != '\'' && after.any(|rest| rest.starts_with(char::is_whitespace))
    };
    QUOTES.into_iter().any(|quote| {
        let is_odd = !value.matches(quote).count().is_multiple_of(2);
        is_odd && (value.ends_with(quote) || ends_a_word(quote))
    })
}
