//! What a machine holds of a key. `docs/formats/api-key.md` specifies it.

use std::fmt;

use keyward_base::token::{TokenBuffer, TokenKind, checksum_fits};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{KeyId, Result, SecretArray};
use keyward_crypto::Provider;
use keyward_keys::{FRONT_LEN, MacHandle, MacVerifier};
use secrecy::{ExposeSecret as _, SecretString};

use crate::api_key::format::SECRET;
use crate::api_key::id::ApiKeyId;

/// Id, secret, and the first bytes of the MAC over prefix and both.
pub(crate) type Kind = TokenKind<([u8; 16], [u8; 32], [u8; FRONT_LEN])>;

/// Unless the application has a prefix of its own.
pub(crate) const KEYWARD: Kind = TokenKind::new("kwk_", 1).with_checksum();

/// The text of an API key: its prefix, 87 characters and a checksum of 6. Whoever has it may do what
/// the key may, so it is shown once and to its owner; nothing that is stored gives it back.
pub struct ApiKey(SecretString);

impl ApiKey {
    /// The text, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Whether a text ends in the checksum of what stands before it, as every API key does: by this a
/// scanner, or a form, tells one that was cut or mistyped, without asking anybody. It authenticates
/// nothing.
#[must_use]
pub fn checksum_is_right(text: &str) -> bool {
    checksum_fits(text)
}

/// A key that was just made, and what its row keeps of it.
pub(crate) struct Made {
    pub(crate) key: ApiKey,
    pub(crate) id: ApiKeyId,
    pub(crate) proof: [u8; 32],
}

/// Makes a key of random id and secret under the active key of the ring.
pub(crate) fn make(provider: &Provider, kind: &Kind, key: &MacHandle) -> Result<Made> {
    with_stack_wiped(|| {
        let mut id = [0; 16];
        provider.fill(&mut id)?;
        let secret: SecretArray<32> = provider.random()?;
        let proof = key.sign(SECRET, &(kind.prefix(), &id, secret.expose()));
        let front = proof.first_chunk().unwrap_or(&[0; FRONT_LEN]);
        let text = kind.encode(key.id(), (&id, secret.expose(), front))?;
        Ok(Made {
            key: ApiKey(text),
            id: ApiKeyId::from_bytes(id),
            proof,
        })
    })
}

/// What a text names, and what its row must hold, once it was found to be ours.
pub(crate) struct Passed {
    pub(crate) id: ApiKeyId,
    pub(crate) proof: [u8; 32],
    /// The key of the ring that it named: its row's too, as a rule.
    pub(crate) key: MacVerifier,
}

/// Reads a text and asks `key` for the key that it names. No store is asked: what is malformed or was
/// made up ends here.
///
/// # Errors
/// Those of [`TokenKind::decode`], of `key`, and of [`MacVerifier::verify_front`].
pub(crate) fn pass(
    kind: &Kind,
    text: &str,
    key: impl FnOnce(KeyId) -> Result<MacVerifier>,
) -> Result<Passed> {
    let mut buffer = TokenBuffer::new();
    let token = kind.decode(text, &mut buffer)?;
    let (id, secret, front) = token.payload;
    let key = key(token.key)?;
    let proof = key.verify_front(SECRET, &(kind.prefix(), id, secret), front)?;
    Ok(Passed {
        id: ApiKeyId::from_bytes(*id),
        proof,
        key,
    })
}

/// The key of the ring that a text names. Nothing in it is verified.
///
/// # Errors
/// Those of [`TokenKind::decode`].
pub(crate) fn key_of(kind: &Kind, text: &str) -> Result<KeyId> {
    let mut buffer = TokenBuffer::new();
    Ok(kind.decode(text, &mut buffer)?.key)
}
