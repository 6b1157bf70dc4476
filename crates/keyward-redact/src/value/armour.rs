//! What stands inside the armour of a key: RFC 7468.

use base64ct::{Base64, Encoding as _};
use keyward_base::SecretBytes;

/// The bytes of the first armoured block of `value`.
pub(super) fn decoded(value: &[u8]) -> Option<SecretBytes> {
    let begin = find(value, b"-----BEGIN ")?;
    let inside = value.get(begin..)?;
    let inside = inside.get(inside.iter().position(|b| *b == b'\n')?..)?;
    let inside = inside.get(..find(inside, b"-----END ")?)?;
    let mut text = SecretBytes::new(Vec::with_capacity(inside.len()));
    // Headers of RFC 1421 have a colon, which base64 has not.
    let lines = inside.split(|b| *b == b'\n');
    for line in lines.filter(|line| !line.contains(&b':')) {
        text.push(line.trim_ascii());
    }
    let mut bytes = SecretBytes::new(vec![0; text.len()]);
    let len = Base64::decode(text.expose(), bytes.expose_mut())
        .ok()?
        .len();
    bytes.truncate(len);
    Some(bytes)
}

fn find(value: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(value, what)
}
