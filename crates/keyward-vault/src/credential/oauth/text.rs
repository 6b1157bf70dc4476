//! JSON strings (RFC 8259 section 7), decoded into buffers that are wiped.

use keyward_base::SecretBytes;
use keyward_base::encoding::from_json_string;
use serde_json::value::RawValue;

/// The most scopes of one token, and the most bytes of all of them.
pub(in super::super) const MAX_SCOPES: usize = 200;
pub(in super::super) const MAX_SCOPE_LEN: usize = 8192;

/// The content of a JSON string, which the parser has checked; none for anything else.
pub(super) fn unquote(raw: &RawValue) -> Option<SecretBytes> {
    from_json_string(raw.get()).ok()
}

/// Scopes: an array of texts, or one text; parted by spaces or commas.
pub(super) fn scopes(raw: &RawValue) -> Option<Vec<String>> {
    let texts: Vec<&RawValue> = if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).ok()?
    } else {
        vec![raw]
    };
    let mut scopes = Vec::new();
    let mut len = 0_usize;
    for text in texts {
        let text = unquote(text)?;
        let text = std::str::from_utf8(text.expose()).ok()?;
        let words = text.split([' ', ',']).filter(|scope| !scope.is_empty());
        for scope in words {
            len = len.saturating_add(scope.len());
            let visible = scope.bytes().all(|b| b.is_ascii_graphic());
            if !visible || scopes.len() >= MAX_SCOPES || len > MAX_SCOPE_LEN {
                return None;
            }
            scopes.push(scope.to_owned());
        }
    }
    Some(scopes)
}
