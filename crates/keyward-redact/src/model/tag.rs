//! What tells the masks of one conversation from all others.

use std::sync::Arc;

use keyward_base::{Error, Result};

/// Random bytes of a tag: 80 bits. Who guesses has one attempt for each tool call of a model.
const RANDOM_LEN: usize = 10;

/// Characters of a tag: 5 bits each.
pub(crate) const TAG_LEN: usize = 16;

/// Those of base32 (RFC 4648), in lower case.
const ALPHABET: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";

#[derive(Clone)]
pub(crate) struct Tag(Arc<str>);

impl Tag {
    pub(crate) fn random(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        let mut bytes = [0; RANDOM_LEN];
        random(&mut bytes)?;
        let bits = bytes
            .iter()
            .fold(0_u128, |bits, b| (bits << 8) | u128::from(*b));
        let character = |i: usize| {
            let shifted = (0..i).fold(bits, |bits, _| bits >> 5);
            let five = usize::try_from(shifted & 31).unwrap_or_default();
            char::from(ALPHABET.get(five).copied().unwrap_or_default())
        };
        let text: String = (0..TAG_LEN).map(character).collect();
        Ok(Self(text.into()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.len() == TAG_LEN && text.bytes().all(|b| ALPHABET.contains(&b)) {
            return Ok(Self(text.into()));
        }
        Err(Error::misuse(
            "the tag of a conversation is 16 characters of a to z and 2 to 7: take what \
             Conversation::tag gave",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}
