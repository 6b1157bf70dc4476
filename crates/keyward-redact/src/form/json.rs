//! Strings of JSON, RFC 8259 section 7, as different programs write them.

use keyward_base::SecretBytes;

use super::escape::{self, has};
use super::needles::Needles;

/// What writers that make JSON safe to stand in a page write as `\u00XX` besides.
const HTML: [&str; 5] = [
    // Go's encoding/json, ActiveSupport, Django's json_script.
    "<>&\u{2028}\u{2029}",
    // Flask and Jinja's tojson.
    "<>&'",
    // Gson.
    "<>&='",
    // PHP with all of JSON_HEX_*.
    "<>&'\"",
    // System.Text.Json.
    "<>&'\"+`\u{7f}",
];

#[derive(Clone, Copy, Default)]
struct Writer {
    /// Hexadecimal digits above 9 are capitals.
    upper: bool,
    /// U+0008 and U+000C are written as numbers.
    long: bool,
    /// `/` is written `\/`.
    solidus: bool,
    /// Everything beyond ASCII is written as numbers.
    ascii: bool,
    /// So is U+007F.
    delete: bool,
    /// What else is.
    also: &'static str,
}

impl Writer {
    fn write(self, value: &[u8]) -> SecretBytes {
        escape::chars(value, |c, out| {
            let number = match c {
                '\u{8}' | '\u{c}' => self.long,
                '\n' | '\r' | '\t' | '\\' => false,
                '\u{7f}' => self.delete || self.also.contains(c),
                '\0'..='\u{1f}' => true,
                '\u{80}'.. if self.ascii => true,
                _ => self.also.contains(c),
            };
            if number {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    out.push(b"\\u");
                    escape::hex(high, self.upper, out);
                    escape::hex(low, self.upper, out);
                }
                return true;
            }
            let short: &[u8] = match c {
                '"' => b"\\\"",
                '\\' => b"\\\\",
                '\u{8}' => b"\\b",
                '\u{c}' => b"\\f",
                '\n' => b"\\n",
                '\r' => b"\\r",
                '\t' => b"\\t",
                '/' if self.solidus => b"\\/",
                _ => return false,
            };
            out.push(short);
            true
        })
    }

    /// This one, and those that differ in what is a matter of taste and matters for `value`.
    fn add(self, value: &[u8], to: &mut Needles) {
        let either: &[bool] = &[false, true];
        let long = if has(value, b"\x08\x0c") {
            either
        } else {
            &[false]
        };
        for upper in either {
            for long in long {
                let writer = Self {
                    upper: *upper,
                    long: *long,
                    ..self
                };
                to.add(writer.write(value));
            }
        }
    }
}

/// Nothing is escaped but what must be.
pub(super) fn minimal(value: &[u8], to: &mut Needles) {
    Writer::default().add(value, to);
}

/// `/` is escaped too, as PHP does it.
pub(super) fn solidus(value: &[u8], to: &mut Needles) {
    if !has(value, b"/") {
        return;
    }
    let writer = Writer {
        solidus: true,
        ..Writer::default()
    };
    writer.add(value, to);
}

/// Nothing is left beyond ASCII, as Python does it, and U+007F with it, and PHP, without.
pub(super) fn ascii(value: &[u8], to: &mut Needles) {
    if value.iter().all(|b| *b < 0x7f) {
        return;
    }
    for (solidus, delete) in [(false, false), (false, true), (true, false), (true, true)] {
        let writer = Writer {
            solidus,
            delete,
            ascii: true,
            ..Writer::default()
        };
        writer.add(value, to);
    }
}

/// It may stand in a page.
pub(super) fn html(value: &[u8], to: &mut Needles) {
    let beyond = !value.is_ascii();
    for also in HTML {
        // The separators begin with one byte.
        if !beyond && !has(value, also.as_bytes()) {
            continue;
        }
        for solidus in [false, true] {
            for ascii in [false, true] {
                if (solidus && !has(value, b"/")) || (ascii && !beyond) {
                    continue;
                }
                let writer = Writer {
                    solidus,
                    ascii,
                    also,
                    ..Writer::default()
                };
                writer.add(value, to);
            }
        }
    }
}
