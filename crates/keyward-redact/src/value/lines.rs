//! The lines of a value of several lines: a log seldom has them all.

/// The lines of `value` that may be secret, if there are several: those that say only what kind of
/// key it is are not among them.
pub(super) fn of(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let several = value.iter().any(|b| matches!(b, b'\n' | b'\r'));
    value
        .split(|b| matches!(b, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(move |line| several && !is_public(line))
}

/// The armour of RFC 7468 and RFC 4716, and what RFC 1421 and PuTTY write above a key.
fn is_public(line: &[u8]) -> bool {
    const PUBLIC: [&[u8]; 9] = [
        b"-----BEGIN ",
        b"-----END ",
        b"---- BEGIN ",
        b"---- END ",
        b"Proc-Type: ",
        b"DEK-Info: ",
        b"PuTTY-User-Key-File-",
        b"Encryption: ",
        b"Private-Lines: ",
    ];
    PUBLIC.iter().any(|public| line.starts_with(public))
}
