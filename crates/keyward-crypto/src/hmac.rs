//! HMAC (RFC 2104) for schemes that others defined, such as the webhooks of a provider: SHA-1,
//! SHA-256 and SHA-512, with keys of any length.
//!
//! ```
//! use keyward_base::SecretBytes;
//! use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};
//! use keyward_crypto::Provider;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let secret = SecretBytes::copy_of(b"It's a Secret to Everybody");
//! let key = HmacKey::new(&Provider::default(), HmacHash::Sha256, &secret)?;
//! let sent = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! key.verify(&[b"Hello, World!"], &HmacTag::from_hex(HmacHash::Sha256, sent)?)?;
//! # Ok(()) }
//! ```
//!
//! What is signed is the scheme's to say, and the parts are hashed one after the other without
//! anything between them. For what keyward itself signs take [`MacKey`](crate::MacKey), which
//! cannot forget a field, nor confuse two of them.

use std::fmt;

use keyward_base::encoding::{
    base64, from_base64_array, from_base64url_array, from_hex, hex as to_hex,
};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Reason, Result, SecretBytes};

use crate::kdf::{Hmac1, Hmac256, Hmac512};
use crate::provider::Provider;

/// The hash under an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HmacHash {
    /// SHA-1: tags of 20 bytes. Nobody is known to forge HMAC-SHA-1, but no new scheme takes it.
    Sha1,
    /// SHA-256: tags of 32 bytes.
    Sha256,
    /// SHA-512: tags of 64 bytes.
    Sha512,
}

impl HmacHash {
    /// Bytes of a tag.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

const LONGEST: usize = HmacHash::Sha512.tag_len();

/// A tag as it was sent or made, decoded: of exactly the length that its hash gives. `Debug` does
/// not show it: a tag that was made and not yet sent is worth as much as the key for its message.
#[derive(Clone)]
pub struct HmacTag {
    hash: HmacHash,
    bytes: [u8; LONGEST],
}

impl HmacTag {
    /// The tag of those bytes.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) at any other length than the hash gives.
    pub fn from_bytes(hash: HmacHash, bytes: &[u8]) -> Result<Self> {
        let mut tag = Self {
            hash,
            bytes: [0; LONGEST],
        };
        match tag.bytes.get_mut(..hash.tag_len()) {
            Some(room) if room.len() == bytes.len() => room.copy_from_slice(bytes),
            _ => return Err(Error::rejected(Reason::MALFORMED)),
        }
        Ok(tag)
    }

    /// Reads lower-case hexadecimal.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for anything else, and at any other length.
    pub fn from_hex(hash: HmacHash, text: &str) -> Result<Self> {
        match hash {
            HmacHash::Sha1 => Self::from_bytes(hash, &from_hex::<20>(text)?),
            HmacHash::Sha256 => Self::from_bytes(hash, &from_hex::<32>(text)?),
            HmacHash::Sha512 => Self::from_bytes(hash, &from_hex::<64>(text)?),
        }
    }

    /// Reads base64 with padding.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for anything else, and at any other length.
    pub fn from_base64(hash: HmacHash, text: &str) -> Result<Self> {
        match hash {
            HmacHash::Sha1 => Self::from_bytes(hash, &from_base64_array::<20>(text)?),
            HmacHash::Sha256 => Self::from_bytes(hash, &from_base64_array::<32>(text)?),
            HmacHash::Sha512 => Self::from_bytes(hash, &from_base64_array::<64>(text)?),
        }
    }

    /// Reads base64url without padding.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for anything else, and at any other length.
    pub fn from_base64url(hash: HmacHash, text: &str) -> Result<Self> {
        match hash {
            HmacHash::Sha1 => Self::from_bytes(hash, &from_base64url_array::<20>(text)?),
            HmacHash::Sha256 => Self::from_bytes(hash, &from_base64url_array::<32>(text)?),
            HmacHash::Sha512 => Self::from_bytes(hash, &from_base64url_array::<64>(text)?),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.hash.tag_len()).unwrap_or_default()
    }

