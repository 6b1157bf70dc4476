//! Plain, repeated and keyed digests. None is a hash of passwords, since each is quick to guess
//! against; many services took them for one, and their rows have to be read once more.

use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result, SecretBytes};
use sha2::Digest as _;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// MD4 (RFC 1320), 16 bytes.
    Md4,
    /// MD5 (RFC 1321), 16 bytes.
    Md5,
    /// SHA-1 (FIPS 180-4), 20 bytes.
    Sha1,
    /// SHA-224, 28 bytes.
    Sha224,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Digest {
    /// Bytes of a digest.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Runs the body once, with the type of the hash as `$D`.
macro_rules! with_hash {
    ($digest:expr, $D:ident => $body:expr) => {
        match $digest {
            $crate::slow::digest::Digest::Md4 => {
                type $D = md4::Md4;
                $body
            }
            $crate::slow::digest::Digest::Md5 => {
                type $D = md5::Md5;
                $body
            }
            $crate::slow::digest::Digest::Sha1 => {
                type $D = sha1::Sha1;
                $body
            }
            $crate::slow::digest::Digest::Sha224 => {
                type $D = sha2::Sha224;
                $body
            }
            $crate::slow::digest::Digest::Sha256 => {
                type $D = sha2::Sha256;
                $body
            }
            $crate::slow::digest::Digest::Sha384 => {
                type $D = sha2::Sha384;
                $body
            }
            $crate::slow::digest::Digest::Sha512 => {
                type $D = sha2::Sha512;
                $body
            }
        }
    };
}
pub(super) use with_hash;

/// The digest of the parts, one after the other with nothing between them.
#[must_use]
pub fn digest(hash: Digest, parts: &[&[u8]]) -> SecretBytes {
    repeated(hash, parts, 0, &[])
}

/// The digest of the parts, and then `times` over the digest of the digest and `after`.
#[must_use]
pub fn repeated(hash: Digest, parts: &[&[u8]], times: u32, after: &[u8]) -> SecretBytes {
    let mut out = SecretBytes::new(vec![0; hash.digest_len()]);
    with_stack_wiped(|| {
        with_hash!(hash, D => {
            let mut running = D::new();
            parts.iter().for_each(|part| running.update(part));
            let mut last = running.finalize();
            for _ in 0..times {
                last = D::new().chain_update(last).chain_update(after).finalize();
            }
            out.expose_mut().copy_from_slice(&last);
        });
    });
    out
}

/// The HMAC (RFC 2104) of the parts, one after the other. The key may be empty: some services stored
/// such a hash.
///
/// # Errors
/// `Unavailable` if the provider cannot take the key, which does not happen.
pub fn hmac(hash: Digest, key: &[u8], parts: &[&[u8]]) -> Result<SecretBytes> {
    hmac_repeated(hash, key, parts, 0)
}

/// [`fn@hmac`], and then `times` over the HMAC of what came out.
///
/// # Errors
/// As [`fn@hmac`].
pub fn hmac_repeated(hash: Digest, key: &[u8], parts: &[&[u8]], times: u32) -> Result<SecretBytes> {
    let mut out = SecretBytes::new(vec![0; hash.digest_len()]);
    with_stack_wiped(|| {
        with_hash!(hash, D => {
            let keyed = Hmac::<D>::new_from_slice(key)
                .map_err(|_| Error::unavailable("the provider cannot take the key"))?;
            let mut running = keyed.clone();
            parts.iter().for_each(|part| running.update(part));
            let mut last = running.finalize().into_bytes();
            for _ in 0..times {
                last = keyed.clone().chain_update(last).finalize().into_bytes();
            }
            out.expose_mut().copy_from_slice(&last);
        });
        Ok(())
    })?;
    Ok(out)
}
