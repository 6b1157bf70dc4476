//! Words of a shell, as `set -x`, `printf %q` and what makes commands write them.

use super::escape::{self, has};
use super::needles::Needles;

/// `'…'`: a quote in it is `'\''` or `'"'"'`.
pub(super) fn single(value: &[u8], to: &mut Needles) {
    for quote in [b"'\\''".as_slice(), b"'\"'\"'"] {
        to.add(escape::bytes(value, |byte, out| {
            if byte == b'\'' {
                out.push(quote);
            }
            byte == b'\''
        }));
    }
}

/// `"…"`: a backslash before `$`, `` ` ``, `"` and `\`, and for some before `!`.
pub(super) fn double(value: &[u8], to: &mut Needles) {
    for special in [b"$`\"\\".as_slice(), b"$`\"\\!"] {
        to.add(escape::bytes(value, |byte, out| {
            if special.contains(&byte) {
                out.push(&[b'\\', byte]);
            }
            special.contains(&byte)
        }));
    }
}

/// A backslash before everything that a shell reads as more than itself, as `printf %q` of Bash
/// does; `~` only where it would be expanded.
pub(super) fn backslash(value: &[u8], to: &mut Needles) {
    let mut before = None;
    to.add(escape::bytes(value, |byte, out| {
        let tilde = byte == b'~' && matches!(before, Some(b':' | b'='));
        let special = tilde || b" !\"$&'()*,;<>?[\\]^`{|}".contains(&byte);
        before = Some(byte);
        if special {
            out.push(&[b'\\', byte]);
        }
        special
    }));
}

/// `$'…'`, as Bash writes a word with control characters in it; bytes beyond ASCII as they are,
/// or in octal where the locale is C.
pub(super) fn ansi(value: &[u8], to: &mut Needles) {
    let control = |b: &u8| b.is_ascii_control() || !b.is_ascii();
    if !value.iter().any(control) && !has(value, b"'\\") {
        return;
    }
    for octal in [false, true] {
        to.add(escape::bytes(value, |byte, out| {
            let short = match byte {
                7 => b'a',
                8 => b'b',
                9 => b't',
                10 => b'n',
                11 => b'v',
                12 => b'f',
                13 => b'r',
                27 => b'E',
                b'\'' | b'\\' => byte,
                0x80.. if !octal => return false,
                b' '..=b'~' => return false,
                _ => {
                    out.push(b"\\");
                    escape::octal(byte, out);
                    return true;
                }
            };
            out.push(&[b'\\', short]);
            true
        }));
    }
}
