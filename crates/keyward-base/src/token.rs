//! The form all keyward tokens share: a prefix that names the kind, and base64url of
//! `version(1) | key id(8) | payload`. See `docs/formats/token.md`.
//!
//! A kind is a constant of the crate that issues it; its type says what the payload is made of.
//!
//! ```
//! use keyward_base::KeyId;
//! use keyward_base::token::{TokenBuffer, TokenKind};
//! use secrecy::ExposeSecret as _;
//!
//! /// The id of a device and the tag that authenticates it.
//! const DEVICE: TokenKind<([u8; 16], [u8; 32])> = TokenKind::new("kwd_", 1);
//!
//! # fn main() -> keyward_base::Result<()> {
//! let key = KeyId::from_bytes([7; 8]);
//! let text = DEVICE.encode(key, (&[1; 16], &[2; 32]))?;
//!
//! let mut buffer = TokenBuffer::new();
//! let token = DEVICE.decode(text.expose_secret(), &mut buffer)?;
//! let (id, tag) = token.payload;
//! assert_eq!((token.key, id, tag), (key, &[1; 16], &[2; 32]));
//! # Ok(()) }
//! ```
//!
//! Decoding proves nothing about a token: the crate of its kind verifies it.

mod base64url;
mod checksum;
mod layout;
mod page;
mod shape;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secrecy::SecretString;

pub use layout::{Layout, Part};
pub use page::on_page;
pub use shape::TokenShape;

use crate::error::{Error, Reason, Result};
use crate::id::KeyId;
use crate::wipe::{wipe, wipe_vec};

/// The most bytes of text that a token may have.
pub const MAX_TOKEN_LEN: usize = 512;

/// The most bytes that such a text decodes to.
const MAX_DECODED_LEN: usize = MAX_TOKEN_LEN / 4 * 3;

/// Bytes before the payload: version and key id.
const FRONT_LEN: usize = 9;

/// What a token is for, and what its payload is made of: a tuple of [`Part`]s.
#[derive(Clone)]
pub struct TokenKind<L> {
    prefix: Cow<'static, str>,
    version: u8,
    checksum: bool,
    layout: PhantomData<L>,
}

/// Whether a text ends in the checksum of all that stands before it, as tokens of a kind
/// [with one](TokenKind::with_checksum) do, whatever its prefix. It authenticates nothing.
#[must_use]
pub fn checksum_fits(text: &str) -> bool {
    let whole = text.as_bytes();
    text.len() <= MAX_TOKEN_LEN
        && whole
            .split_last_chunk()
            .is_some_and(|(body, sum)| !body.is_empty() && checksum::fits(body, sum))
}

/// A token that was decoded. Nothing in it is verified.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // The form has just these.
pub struct Token<P> {
    /// The key that it says it was made with.
    pub key: KeyId,
    /// The parts of its payload, in the caller's buffer.
    pub payload: P,
}

impl<P> fmt::Debug for Token<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, ..)", self.key)
    }
}

/// Where a token is decoded to: 384 bytes, wiped on drop and before each use. Keep it where it is
/// made; a move leaves a copy behind.
pub struct TokenBuffer {
    bytes: [u8; MAX_DECODED_LEN],
    /// So many of them, at the front, may have something in them.
    used: usize,
}

impl TokenBuffer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; MAX_DECODED_LEN],
            used: 0,
        }
    }

    /// Room for so many bytes, if it has as many: all zeros.
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        self.wipe();
        let room = self.bytes.get_mut(..len)?;
        self.used = len;
        Some(room)
    }

    fn wipe(&mut self) {
        if let Some(used) = self.bytes.get_mut(..self.used) {
            wipe(used);
        }
        self.used = 0;
    }
}

impl Default for TokenBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TokenBuffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for TokenBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenBuffer(..)")
    }
}

impl<L> TokenKind<L> {
    /// A kind of keyward's own, whose `prefix` is `kw`, a letter and `_`, in its `version`.
    #[must_use]
    pub const fn new(prefix: &'static str, version: u8) -> Self {
        Self {
            prefix: Cow::Borrowed(prefix),
            version,
            checksum: false,
            layout: PhantomData,
        }
    }

    /// The same kind, ending in a checksum: six characters by which a secret scanner tells a token
    /// from what only looks like one, without asking anybody. It authenticates nothing.
    #[must_use]
    pub const fn with_checksum(mut self) -> Self {
        self.checksum = true;
        self
    }

    /// The same kind under an application's own prefix, such as `acme_key_`: 3 to 24 lower-case
    /// letters, digits and `_`, a letter first and `_` last. Tokens of one prefix are not taken
    /// under another.
    ///
    /// # Errors
    /// `Misuse` for any other prefix, and for one that begins with `kw`, which keyward's own do.
    pub fn with_prefix(&self, prefix: &str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let fits = (3..=24).contains(&prefix.len())
            && prefix.bytes().all(plain)
            && prefix.starts_with(|first: char| first.is_ascii_lowercase())
            && prefix.ends_with('_')
            && !prefix.starts_with("kw");
        if !fits {
            return Err(Error::misuse(
                "a prefix of tokens is 3 to 24 lower-case letters, digits and '_', a letter first \
                 and '_' last, and does not begin with kw",
            ));
        }
        Ok(Self {
            prefix: Cow::Owned(prefix.to_owned()),
            version: self.version,
            checksum: self.checksum,
            layout: PhantomData,
        })
    }

