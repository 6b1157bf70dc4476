//! What is wrong with a sealed value that cannot be read: mostly that its end is missing.

use keyward_base::key_tag::SEALED_PREFIX;
use keyward_base::{Error, Reason};
use keyward_crypto::body::{COMMITMENT_LEN, SALT_LEN};

use crate::exit::Advice;

/// Bytes of suite and key id, of the length of the hint, and of the last chunk's tag.
const HEAD: usize = 9;
const LENGTH: usize = 1;
const TAG: usize = 16;

/// `error` of reading `text`, with what mends it.
pub(super) fn explained(error: Error, text: &str) -> Error {
    if error.reason() != Some(Reason::MALFORMED) {
        return error;
    }
    Error::rejected(Reason::MALFORMED).with_source(Advice(says(text)))
}

fn says(text: &str) -> String {
    let body = text.strip_prefix(SEALED_PREFIX).unwrap_or(text);
    let own = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if let Some(at) = body.chars().position(|c| !own(c)) {
        let at = at.saturating_add(SEALED_PREFIX.len()).saturating_add(1);
        return format!(
            "character {at} is none of a sealed value: copy it from its first character to its last, and nothing else"
        );
    }
    let bytes = body.len().saturating_mul(3) / 4;
    match ends_in(bytes, hint_len(body)) {
        Some(field) => format!(
            "the value is cut short: its {bytes} bytes end in its {field}; copy it from its first character to its last"
        ),
        None => "the value is cut short, or characters of it were lost: copy it from its first character to its last".to_owned(),
    }
}

/// The length of the hint, which stands behind suite and key: the byte that two characters hold,
/// whatever is left of those behind them.
fn hint_len(body: &str) -> usize {
    let two = body.get(12..14).unwrap_or_default();
    let bytes = keyward_base::encoding::from_base64url(&format!("{two}AA")).unwrap_or_default();
    usize::from(bytes.first().copied().unwrap_or_default())
}

/// The field in which a value of so many bytes ends; `None` if all are there.
fn ends_in(bytes: usize, hint: usize) -> Option<&'static str> {
    let fields = [
        ("key id", HEAD),
        ("hint's length", LENGTH),
        ("hint", hint),
        ("salt", SALT_LEN),
        ("commitment", COMMITMENT_LEN),
        ("first chunk", TAG),
    ];
    let mut end = 0_usize;
    fields.into_iter().find_map(|(name, len)| {
        end = end.saturating_add(len);
        (bytes < end).then_some(name)
    })
}