    /// Base64 with padding.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64(self.as_bytes())
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(self.as_bytes())
    }
}

impl fmt::Debug for HmacTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacTag({:?}, ..)", self.hash)
    }
}

/// A key of somebody else's scheme. Its pads are kept as hashed, and wiped on drop.
pub struct HmacKey(Kept);

enum Kept {
    Sha1(Hmac1),
    Sha256(Hmac256),
    Sha512(Hmac512),
}

impl HmacKey {
    /// Takes over a copy of `key`, of any length but none: one that is longer than a block of the
    /// hash is hashed first, as RFC 2104 says.
    ///
    /// # Errors
    /// `Misuse` for an empty key, under which anybody can sign; `Unavailable` if the provider
    /// cannot take the key.
    pub fn new(provider: &Provider, hash: HmacHash, key: &SecretBytes) -> Result<Self> {
        if key.is_empty() {
            return Err(Error::misuse(
                "an HMAC key is empty: anybody could sign under it; load the secret you were given",
            ));
        }
        let (part, key) = (provider.hash(), key.expose());
        with_stack_wiped(|| match hash {
            HmacHash::Sha1 => Hmac1::new(part, key).map(Kept::Sha1),
            HmacHash::Sha256 => Hmac256::new(part, key).map(Kept::Sha256),
            HmacHash::Sha512 => Hmac512::new(part, key).map(Kept::Sha512),
        })
        .map(Self)
        .ok_or_else(|| Error::unavailable("the provider cannot take the key"))
    }

    /// The hash it is for.
    #[must_use]
    pub const fn hash(&self) -> HmacHash {
        match self.0 {
            Kept::Sha1(_) => HmacHash::Sha1,
            Kept::Sha256(_) => HmacHash::Sha256,
            Kept::Sha512(_) => HmacHash::Sha512,
        }
    }

    /// The tag of the parts, one after the other with nothing between them.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> HmacTag {
        let mut bytes = [0; LONGEST];
        self.with_stack_wiped(|| self.write(parts, &mut bytes));
        HmacTag {
            hash: self.hash(),
            bytes,
        }
    }

    /// Checks a tag in constant time. The right one is wiped.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) for any other tag, and for one of another hash.
    pub fn verify(&self, parts: &[&[u8]], tag: &HmacTag) -> Result<()> {
        if self.matches_any(parts, [tag.clone()]) {
            return Ok(());
        }
        Err(Error::rejected(Reason::NOT_AUTHENTIC))
    }

    /// Whether one of several tags is right: each is compared with one MAC, in constant time. The
    /// right one is wiped. Allocates nothing, whatever it finds.
    #[must_use]
    pub fn matches_any(&self, parts: &[&[u8]], tags: impl IntoIterator<Item = HmacTag>) -> bool {
        let hash = self.hash();
        self.with_stack_wiped(|| {
            let mut expected = [0; LONGEST];
            self.write(parts, &mut expected);
            tags.into_iter().fold(false, |right, tag| {
                right | (crate::equal(&expected, &tag.bytes) & (hash == tag.hash))
            })
        })
    }

    fn with_stack_wiped<T>(&self, operation: impl FnOnce() -> T) -> T {
        match &self.0 {
            Kept::Sha1(key) => key.with_stack_wiped(operation),
            Kept::Sha256(key) => key.with_stack_wiped(operation),
            Kept::Sha512(key) => key.with_stack_wiped(operation),
        }
    }

    /// Called inside `with_stack_wiped`. What the tag leaves of `out` stays as it was.
    fn write(&self, parts: &[&[u8]], out: &mut [u8; LONGEST]) {
        match &self.0 {
            Kept::Sha1(key) => {
                if let Some(out) = out.first_chunk_mut() {
                    key.sign(parts, out);
                }
            }
            Kept::Sha256(key) => {
                if let Some(out) = out.first_chunk_mut() {
                    key.sign(parts, out);
                }
            }
            Kept::Sha512(key) => key.sign(parts, out),
        }
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({:?}, ..)", self.hash())
    }
}
