//! A scheme as JSON (RFC 8259), so that it can be kept in a configuration.
//!
//! The names are those of the fields and variants in lower case, words joined by `_` in fields and
//! by `-` in variants; spans are in whole seconds. `docs/webhooks.md` shows one.

use keyward_base::{Error, Result};

use crate::coverage::Covered;
use crate::scheme::Scheme;

/// The longest text of a scheme that is read, in bytes.
const MAX_TEXT: usize = 16 << 10;

impl Scheme<Covered> {
    /// Reads a scheme. [`Webhook::new`](crate::Webhook::new) checks what it says.
    ///
    /// # Errors
    /// `Misuse` for more than 16 KiB, for what is no JSON, and for a field that is missing,
    /// unknown, there twice or of another kind. The source of the error says which, and where.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::misuse("a webhook scheme has at most 16 KiB"));
        }
        serde_json::from_slice(text).map_err(|e| {
            Error::misuse(format!("the webhook scheme cannot be read: {e}")).with_source(e)
        })
    }

    /// The text that [`from_json`](Self::from_json) reads, on one line.
    ///
    /// # Errors
    /// `Misuse` for a span that is no whole number of seconds.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| {
            Error::misuse("a webhook scheme has spans of whole seconds").with_source(e)
        })
    }
}

/// Spans in whole seconds.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::scheme) fn serialize<S: Serializer>(
        span: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        if span.subsec_nanos() > 0 {
            return Err(S::Error::custom("parts of a second"));
        }
        to.serialize_u64(span.as_secs())
    }

    pub(in crate::scheme) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

/// Hashes by their names.
pub(super) mod hash {
    use keyward_crypto::hmac::HmacHash;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    const NAMES: [(HmacHash, &str); 3] = [
        (HmacHash::Sha1, "sha1"),
        (HmacHash::Sha256, "sha256"),
        (HmacHash::Sha512, "sha512"),
    ];

    pub(in crate::scheme) fn serialize<S: Serializer>(
        hash: &HmacHash,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let name = NAMES.iter().find(|(known, _)| known == hash);
        let name = name.ok_or_else(|| S::Error::custom("a hash without a name"))?;
        to.serialize_str(name.1)
    }

    pub(in crate::scheme) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<HmacHash, D::Error> {
        let name = String::deserialize(from)?;
        let hash = NAMES.iter().find(|(_, known)| *known == name);
        let hash = hash.map(|(hash, _)| *hash);
        hash.ok_or_else(|| D::Error::custom("a hash is sha1, sha256 or sha512"))
    }
}
