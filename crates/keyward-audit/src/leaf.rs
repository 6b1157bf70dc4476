//! What the tree holds of an entry: a header that stays, and a digest of a salt and the entry's text,
//! which may go.

use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, SecretArray, Timestamp};
use keyward_crypto::Provider;

use crate::note::KeyName;
use crate::reason::BAD_ENTRY;

/// The version of the header.
const VERSION: u8 = 1;

/// Bytes of a salt. Random, so that the digest of a text that was erased is none that can be found
/// again by trying texts.
pub const SALT_LEN: usize = 32;

/// Bytes of a leaf: version, log, day, class (zeros after it) and digest.
pub const LEN: usize = 1 + 16 + 4 + Class::MAX_LEN + 32;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The id of a log: 16 random bytes. Never used again.
pub type LogId = [u8; 16];

/// The origin of a log of that id, which is the name of its keys too: `keyward-log/` and the id in
/// 32 hexadecimal digits.
///
/// # Errors
/// None that can be reached: each such name is one.
pub fn origin(log: &LogId) -> Result<KeyName> {
    KeyName::new(&format!("keyward-log/{}", hex(log)))
}

/// What a rule of retention is about: 1 to 16 bytes of `a` to `z`, digits, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(Arc<str>);

impl Class {
    /// The most bytes of a class.
    pub const MAX_LEN: usize = 16;

    /// A class.
    ///
    /// # Errors
    /// `Misuse` for another length or another character.
    pub fn new(name: &str) -> Result<Self> {
        let known = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(known) {
            return Err(Error::misuse(
                "a class of retention is 1 to 16 bytes of a to z, digits, dots and hyphens",
            ));
        }
        Ok(Self(name.into()))
    }

    /// The class.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of an entry for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Header {
    /// The log it is in.
    pub log: LogId,
    /// The day it was recorded on: days since 1970-01-01 UTC. Never less than that of an entry
    /// before it.
    pub day: u32,
    /// The rule by which it goes.
    pub class: Class,
}

impl Header {
    /// The last day that there is: what lies beyond is of it, so that each is before some day.
    const LAST_DAY: u32 = u32::MAX - 1;

    /// The day of a time.
    #[must_use]
    pub fn day_of(time: Timestamp) -> u32 {
        let day = u32::try_from(time.as_millis() / DAY);
        day.unwrap_or(u32::MAX).min(Self::LAST_DAY)
    }

    /// Writes the bytes of the header into nothing.
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.day.to_be_bytes());
        bytes.extend_from_slice(self.class.0.as_bytes());
        bytes.resize(LEN - 32, 0);
    }
}

/// A leaf of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Leaf {
    /// What is known of the entry for good.
    pub header: Header,
    /// SHA-256 of the salt and the text.
    pub digest: [u8; 32],
}

impl Leaf {
    /// The leaf of `text` under `salt`.
    #[must_use]
    pub fn of(provider: &Provider, header: Header, salt: &[u8; SALT_LEN], text: &str) -> Self {
        let digest = provider.sha256(&[salt, text.as_bytes()]);
        Self { header, digest }
    }

    /// A salt.
    ///
    /// # Errors
    /// `Unavailable` if there is no randomness to be had.
    pub fn salt(provider: &Provider) -> Result<[u8; SALT_LEN]> {
        let salt: SecretArray<SALT_LEN> = provider.random()?;
        Ok(*salt.expose())
    }

    /// Its [`LEN`] bytes, which the tree hashes: the header and the digest.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.with(&[])
    }

    /// Its bytes, and `parts` after them.
    pub(crate) fn with(&self, parts: &[&[u8]]) -> Vec<u8> {
        let more: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = Vec::with_capacity(LEN.saturating_add(more));
        self.header.write(&mut bytes);
        bytes.extend_from_slice(&self.digest);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// Where the log and the day lie in its bytes.
    fn placed_at(bytes: &mut [u8]) -> Option<(&mut [u8; 16], &mut [u8; 4])> {
        let (_, rest) = bytes.split_first_mut()?;
        let (log, rest) = rest.split_first_chunk_mut()?;
        Some((log, rest.split_first_chunk_mut()?.0))
    }

    /// Reads what [`Leaf::bytes`] gives.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_ENTRY`]) for anything else, another version too.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).ok_or_else(|| Error::rejected(BAD_ENTRY))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let ([VERSION], rest) = bytes.split_first_chunk::<1>()? else {
            return None;
        };
        let (log, rest) = rest.split_first_chunk::<16>()?;
        let (day, rest) = rest.split_first_chunk::<4>()?;
        let (class, digest) = rest.split_first_chunk::<{ Class::MAX_LEN }>()?;
        let class = std::str::from_utf8(class).ok()?.trim_end_matches('\0');
        let class = Class::new(class).ok()?;
        let header = Header {
            log: *log,
            day: u32::from_be_bytes(*day),
            class,
        };
        let digest = digest.try_into().ok()?;
        Some(Self { header, digest })
    }
}

/// An entry as it is stored, but for its log and the day, which the head says that it is put under:
/// what takes the most time is done before it is an entry's turn.
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    /// That of `text` under `salt`.
    pub(crate) fn new(
        provider: &Provider,
        class: &Class,
        salt: &[u8; SALT_LEN],
        text: &str,
    ) -> Self {
        let header = Header {
            log: [0; 16],
            day: 0,
            class: class.clone(),
        };
        let leaf = Leaf::of(provider, header, salt, text);
        Self(leaf.with(&[salt, text.as_bytes()]))
    }

    /// Its bytes in that log, on that day.
    pub(crate) fn placed(&self, log: &LogId, day: u32) -> Vec<u8> {
        let mut bytes = self.0.clone();
        // A draft is as long as a leaf at least.
        if let Some((at_log, at_day)) = Leaf::placed_at(&mut bytes) {
            (*at_log, *at_day) = (*log, day.to_be_bytes());
        }
        bytes
    }

    /// How many bytes it has.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Its salt and its text.
    pub(crate) fn body(&self) -> Option<(&[u8; SALT_LEN], &str)> {
        let (salt, text) = self.0.get(LEN..)?.split_first_chunk()?;
        Some((salt, std::str::from_utf8(text).ok()?))
    }
}
