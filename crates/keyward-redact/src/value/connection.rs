//! The password in a URL or a connection string, as it is written and as it is meant.

use keyward_base::SecretBytes;

/// Nobody writes a URL or a connection string that is longer: what is may have any number of ends.
const MAX_LEN: usize = 4096;

/// Keys of connection strings and query strings whose values are secret, in small letters and
/// without `-`, `_` and spaces: of libpq, ADO.NET, ODBC, JDBC and Azure.
const KEYS: [&[u8]; 24] = [
    b"accesskey",
    b"accesstoken",
    b"accountkey",
    b"apikey",
    b"authtoken",
    b"clientsecret",
    b"key",
    b"keypassword",
    b"pass",
    b"passphrase",
    b"passwd",
    b"password",
    b"pwd",
    b"saslpassword",
    b"secret",
    b"secretaccesskey",
    b"secretkey",
    b"sharedaccesskey",
    b"sharedaccesssignature",
    b"sig",
    b"signature",
    b"sslpassword",
    b"token",
    b"truststorepassword",
];

/// The passwords in `value`, if it is one line of at most [`MAX_LEN`] bytes: each as written and, where it differs, as meant.
pub(super) fn passwords(value: &[u8]) -> Vec<SecretBytes> {
    let mut found = Vec::new();
    if value.len() > MAX_LEN || value.iter().any(|b| matches!(b, b'\n' | b'\r')) {
        return found;
    }
    let mut urls = false;
    for at in memchr::memmem::find_iter(value, b"://") {
        urls = true;
        let (scheme, rest) = value.split_at_checked(at).unwrap_or((value, &[]));
        of_url(scheme, rest.get(3..).unwrap_or_default(), &mut found);
    }
    if !urls && let Some(at) = value.iter().rposition(|b| *b == b'@') {
        // user:password@tcp(host)/name, as MySQL's driver for Go has it.
        let user = value.get(..at).unwrap_or_default();
        if let Some((_, password)) = cut(user, b':') {
            percent(password, &mut found);
        }
    }
    for at in memchr::memchr_iter(b'=', value) {
        let (before, rest) = value.split_at_checked(at).unwrap_or((value, &[]));
        if is_secret(before) {
            of_pair(rest.get(1..).unwrap_or_default(), &mut found);
        }
    }
    found
}

/// `user:password@host` after `scheme://`. For the web, a user alone may be a token.
fn of_url(scheme: &[u8], rest: &[u8], to: &mut Vec<SecretBytes>) {
    let until = |ends: &[u8]| {
        let end = rest.iter().position(|b| ends.contains(b));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    };
    // A password may hold what should have been encoded.
    for authority in [until(b"/?# \t,"), until(b" \t")] {
        let Some(at) = authority.iter().rposition(|b| *b == b'@') else {
            continue;
        };
        let user = authority.get(..at).unwrap_or_default();
        let (name, password) = cut(user, b':').unwrap_or((user, &[]));
        percent(password, to);
        let alone = password.is_empty() || password == b"x-oauth-basic";
        if alone && (scheme.ends_with(b"http") || scheme.ends_with(b"https")) {
            percent(name, to);
        }
        return;
    }
}

/// Whether the key that ends here is one of [`KEYS`].
fn is_secret(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_');
    let start = before.iter().rposition(|b| !is_key(b));
    let start = start.map_or(0, |at| at.saturating_add(1));
    let key = before.get(start..).unwrap_or_default();
    // libpq parts pairs by spaces, ADO.NET has them in keys.
    let last = key.rsplit(|b| *b == b' ').next().unwrap_or_default();
    [key, last].into_iter().any(|key| {
        KEYS.iter().any(|known| {
            let letters = key.iter().filter(|b| b.is_ascii_alphanumeric());
            letters
                .map(u8::to_ascii_lowercase)
                .eq(known.iter().copied())
        })
    })
}

/// What follows `password=`. Where it ends is a matter of dialects, so it is taken to each end that
/// one of them knows.
fn of_pair(rest: &[u8], to: &mut Vec<SecretBytes>) {
    let rest = rest.trim_ascii_start();
    match rest.split_first() {
        Some((b'\'', inside)) => quoted(inside, b'\'', to),
        Some((b'"', inside)) => quoted(inside, b'"', to),
        Some((b'{', inside)) => quoted(inside, b'}', to),
        _ => {}
    }
    for ends in [b";".as_slice(), b"&#", b" \t", b";&# \t,"] {
        let end = rest.iter().position(|b| ends.contains(b));
        percent(
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default(),
            to,
        );
    }
}

/// A value in quotes: the closing one is meant where it is doubled, as ADO.NET and ODBC do it, or
/// stands behind a backslash, as for libpq.
fn quoted(inside: &[u8], close: u8, to: &mut Vec<SecretBytes>) {
    let mut meant = SecretBytes::new(Vec::with_capacity(inside.len()));
    let mut at = 0_usize;
    while let Some(byte) = inside.get(at) {
        let next = inside.get(at.saturating_add(1));
        if *byte == close && next != Some(&close) {
            break;
        }
        let escaped = *byte == b'\\' && close == b'\'';
        let skipped = escaped || *byte == close;
        let kept = if skipped { next } else { Some(byte) };
        if let Some(kept) = kept {
            meant.push(&[*kept]);
        }
        at = at.saturating_add(if skipped { 2 } else { 1 });
    }
    let written = inside.get(..at).unwrap_or(inside);
    if meant.expose() != written {
        to.push(meant);
    }
    to.push(SecretBytes::copy_of(written));
}

/// Adds `written` and, where it has percent-encoded bytes, what it stands for: with `+` as it is,
/// and as a space.
fn percent(written: &[u8], to: &mut Vec<SecretBytes>) {
    if written.is_empty() {
        return;
    }
    to.push(SecretBytes::copy_of(written));
    for plus in [b'+', b' '] {
        let meant = decode(written, plus);
        if meant.expose() != written {
            to.push(meant);
        }
    }
}

fn decode(written: &[u8], plus: u8) -> SecretBytes {
    let mut out = SecretBytes::new(Vec::with_capacity(written.len()));
    let mut rest = written;
    while let Some((byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *byte == b'%');
        if let Some(byte) = digits.and_then(number) {
            out.push(&[byte]);
            rest = behind.get(2..).unwrap_or_default();
            continue;
        }
        out.push(&[if *byte == b'+' { plus } else { *byte }]);
        rest = behind;
    }
    out
}

fn number(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u8::try_from(digit).ok()?)
    })
}

/// Parts `text` at the first `at`.
fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|b| *b == at)?;
    let (before, behind) = text.split_at_checked(place)?;
    Some((before, behind.get(1..)?))
}
