//! How languages show a string: Rust's and Python's debugging forms, and doubled quotes.

use std::fmt::{self, Write};

use keyward_base::SecretBytes;

use super::escape::{self, has};
use super::needles::Needles;

/// Takes formatted text without a `String` between.
struct Into(SecretBytes);

impl Write for Into {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push(text.as_bytes());
        Ok(())
    }
}

/// `{:?}` of a `str`, and of bytes as `b"…"`: [`u8::escape_ascii`], and the same with `'` and NUL
/// as the `bytes` crate has them.
pub(super) fn rust_debug(value: &[u8], to: &mut Needles) {
    if let Ok(text) = std::str::from_utf8(value) {
        let mut shown = Into(escape::room(value));
        // Writing into memory does not fail.
        if write!(shown, "{text:?}").is_ok() {
            let Into(mut shown) = shown;
            let inside = shown.len().saturating_sub(2);
            shown.narrow(1, inside);
            to.add(shown);
        }
    }
    for quote in [true, false] {
        to.add(escape::bytes(value, |byte, out| {
            match byte {
                _ if escape::usual(byte.into(), out) => {}
                b'"' => out.push(b"\\\""),
                b'\'' if quote => out.push(b"\\'"),
                0 if !quote => out.push(b"\\0"),
                b' '..=b'~' => return false,
                _ => {
                    out.push(b"\\x");
                    escape::hex(byte, false, out);
                }
            }
            true
        }));
    }
}

/// `repr` and `ascii` of a `str`, and `repr` of `bytes`: in single quotes, which are escaped if double
/// ones stand in it too.
pub(super) fn python_repr(value: &[u8], to: &mut Needles) {
    let is_bytes: &[bool] = if value.is_ascii() {
        &[true]
    } else {
        &[false, true]
    };
    for is_bytes in is_bytes {
        for quote in [false, true] {
            to.add(escape::bytes(value, |byte, out| {
                match byte {
                    _ if escape::usual(byte.into(), out) => {}
                    b'\'' if quote => out.push(b"\\'"),
                    b' '..=b'~' => return false,
                    0x80.. if !is_bytes => return false,
                    _ => {
                        out.push(b"\\x");
                        escape::hex(byte, false, out);
                    }
                }
                true
            }));
        }
    }
    if !value.is_ascii() {
        for quote in [false, true] {
            to.add(python_ascii(value, quote));
        }
    }
}

fn python_ascii(value: &[u8], quote: bool) -> SecretBytes {
    escape::chars(value, |c, out| {
        match c {
            _ if escape::usual(c, out) => {}
            '\'' if quote => out.push(b"\\'"),
            ' '..='~' => return false,
            _ => {
                let [a, b, c, d] = u32::from(c).to_be_bytes();
                let (letter, digits): (&[u8], &[u8]) = match (a, b, c) {
                    (0, 0, 0) => (b"\\x", &[d]),
                    (0, 0, _) => (b"\\u", &[c, d]),
                    _ => (b"\\U", &[a, b, c, d]),
                };
                out.push(letter);
                for byte in digits {
                    escape::hex(*byte, false, out);
                }
            }
        }
        true
    })
}

/// A quote in a string is written twice: `'` in SQL and YAML, `"` in CSV.
pub(super) fn doubled(value: &[u8], to: &mut Needles) {
    for quote in [b'\'', b'"'] {
        if has(value, &[quote]) {
            to.add(escape::bytes(value, |byte, out| {
                if byte == quote {
                    out.push(&[quote, quote]);
                }
                byte == quote
            }));
        }
    }
}
