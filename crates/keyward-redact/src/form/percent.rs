//! Percent-encoding: RFC 3986 section 2.1, and the sets of the WHATWG's URL standard.

use keyward_base::SecretBytes;

use super::escape;
use super::needles::Needles;

/// What stays besides letters and digits, for whoever encodes a part of a URL.
const KEPT: [&[u8]; 7] = [
    // RFC 3986 unreserved: Python's quote with safe="", Go's QueryEscape, PHP's rawurlencode.
    b"-._~",
    // Python's quote.
    b"-._~/",
    // encodeURI.
    b"-._~!*'();,/?:@&=+$#",
    // RFC 3986 pchar.
    b"-._~!$&'()*+,;=:@",
    // Go's PathEscape.
    b"-._~$&+=:@",
    // RFC 3986 sub-delims, as in user information.
    b"-._~!$&'()*+,;=",
    // PHP's urlencode, which does not keep the tilde.
    b"-._",
];

/// What the WHATWG's sets encode besides control characters and what is beyond ASCII: fragment,
/// query, special query, path, userinfo, component. The last is what `encodeURIComponent` encodes.
const ENCODED: [&[u8]; 6] = [
    b" \"<>`",
    b" \"#<>",
    b" \"#<>'",
    b" \"#<>?^`{}",
    b" \"#<>?^`{}/:;=@[\\]|",
    b" \"#<>?^`{}/:;=@[\\]|$%&+,",
];

/// What stays in a form, `application/x-www-form-urlencoded`, where a space is `+`: by the WHATWG,
/// and for Python's quote_plus, Go's QueryEscape and PHP's urlencode.
const FORM_KEPT: [&[u8]; 3] = [b"*-._", b"-._~", b"-._"];

/// As a part of a URL: a space is `%20`.
pub(super) fn all(value: &[u8], to: &mut Needles) {
    for upper in [true, false] {
        for kept in KEPT {
            let keep = |b: u8| b.is_ascii_alphanumeric() || kept.contains(&b);
            to.add(encode(value, upper, keep));
        }
        for encoded in ENCODED {
            let keep = |b: u8| (b' '..=b'~').contains(&b) && !encoded.contains(&b);
            to.add(encode(value, upper, keep));
        }
    }
}

/// As a field of a form: a space is `+`, or `%20` as for who writes neither.
pub(super) fn form(value: &[u8], to: &mut Needles) {
    let spaces: &[bool] = if value.contains(&b' ') {
        &[true, false]
    } else {
        &[false]
    };
    for upper in [true, false] {
        for kept in FORM_KEPT {
            let keep = |b: u8| b.is_ascii_alphanumeric() || kept.contains(&b);
            for plus in spaces {
                let mut encoded = encode(value, upper, |b| keep(b) || (*plus && b == b' '));
                for byte in encoded.expose_mut() {
                    if *byte == b' ' {
                        *byte = b'+';
                    }
                }
                to.add(encoded);
            }
        }
    }
}

fn encode(value: &[u8], upper: bool, keep: impl Fn(u8) -> bool) -> SecretBytes {
    escape::bytes(value, |byte, out| {
        let kept = keep(byte);
        if !kept {
            out.push(b"%");
            escape::hex(byte, upper, out);
        }
        !kept
    })
}
