//! AES-256-GCM (NIST SP 800-38D) in place, with 96-bit nonces and 128-bit tags. The sealed body
//! uses no associated data; the published vectors do. Called inside `with_stack_wiped` only.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of the tag that follows each chunk.
pub(crate) const TAG_LEN: usize = 16;

/// The encryption failed, or the bytes are not authentic. The caller knows which it asked for.
pub(crate) struct Failed;

#[derive(Clone, Copy, Debug)]
pub(crate) enum AeadPart {
    Ring,
    RustCrypto,
}

/// An expanded key. aes-gcm wipes its own on drop; ring does not, so it must stay on the stack
/// that is wiped.
pub(crate) enum AeadKey {
    Ring(LessSafeKey),
    RustCrypto(Aes256Gcm),
}

impl AeadPart {
    pub(crate) fn key(self, key: &[u8; 32]) -> Result<AeadKey, Failed> {
        Ok(match self {
            Self::Ring => AeadKey::Ring(LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, key).map_err(|_| Failed)?,
            )),
            Self::RustCrypto => AeadKey::RustCrypto(Aes256Gcm::new(key.into())),
        })
    }
}

impl AeadKey {
    /// Encrypts in place and returns the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Failed> {
        match self {
            Self::Ring(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), data)
                    .map_err(|_| Failed)?;
                tag.as_ref().try_into().map_err(|_| Failed)
            }
            Self::RustCrypto(key) => key
                .encrypt_inout_detached(&nonce.into(), aad, data.into())
                .map(Into::into)
                .map_err(|_| Failed),
        }
    }

    /// Decrypts what begins at `from` of `data` to the front of `data`. On failure `data` holds
    /// nothing that may be used.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        data: &mut [u8],
        from: usize,
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Failed> {
        match self {
            // ring moves while it decrypts, which saves a pass over the bytes.
            Self::Ring(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = ring::aead::Tag::from(*tag);
                key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data, from..)
                    .map(|_| ())
                    .map_err(|_| Failed)
            }
            Self::RustCrypto(key) => {
                let sealed = data.get_mut(from..).ok_or(Failed)?;
                key.decrypt_inout_detached(&nonce.into(), aad, sealed.into(), tag.into())
                    .map_err(|_| Failed)?;
                if from > 0 {
                    data.copy_within(from.., 0);
                }
                Ok(())
            }
        }
    }
}
