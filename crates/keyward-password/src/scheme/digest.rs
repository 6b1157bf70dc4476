//! Digests in hexadecimal.

use keyward_base::SecretBytes;
use keyward_crypto::slow::digest::Digest;

use crate::recipe::{Hash, Recipe};
use crate::text;

/// The digest of the password.
pub(crate) fn hex(digest: Digest, text: &str) -> Option<Recipe> {
    salted(digest, b"", b"", text::hex(text)?)
}

/// The digest of something, the password and something.
pub(crate) fn salted(
    digest: Digest,
    before: &[u8],
    after: &[u8],
    expected: Vec<u8>,
) -> Option<Recipe> {
    let hash = Hash::Digest {
        digest,
        before: SecretBytes::copy_of(before).into(),
        after: after.to_vec(),
        times: 0,
    };
    (expected.len() == digest.digest_len()).then(|| Recipe::new(hash, expected))
}

/// By the names that Python and others have for it.
pub(crate) fn by_name(name: &str) -> Option<Digest> {
    Some(match name.to_ascii_lowercase().as_str() {
        "md4" => Digest::Md4,
        "md5" => Digest::Md5,
        "sha1" => Digest::Sha1,
        "sha224" => Digest::Sha224,
        "sha256" => Digest::Sha256,
        "sha384" => Digest::Sha384,
        "sha512" => Digest::Sha512,
        _ => return None,
    })
}
