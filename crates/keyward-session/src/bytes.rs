//! What the formats of this crate have in common.

use keyward_base::{Error, KeyId, Reason, Result};
use keyward_crypto::mac::TAG_LEN;

/// Text behind its length in two bytes. It was bounded where it came in.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A record in front of its MAC, the MAC, and the id of the key that made it: behind four bytes that
/// say what it is, and its version.
pub(crate) fn split(data: &[u8]) -> Option<(&[u8], &[u8; TAG_LEN], KeyId)> {
    let (bytes, tag) = data.split_last_chunk::<TAG_LEN>()?;
    let id = bytes.get(5..)?.first_chunk::<8>()?;
    Some((bytes, tag, KeyId::from_bytes(*id)))
}

pub(crate) fn damaged(what: &str) -> Error {
    Error::corrupt(format!(
        "{what} is not what was written: whoever it is of logs in again"
    ))
    .because(Reason::NOT_AUTHENTIC)
}

pub(crate) fn newer() -> Error {
    Error::unavailable("a stored session was written by a newer release: upgrade keyward")
}

/// What makes the bytes of a record its own.
pub(crate) fn authentic<T>(result: Result<T>, what: &str) -> Result<T> {
    result.map_err(|e| match e.kind() {
        keyward_base::ErrorKind::Rejected => damaged(what).with_source(e),
        _ => e,
    })
}
