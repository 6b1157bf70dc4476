//! ASP.NET Identity: base64 of a layout that begins with its version. Both are read to the last byte:
//! what is longer or shorter is none.

use keyward_crypto::slow::digest::Digest;

use super::pbkdf2;
use crate::recipe::Recipe;
use crate::text;

pub(crate) fn parse(text: &str) -> Option<Recipe> {
    let bytes = text::base64(text).filter(|_| text.len().is_multiple_of(4))?;
    match bytes.split_first()? {
        (0, rest) => version2(rest),
        (1, rest) => version3(rest),
        _ => None,
    }
}

/// A salt of 16 bytes, then 32 of PBKDF2-HMAC-SHA-1 with 1,000 rounds.
fn version2(rest: &[u8]) -> Option<Recipe> {
    let (salt, hash) = rest.split_at_checked(16)?;
    let whole = hash.len() == 32;
    whole.then(|| pbkdf2::recipe(Digest::Sha1, 1000, salt.to_vec(), hash.to_vec()))?
}

/// Which HMAC, the rounds and the length of the salt, each in four bytes, the first the greatest; then
/// the salt, of at least 16 bytes, and the hash, of at least 16.
fn version3(rest: &[u8]) -> Option<Recipe> {
    let (header, rest) = rest.split_first_chunk::<12>()?;
    let (numbers, _) = header.as_chunks::<4>();
    let [prf, rounds, salt_len] = numbers else {
        return None;
    };
    let digest = match u32::from_be_bytes(*prf) {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return None,
    };
    let salt_len = usize::try_from(u32::from_be_bytes(*salt_len)).ok()?;
    let (salt, hash) = rest.split_at_checked(salt_len)?;
    let rounds = u32::from_be_bytes(*rounds).into();
    let sound = salt.len() >= 16 && hash.len() >= 16;
    sound.then(|| pbkdf2::recipe(digest, rounds, salt.to_vec(), hash.to_vec()))?
}
