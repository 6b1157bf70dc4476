//! Every secret of a token response, its provider's own fields included.

use std::borrow::Cow;
use std::fmt;

use keyward_base::SecretBytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::Name;
use super::text;

/// The strings at any depth whose names end in `token` or `secret`: `access_token`,
/// `refresh_token`, `id_token`, and what providers add to them. Each with its name; none if it is
/// not JSON.
pub(in super::super) fn tokens(bytes: &[u8]) -> Vec<(String, SecretBytes)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut found = Vec::new();
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(bytes) {
        within(raw, &mut found);
    }
    found
}

/// The parser has checked how deep it goes.
fn within(raw: &RawValue, found: &mut Vec<(String, SecretBytes)>) {
    match raw.get().as_bytes().first() {
        Some(b'{') => {
            let Ok(Members(members)) = serde_json::from_str(raw.get()) else {
                return;
            };
            for (name, value) in members {
                match text::unquote(value).filter(|_| is_secret(&name)) {
                    Some(token) if !token.is_empty() => found.push((name.into_owned(), token)),
                    _ => within(value, found),
                }
            }
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
            for value in values {
                within(value, found);
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.as_bytes();
    let shown = name
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let ends = |word: &[u8]| {
        let at = name.len().checked_sub(word.len());
        at.and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    shown && name.len() <= 64 && (ends(b"token") || ends(b"secret"))
}

/// The members of an object, those that stand twice too.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