    /// What a token of this kind begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl<L: Layout> TokenKind<L> {
    /// A regular expression that matches tokens of this kind and hardly anything else, for secret
    /// scanners: of the common subset of PCRE, RE2 and ECMAScript.
    #[must_use]
    pub fn pattern(&self) -> String {
        let end = if self.checksum { "[0-9A-Za-z]{6}" } else { "" };
        format!(
            "{}[A-Za-z0-9_-]{{{}}}{end}",
            self.prefix,
            Self::encoded_len()
        )
    }

    /// Decodes `text` into `buffer`, in one pass and without a branch or an address that depends
    /// on what is secret in it: all but prefix, length, version and key id. What a token holds is
    /// judged once, after all of it was read.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`] beyond 512 bytes, [`Reason::MALFORMED`] for another prefix,
    /// length, alphabet or version, non-zero trailing bits, or a wrong checksum.
    pub fn decode<'b>(
        &self,
        text: &str,
        buffer: &'b mut TokenBuffer,
    ) -> Result<Token<L::View<'b>>> {
        buffer.wipe();
        if text.len() > MAX_TOKEN_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let malformed = || Error::rejected(Reason::MALFORMED);
        let body = text.strip_prefix(&*self.prefix).ok_or_else(malformed)?;
        let (body, sum) = body
            .split_at_checked(Self::encoded_len())
            .ok_or_else(malformed)?;
        let intact = if self.checksum {
            text.as_bytes()
                .split_last_chunk()
                .is_some_and(|(before, it)| it.len() == sum.len() && checksum::fits(before, it))
        } else {
            sum.is_empty()
        };
        let room = buffer.room(Self::len()).ok_or_else(malformed)?;
        let decoded = base64url::decode(body.as_bytes(), room);
        if !(decoded && intact) {
            buffer.wipe();
            return Err(malformed());
        }
        let bytes = buffer.bytes.get(..Self::len()).ok_or_else(malformed)?;
        let (version, rest) = bytes.split_first().ok_or_else(malformed)?;
        let (key, payload) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        if *version != self.version {
            return Err(malformed());
        }
        Ok(Token {
            key: KeyId::from_bytes(*key),
            payload: L::view(payload).ok_or_else(malformed)?,
        })
    }

    /// The text of a token made with `key`.
    ///
    /// # Errors
    /// `Misuse` for a kind whose tokens would have more than 512 bytes.
    pub fn encode(&self, key: KeyId, payload: L::View<'_>) -> Result<SecretString> {
        let too_long = || Error::misuse("a token of this kind has more than 512 bytes");
        let len = self.text_len();
        if len > MAX_TOKEN_LEN {
            return Err(too_long());
        }
        let mut buffer = TokenBuffer::new();
        let bytes = buffer.room(Self::len()).ok_or_else(too_long)?;
        let (front, room) = bytes.split_at_mut_checked(FRONT_LEN).ok_or_else(too_long)?;
        if let Some((version, id)) = front.split_first_mut() {
            *version = self.version;
            id.copy_from_slice(&key.to_bytes());
        }
        L::write(payload, room);
        // As long as the text is: the string takes it over without a copy.
        let mut out = vec![0; len];
        let written = self.fill(bytes, &mut out);
        match (written, String::from_utf8(out)) {
            (Some(()), Ok(text)) => Ok(SecretString::from(text)),
            (_, Ok(text)) => {
                wipe_vec(&mut text.into_bytes());
                Err(too_long())
            }
            (_, Err(e)) => {
                wipe_vec(&mut e.into_bytes());
                Err(too_long())
            }
        }
    }

    fn fill(&self, bytes: &[u8], out: &mut [u8]) -> Option<()> {
        let end = self.prefix.len().checked_add(Self::encoded_len())?;
        let (front, sum) = out.split_at_mut_checked(end)?;
        let (prefix, body) = front.split_at_mut_checked(self.prefix.len())?;
        prefix.copy_from_slice(self.prefix.as_bytes());
        Base64UrlUnpadded::encode(bytes, body).ok()?;
        if self.checksum {
            sum.copy_from_slice(&checksum::of(front));
        }
        Some(())
    }

    fn len() -> usize {
        FRONT_LEN.saturating_add(L::LEN)
    }

    /// Characters of base64url.
    fn encoded_len() -> usize {
        Self::len().saturating_mul(4).div_ceil(3)
    }

    fn text_len(&self) -> usize {
        let sum = if self.checksum { checksum::LEN } else { 0 };
        self.prefix
            .len()
            .saturating_add(Self::encoded_len())
            .saturating_add(sum)
    }
}

impl<L> fmt::Debug for TokenKind<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKind({:?}, version {})", self.prefix, self.version)
    }
}
