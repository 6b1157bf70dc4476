//! One line of a batch.

use keyward_base::encoding::from_json_string;
use keyward_base::{Error, Result, SecretBytes};
use keyward_password::{Context, Passwords};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::verdict::Asked;

/// The fields as they are written: what decodes them wipes its copies.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    scheme: Option<&'a RawValue>,
    #[serde(borrow)]
    password: Option<&'a RawValue>,
    #[serde(borrow)]
    password_hex: Option<&'a RawValue>,
    #[serde(borrow)]
    encoded: &'a RawValue,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

/// Reads a line, and gets its check in line.
///
/// # Errors
/// `Misuse`, in words that go on from where the line is named, if it is malformed.
pub(super) fn ask(passwords: &Passwords, line: &[u8]) -> Result<Asked> {
    let fields: Fields<'_> = serde_json::from_slice(line).map_err(|e| not_read(&e))?;
    let scheme = fields.scheme.map(|raw| said("scheme", raw)).transpose()?;
    let scheme = scheme.as_ref().map(|text| utf8(text)).transpose()?;
    let encoded = said("encoded", fields.encoded)?;
    let password = match (fields.password, fields.password_hex) {
        (Some(raw), None) => said("password", raw)?,
        (None, Some(raw)) => hex(&said("password_hex", raw)?).ok_or_else(|| {
            Error::misuse("password_hex has two hexadecimal digits for each byte")
        })?,
        _ => {
            return Err(Error::misuse("it has either a password or a password_hex"));
        }
    };
    let context = match fields.context {
        Some(raw) => Context::from_json(raw.get()).map_err(|_| {
            Error::misuse(
                "its context is no object of the keys that `keyward password schemes` shows",
            )
        })?,
        None => Context::default(),
    };
    Asked::of(passwords, (scheme, utf8(&encoded)?), &context, password)
}

fn said(name: &str, raw: &RawValue) -> Result<SecretBytes> {
    from_json_string(raw.get())
        .map_err(|_| Error::misuse(format!("{name} is no text that UTF-8 can hold")))
}

fn utf8(text: &SecretBytes) -> Result<&str> {
    // It was decoded from UTF-8.
    std::str::from_utf8(text.expose()).map_err(|_| Error::misuse("it is not UTF-8"))
}

fn hex(text: &SecretBytes) -> Option<SecretBytes> {
    let (pairs, []) = text.expose().as_chunks::<2>() else {
        return None;
    };
    let mut bytes = SecretBytes::new(Vec::with_capacity(pairs.len()));
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for [high, low] in pairs {
        let byte = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
        bytes.push(&[u8::try_from(byte).ok()?]);
    }
    Some(bytes)
}

/// Says where, and not what stands there, as the text of the error does: a password, perhaps.
fn not_read(error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Data => {
            "it is no object with encoded, or a field is there twice"
        }
        _ => "it is no JSON",
    };
    Error::misuse(format!("{what}, at column {}", error.column()))
}
