//! One line of a batch, read. The fuzz targets read this file too.

use keyward_base::encoding::from_json_string;
use keyward_base::{Error, Result, SecretBytes};
use keyward_password::Context;
use serde::Deserialize;
use serde_json::value::RawValue;

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

impl<'a> Fields<'a> {
    /// An object, and no list in the order of the fields, which `serde` would take too.
    fn of(line: &'a [u8]) -> Result<Self> {
        if line.trim_ascii_start().starts_with(b"[") {
            return Err(Error::misuse("it is no object but a list"));
        }
        serde_json::from_slice(line).map_err(|e| not_read(&e))
    }
}

/// A line that was read. What it holds is wiped.
pub(super) struct Line {
    scheme: Option<SecretBytes>,
    encoded: SecretBytes,
    context: Option<Context>,
}

impl Line {
    /// A line of a batch, and its password.
    ///
    /// # Errors
    /// `Misuse`, in words that go on from where the line is named, if it is malformed.
    pub(super) fn with_password(line: &[u8]) -> Result<(Self, SecretBytes)> {
        let fields = Fields::of(line)?;
        let password = match (fields.password, fields.password_hex) {
            (Some(raw), None) => said("password", raw)?,
            (None, Some(raw)) => hex(&said("password_hex", raw)?).ok_or_else(|| {
                Error::misuse("password_hex has two hexadecimal digits for each byte")
            })?,
            _ => {
                return Err(Error::misuse("it has either a password or a password_hex"));
            }
        };
        Ok((Self::of(&fields)?, password))
    }

    /// A line of a census, if it is an object whose `encoded` is a text. Any other is a stored string
    /// as it stands: none. A password is not looked at.
    ///
    /// # Errors
    /// As [`Line::with_password`], of its scheme and its context.
    pub(super) fn without_password(line: &[u8]) -> Result<Option<Self>> {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        match Fields::of(line) {
            // A row without a password has `null` there.
            Ok(fields) if said("encoded", fields.encoded).is_ok() => Self::of(&fields).map(Some),
            _ => Ok(None),
        }
    }

    fn of(fields: &Fields<'_>) -> Result<Self> {
        let context = |raw: &RawValue| {
            Context::from_json(raw.get()).map_err(|_| {
                Error::misuse(
                    "its context is no object of the keys that `keyward password schemes` shows, \
                     each once, with texts and whole numbers",
                )
            })
        };
        Ok(Self {
            scheme: fields.scheme.map(|raw| said("scheme", raw)).transpose()?,
            encoded: said("encoded", fields.encoded)?,
            context: fields.context.map(context).transpose()?,
        })
    }

    pub(super) fn label(&self) -> Result<Option<&str>> {
        self.scheme.as_ref().map(utf8).transpose()
    }

    pub(super) fn encoded(&self) -> Result<&str> {
        utf8(&self.encoded)
    }

    pub(super) const fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }
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
