//! The public metadata beside a sealed value: JSON of version 2, at most 256 KiB.
//!
//! Its SHA-256 is part of the value's context: whoever edits it makes the value unopenable.

use std::cmp::Ordering;

use keyward_base::{Error, EventId, Result, Revision, Role, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::{Credential, Facts, Kind};

/// The most bytes of metadata.
const MAX_LEN: usize = 256 * 1024;

const VERSION: u32 = 2;

/// What is stored beside a sealed value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    v: u32,
    kind: Kind,
    /// Stored as `scope`.
    #[serde(rename = "scope")]
    role: String,
    revision: u64,
    event: String,
    created: u64,
    updated: u64,
    facts: Facts,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

impl Metadata {
    pub(crate) fn new(
        credential: &Credential,
        role: &Role,
        revision: Revision,
        created: Timestamp,
        updated: Timestamp,
        event: EventId,
    ) -> Self {
        Self {
            v: VERSION,
            kind: credential.kind(),
            role: role.as_str().to_owned(),
            revision: revision.number(),
            event: event.to_string(),
            created: created.as_millis(),
            updated: updated.as_millis(),
            facts: credential.facts().clone(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|e| Error::misuse("the metadata cannot be written").with_source(e))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::corrupt("the metadata of a value is not ours");
        if bytes.len() > MAX_LEN {
            return Err(wrong());
        }
        let read = match serde_json::from_slice::<Self>(bytes) {
            Ok(read) if read.v == VERSION => read,
            // Another version may have other fields: only its number is looked at.
            _ => return Err(other_version(bytes).unwrap_or_else(wrong)),
        };
        let counts = 1..=Revision::LAST.number();
        if !counts.contains(&read.revision)
            || EventId::parse(&read.event).is_err()
            || !read.facts.are_of(read.kind)
        {
            return Err(wrong());
        }
        Ok(read)
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn role(&self) -> Result<Role> {
        Role::new(&self.role).map_err(|_| Error::corrupt("the role of a value is not ours"))
    }

    pub(crate) const fn revision(&self) -> Revision {
        Revision::new(self.revision)
    }

    /// Whether the act of that id put it.
    pub(crate) fn was_put_by(&self, event: EventId) -> bool {
        EventId::parse(&self.event).is_ok_and(|held| held == event)
    }

    pub(crate) const fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created)
    }

    pub(crate) const fn updated(&self) -> Timestamp {
        Timestamp::from_millis(self.updated)
    }

    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// What is said of metadata that is not of this version; none if it is of no other either.
fn other_version(bytes: &[u8]) -> Option<Error> {
    let VersionOnly { v } = serde_json::from_slice(bytes).ok()?;
    match v.cmp(&VERSION) {
        Ordering::Equal => None,
        Ordering::Greater => Some(Error::unavailable(
            "a value was written by a newer release: upgrade keyward",
        )),
        Ordering::Less => Some(Error::unavailable(
            "a value was written in the form of an earlier release, which this one does not read",
        )),
    }
}

/// Reads the metadata of a value and says of what kind it is: for tools and fuzzers. Nothing in it
/// is authentic yet.
///
/// # Errors
/// `Corrupt` for bytes that are not metadata; `Unavailable` for a newer version.
pub fn inspect(bytes: &[u8]) -> Result<Kind> {
    Metadata::parse(bytes).map(|metadata| metadata.kind())
}
