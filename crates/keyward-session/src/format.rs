//! The bytes of tokens, rows and epochs, for who looks at them without keys. Nobody vouches for what
//! is read here. `docs/formats/session.md` specifies them.

use keyward_base::{Domain, Error, ErrorKind, KeyId, Reason, Result, Subject, Tenant, Timestamp};
use keyward_crypto::mac::TAG_LEN;
use keyward_keys::reason::DISABLED_KEY;

use crate::epoch::{Epoch, SESSION_EPOCHS, Scope};
use crate::id::SessionId;
use crate::kind::Kind;
use crate::reason;
use crate::row::Row;

/// The id and the secret of a token: what the token has the front of, and the row the whole.
pub const SECRET: Domain<(&[u8; 16], &[u8; 32])> = Domain::new("keyward/v1/session-secret");

/// The whole row in front of its MAC.
pub const ROW: Domain<(&[u8],)> = Domain::new("keyward/v1/session-row");

/// The whole epoch in front of its MAC.
pub const EPOCH: Domain<(&[u8],)> = Domain::new("keyward/v1/session-epoch");

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

    /// The public name of the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.0.id
    }

    /// The key that its MAC names.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.1
    }

    /// The key of its token.
    #[must_use]
    pub const fn token_key(&self) -> KeyId {
        self.0.token_key
    }

    /// The kind of the session.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whose tenant it is of.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// Whose it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// When it began.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.0.created
    }

    /// When it ends unless it is used.
    #[must_use]
    pub const fn idle(&self) -> Timestamp {
        self.0.idle
    }

    /// When it ends at the latest.
    #[must_use]
    pub const fn absolute(&self) -> Timestamp {
        self.0.absolute
    }
}

/// An epoch without its MAC, as anybody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochShape(Epoch<{ Kind::COUNT }>, KeyId);

impl EpochShape {
    /// Reads an epoch without its MAC, the last 32 bytes of the record.
    ///
    /// # Errors
    /// `Corrupt` for what is none; `Unavailable` for one of a newer release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Epoch::parse(&SESSION_EPOCHS, bytes).map(|(epoch, key)| Self(epoch, key))
    }

    /// The bytes that it was read from.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.bytes(&SESSION_EPOCHS, self.1)
    }

    /// The key that its MAC names.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.1
    }

    /// The tenant that it is of; none of all.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Tenant> {
        match &self.0.scope {
            Scope::All => None,
            Scope::Tenant(tenant) | Scope::User(tenant, _) => Some(tenant),
        }
    }

    /// The subject that it is of; none of a tenant or of all.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match &self.0.scope {
            Scope::All | Scope::Tenant(_) => None,
            Scope::User(_, subject) => Some(subject),
        }
    }

    /// What the sessions of a kind have in common that began since they were last ended: random, or 0
    /// if they never were.
    #[must_use]
    pub const fn stamp(&self, kind: Kind) -> u64 {
        kind.of(self.0.stamps)
    }

    /// When something was last ended; none if nothing was.
    #[must_use]
    pub fn moved(&self) -> Option<Timestamp> {
        Some(self.0.moved).filter(|moved| moved.as_millis() > 0)
    }
}

/// Text behind its length in two bytes. It was bounded where it came in.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A record in front of its MAC, the MAC, and the id of the key that made it: behind four bytes that
/// say what it is, and its version.
pub(crate) fn split(data: &[u8]) -> Option<(&[u8], &[u8; TAG_LEN], KeyId)> {
    let (bytes, tag) = data.split_last_chunk::<TAG_LEN>()?;
    let id = bytes.get(5..)?.first_chunk::<8>()?;
    Some((bytes, tag, KeyId::from_bytes(*id)))
}

/// A record that is not what was written; `says` tells what to do.
pub(crate) fn damaged(says: &'static str) -> Error {
    Error::corrupt(says).because(Reason::NOT_AUTHENTIC)
}

pub(crate) fn newer() -> Error {
    Error::unavailable(
        "a stored session or API key was written by a newer release: upgrade keyward",
    )
    .because(reason::NEWER)
}

/// Whether what is wrong is wrong with one record, so that whoever goes through many goes on: it is
/// not what was written, or this process cannot judge it now, whatever store and ring are like.
pub(crate) fn is_of_record(e: &Error) -> bool {
    let here = [DISABLED_KEY, reason::NEWER, reason::CLOCK];
    e.kind() != ErrorKind::Unavailable || e.reason().is_some_and(|why| here.contains(&why))
}

/// What makes the bytes of a record its own.
pub(crate) fn authentic<T>(result: Result<T>, says: &'static str) -> Result<T> {
    result.map_err(|e| match e.kind() {
        ErrorKind::Rejected => damaged(says).with_source(e),
        _ => e,
    })
}
