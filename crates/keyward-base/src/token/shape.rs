//! The readable outside of a token whose kind is not known.

use std::fmt;

use crate::encoding::from_base64url_array;
use crate::error::{Error, Reason, Result};
use crate::id::KeyId;
use crate::token::MAX_TOKEN_LEN;

/// Characters of base64url that hold version and key id.
const FRONT_CHARACTERS: usize = 12;

/// What anybody can read of one of keyward's own tokens, of whatever kind: nothing in it is
/// verified, and nothing of its payload is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenShape {
    letter: char,
    version: u8,
    key: KeyId,
    rest: usize,
}

impl TokenShape {
    /// Reads `kw`, a lower-case letter, `_`, and base64url of version, key id and more.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`] beyond 512 bytes, else [`Reason::MALFORMED`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TOKEN_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let malformed = || Error::rejected(Reason::MALFORMED);
        let mut body = text.strip_prefix("kw").ok_or_else(malformed)?.chars();
        let letter = body
            .next()
            .filter(char::is_ascii_lowercase)
            .ok_or_else(malformed)?;
        let body = body.as_str().strip_prefix('_').ok_or_else(malformed)?;
        let (front, rest) = body
            .split_at_checked(FRONT_CHARACTERS)
            .ok_or_else(malformed)?;
        let front = from_base64url_array::<9>(front)?;
        let (version, id) = front.split_first().ok_or_else(malformed)?;
        let id = id.first_chunk().ok_or_else(malformed)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !rest.bytes().all(allowed) {
            return Err(malformed());
        }
        Ok(Self {
            letter,
            version: *version,
            key: KeyId::from_bytes(*id),
            rest: rest.len(),
        })
    }

    /// What it begins with, such as `kws_`.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("kw{}_", self.letter)
    }

    /// The version of its format.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The key it says it was made with.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// How many characters follow the key id.
    #[must_use]
    pub const fn rest(&self) -> usize {
        self.rest
    }
}

impl fmt::Debug for TokenShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TokenShape({}, version {}, {})",
            self.prefix(),
            self.version,
            self.key
        )
    }
}
