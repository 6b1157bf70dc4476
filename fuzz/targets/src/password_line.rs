//! What stands beside stored strings: contexts, and the lines of a batch.

use keyward_base::encoding::from_json_string;
use keyward_password::Context;
use serde_json::Value;

use line::Line;

/// The command's own, which has no library.
#[path = "../../../crates/keyward-cli/src/password/line.rs"]
mod line;

/// A context is an object of known keys with texts and numbers, and nothing else is one. A text of JSON
/// is what `serde_json` makes of it.
pub fn password_context(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let value = serde_json::from_str::<Value>(text).ok();
    // What is passed over may be more than `serde_json` holds as a value: 1e999, or a half of a pair.
    if Context::from_json(text).is_ok()
        && let Some(value) = &value
    {
        let fields = value.as_object().expect("it was read");
        let known = |key: &str| {
            key == "algorithm"
                || keyward_password::context::KEYS
                    .iter()
                    .any(|(name, _)| *name == key)
        };
        for (key, value) in fields {
            let is_plain = value.is_string() || value.is_number() || value.is_null();
            assert!(
                value.is_null() || known(key) && (is_plain || key == "algorithm"),
                "{text}"
            );
        }
    }
    // With the quotes of a text at its ends, and without what stands around it.
    let ours = from_json_string(text).ok();
    if let Some(Value::String(theirs)) = &value
        && text.starts_with('"')
        && text.ends_with('"')
    {
        let ours = ours.expect("serde_json reads it");
        assert_eq!(ours.expose(), theirs.as_bytes(), "{text}");
    }
}

/// A line is read as the object that `serde_json` reads, or refused.
pub fn password_line(data: &[u8]) {
    let with = Line::with_password(data);
    let without = Line::without_password(data);
    let value = serde_json::from_slice::<Value>(data).ok();
    let field = |name: &str| value.as_ref()?.get(name)?.as_str();
    if let Ok((line, password)) = &with {
        assert!(value.as_ref().is_none_or(Value::is_object));
        if value.is_none() {
            return; // As in a context: another field may hold what it does not.
        }
        assert_eq!(line.encoded().ok(), field("encoded"));
        assert_eq!(line.label().expect("it is UTF-8"), field("scheme"));
        match field("password") {
            Some(text) => assert_eq!(password.expose(), text.as_bytes()),
            None => assert_eq!(
                field("password_hex").map(str::len),
                Some(password.len() * 2)
            ),
        }
        let again = without
            .expect("it has a password besides")
            .expect("it has a string");
        assert_eq!(again.encoded().ok(), line.encoded().ok());
        assert_eq!(again.context().is_some(), line.context().is_some());
    } else if let Ok(Some(line)) = without {
        assert!(value.as_ref().is_none_or(Value::is_object));
        assert!(value.is_none() || line.encoded().ok() == field("encoded"));
    }
}
