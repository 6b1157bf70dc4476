//! The shape all keyward tokens share: `kw`, a letter for the kind, `_`, and base64url of
//! `version(1) | key id(8) | rest`. Reading the shape proves nothing about the token.

use std::fmt;

use crate::encoding;
use crate::error::{Error, Reason, Result};
use crate::id::KeyId;

/// The most bytes of text a token may have.
pub const MAX_TOKEN_LEN: usize = 512;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// `kwk_`: an API key.
    ApiKey,
    /// `kwl_`: an approval link.
    ApprovalLink,
    /// `kwr_`: a refresh token.
    Refresh,
    /// `kws_`: a session.
    Session,
}

impl TokenKind {
    /// The text a token of this kind begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "kwk_",
            Self::ApprovalLink => "kwl_",
            Self::Refresh => "kwr_",
            Self::Session => "kws_",
        }
    }
}

/// The readable outside of a token: nothing in it is verified, and no secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenShape {
    kind: TokenKind,
    version: u8,
    key: KeyId,
    rest_len: usize,
}

impl TokenShape {
    /// Reads the shape of `text`.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TooLong`] beyond 512 bytes, else [`Reason::Malformed`].
    pub fn parse(text: &str) -> Result<Self> {
        const KINDS: [TokenKind; 4] = [
            TokenKind::ApiKey,
            TokenKind::ApprovalLink,
            TokenKind::Refresh,
            TokenKind::Session,
        ];
        if text.len() > MAX_TOKEN_LEN {
            return Err(Error::rejected(Reason::TooLong));
        }
        let malformed = || Error::rejected(Reason::Malformed);
        let (kind, body) = KINDS
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
            .ok_or_else(malformed)?;
        let bytes = crate::SecretBytes::new(encoding::from_base64url(body)?);
        let (version, rest) = bytes.expose().split_first().ok_or_else(malformed)?;
        let (key, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        Ok(Self {
            kind,
            version: *version,
            key: KeyId::from_bytes(*key),
            rest_len: rest.len(),
        })
    }

    /// What the token is for.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
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

    /// How many bytes follow the key id.
    #[must_use]
    pub const fn rest_len(&self) -> usize {
        self.rest_len
    }
}

impl fmt::Debug for TokenShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TokenShape({:?}, version {}, {})",
            self.kind, self.version, self.key
        )
    }
}
