//! What a browser holds of a session. `docs/formats/session.md` specifies it.

use std::fmt;

use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{KeyId, Result, SecretArray};
use keyward_crypto::Provider;
use keyward_keys::{FRONT_LEN, MacHandle, MacVerifier};
use secrecy::{ExposeSecret as _, SecretString};

use crate::format::SECRET;
use crate::id::SessionId;

/// Id, secret, and the first bytes of the MAC over both.
pub(crate) const SESSION: TokenKind<([u8; 16], [u8; 32], [u8; FRONT_LEN])> =
    TokenKind::new("kws_", 1);

/// The text that proves a session: `kws_` and 87 characters. Whoever has it has the session, so it
/// goes into the cookie and nowhere else; nothing that is stored gives it back.
pub struct SessionToken(SecretString);

impl SessionToken {
    /// The text, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// A token that was just made, and what its row keeps of it.
pub(crate) struct Made {
    pub(crate) token: SessionToken,
    pub(crate) id: SessionId,
    pub(crate) proof: [u8; 32],
}

/// Makes a token of random id and secret under the active key.
pub(crate) fn make(provider: &Provider, key: &MacHandle) -> Result<Made> {
    with_stack_wiped(|| {
        let mut id = [0; 16];
        provider.fill(&mut id)?;
        let secret: SecretArray<32> = provider.random()?;
        let proof = key.sign(SECRET, &(&id, secret.expose()));
        let front = proof.first_chunk().unwrap_or(&[0; FRONT_LEN]);
        let text = SESSION.encode(key.id(), (&id, secret.expose(), front))?;
        Ok(Made {
            token: SessionToken(text),
            id: SessionId::from_bytes(id),
            proof,
        })
    })
}

/// What a token names, and what the row of it must hold, once the token was found to be ours.
pub(crate) struct Passed {
    pub(crate) id: SessionId,
    pub(crate) proof: [u8; 32],
    /// The key that it named: its row's too, as a rule.
    pub(crate) key: MacVerifier,
}

/// Reads a token and asks `key` for the key that it names. No store is asked: what is malformed or
/// was made up ends here.
///
/// # Errors
/// Those of [`TokenKind::decode`], of `key`, and of [`MacVerifier::verify_front`].
pub(crate) fn pass(text: &str, key: impl FnOnce(KeyId) -> Result<MacVerifier>) -> Result<Passed> {
    let mut buffer = TokenBuffer::new();
    let token = SESSION.decode(text, &mut buffer)?;
    let (id, secret, front) = token.payload;
    let key = key(token.key)?;
    let proof = key.verify_front(SECRET, &(id, secret), front)?;
    Ok(Passed {
        id: SessionId::from_bytes(*id),
        proof,
        key,
    })
}

/// The key that a token names. Nothing in it is verified.
///
/// # Errors
/// Those of [`TokenKind::decode`].
pub(crate) fn key_of(text: &str) -> Result<KeyId> {
    let mut buffer = TokenBuffer::new();
    Ok(SESSION.decode(text, &mut buffer)?.key)
}
