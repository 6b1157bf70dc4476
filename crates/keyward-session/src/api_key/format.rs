//! The bytes of API keys, for who looks at them without keys. Nobody vouches for what is read here.
//! `docs/formats/api-key.md` specifies them.

use keyward_base::{Domain, KeyId, Result, Tenant, Timestamp};

use crate::api_key::id::ApiKeyId;
use crate::api_key::range::Ranges;
use crate::api_key::row::Row;
use crate::api_key::scope::Scopes;
use crate::epoch::{Epoch, KEY_EPOCHS};

/// The prefix, the id and the secret of a key: what its text has the front of, and the row the whole.
pub const SECRET: Domain<(&str, &[u8; 16], &[u8; 32])> = Domain::new("keyward/v1/api-key-secret");

/// The whole row in front of its MAC.
pub const ROW: Domain<(&[u8],)> = Domain::new("keyward/v1/api-key-row");

/// The whole epoch in front of its MAC.
pub const EPOCH: Domain<(&[u8],)> = Domain::new("keyward/v1/api-key-epoch");

/// A row without its MAC, as anybody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShape(Row, KeyId);

impl RowShape {
    /// Reads a row without its MAC, the last 32 bytes of the record.
    ///
    /// # Errors
    /// `Corrupt` for what is none; `Unavailable` for one of a newer release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Row::parse(bytes).map(|(row, key)| Self(row, key))
    }

    /// The bytes that it was read from.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.bytes(self.1)
    }

    /// The public name of the API key.
    #[must_use]
    pub const fn id(&self) -> ApiKeyId {
        self.0.id
    }

    /// The key of the ring that its MAC names.
    #[must_use]
    pub const fn mac_key(&self) -> KeyId {
        self.1
    }

    /// The key of the ring that its text names.
    #[must_use]
    pub const fn token_key(&self) -> KeyId {
        self.0.token_key
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Where it may be used from.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.0.ranges
    }

    /// When it ends; none: by nothing but a person.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.0.ends_at()
    }
}

/// An epoch without its MAC, as anybody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochShape(Epoch<1>, KeyId);

impl EpochShape {
    /// Reads an epoch without its MAC, the last 32 bytes of the record.
    ///
    /// # Errors
    /// `Corrupt` for what is none; `Unavailable` for one of a newer release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Epoch::parse(&KEY_EPOCHS, bytes).map(|(epoch, key)| Self(epoch, key))
    }

    /// The bytes that it was read from.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.bytes(&KEY_EPOCHS, self.1)
    }

    /// When keys were last ended by it; none if they never were.
    #[must_use]
    pub fn moved(&self) -> Option<Timestamp> {
        Some(self.0.moved).filter(|moved| moved.as_millis() > 0)
    }
}
