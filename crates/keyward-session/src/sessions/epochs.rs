//! Reading and writing epochs.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ErrorKind, KeyId, Reason, Result, Timestamp};
use keyward_keys::MacVerifier;
use keyward_store::{Content, Record, RecordKey, Version, Write};

use super::Sessions;
use super::fence::Fence;
use crate::epoch::{Epoch, Scope};
use crate::format::{EPOCH, authentic, damaged, split};

/// How long an epoch is kept beyond what needs it: so that not every log-in moves its end, and no
/// evidence from before a revoke outlives the record of it.
const SLACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const WHAT: &str = "the epoch of sessions";

/// An epoch as it was read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) epoch: Arc<Epoch>,
    place: RecordKey,
    version: Version,
    key: KeyId,
    expires: Option<Timestamp>,
}

/// What lies where an epoch should.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // Three at a time, on the stack.
pub(super) enum Held {
    None,
    /// Something that is not ours.
    Damaged(Version),
    Found(Found),
}

impl Held {
    pub(super) const fn found(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::None | Self::Damaged(_) => None,
        }
    }

    const fn version(&self) -> Option<Version> {
        match self {
            Self::None => None,
            Self::Damaged(version) => Some(*version),
            Self::Found(found) => Some(found.version),
        }
    }
}

impl Found {
    /// The condition that it has not moved.
    pub(super) fn require(&self) -> Write {
        Write::Require {
            key: self.place.clone(),
            version: Some(self.version),
        }
    }
}

/// The keys that records named, so that each is looked for once.
#[derive(Default)]
pub(super) struct Keys(Option<MacVerifier>);

impl Keys {
    /// With one that was found.
    pub(super) const fn with(key: MacVerifier) -> Self {
        Self(Some(key))
    }

    pub(super) async fn find(&mut self, of: &Sessions, id: KeyId) -> Result<&MacVerifier> {
        if self.0.as_ref().is_none_or(|held| held.id() != id) {
            // On the heap, as is all that is rare: it is large, and every check would carry it.
            self.0 = Some(Box::pin(of.key(id)).await?);
        }
        self.0
            .as_ref()
            .ok_or_else(|| keyward_base::Error::rejected(Reason::NOT_AUTHENTIC))
    }
}

impl Sessions {
    /// Reads what the store has for `scope`; none where it has nothing.
    ///
    /// # Errors
    /// `Corrupt` for a record that is not ours, or of another scope.
    pub(super) async fn read_epoch(
        &self,
        scope: &Scope,
        record: Option<Record>,
        keys: &mut Keys,
    ) -> Result<Option<Found>> {
        let Some(record) = record else {
            return Ok(None);
        };
        match self.open_epoch(scope, &record, keys).await {
            Ok((epoch, key)) => Ok(Some(Found {
                epoch,
                version: record.version,
                key,
                expires: record.content.expires,
                place: record.key,
            })),
            Err(e) => {
                if e.kind() == ErrorKind::Corrupt {
                    Box::pin(self.note_damaged(&record)).await;
                }
                Err(e)
            }
        }
    }

    /// An epoch that is authentic and of `scope`, and the key that vouches for it.
    async fn open_epoch(
        &self,
        scope: &Scope,
        record: &Record,
        keys: &mut Keys,
    ) -> Result<(Arc<Epoch>, KeyId)> {
        let (bytes, tag, id) = split(&record.data).ok_or_else(|| damaged(WHAT))?;
        let key = authentic(keys.find(self, id).await, WHAT)?;
        let epoch = match self.0.verified.find(&record.data) {
            Some(epoch) => epoch,
            None => {
                authentic(key.verify(EPOCH, &(bytes,), tag), WHAT)?;
                let (epoch, _) = Epoch::parse(bytes)?;
                self.0.verified.keep(&record.data, epoch)
            }
        };
        if epoch.scope != *scope {
            return Err(damaged(WHAT));
        }
        Ok((epoch, id))
    }

    /// What the store has for `scope`, for who writes it. What is not ours stands for none, and is
    /// written over: all that it was of ends by that, as where it is missing.
    pub(super) async fn read_held(
        &self,
        scope: &Scope,
        record: Option<Record>,
        keys: &mut Keys,
    ) -> Result<Held> {
        let version = record.as_ref().map(|record| record.version);
        match (self.read_epoch(scope, record, keys).await, version) {
            (Ok(Some(found)), _) => Ok(Held::Found(found)),
            (Err(e), Some(version)) if e.kind() == ErrorKind::Corrupt => Ok(Held::Damaged(version)),
            (Ok(None), _) => Ok(Held::None),
            (Err(e), _) => Err(e),
        }
    }

    /// What a batch does so that an epoch is there, and as it was read: it makes one where there is
    /// none, and keeps one for as long as a session needs it that ends at `until`.
    pub(super) fn hold_epoch(
        &self,
        scope: &Scope,
        held: &Held,
        fence: &Fence,
        until: Timestamp,
    ) -> Result<(Arc<Epoch>, Write)> {
        let Held::Found(found) = held else {
            let epoch = Arc::new(Epoch::new(scope.clone(), self.era()?));
            let write = put_epoch(&epoch, held, fence, until);
            return Ok((epoch, write));
        };
        let is_kept = found.expires.is_none_or(|expires| expires >= until);
        let write = if is_kept && found.key == fence.key.id() {
            found.require()
        } else {
            put_epoch(&found.epoch, held, fence, until)
        };
        Ok((Arc::clone(&found.epoch), write))
    }

    pub(super) fn era(&self) -> Result<[u8; 16]> {
        let mut era = [0; 16];
        self.0.keyring.provider().fill(&mut era)?;
        Ok(era)
    }

    pub(super) fn stamp(&self) -> Result<u64> {
        let mut stamp = [0; 8];
        self.0.keyring.provider().fill(&mut stamp)?;
        // 0 is of those that were never ended.
        Ok(u64::from_be_bytes(stamp).max(1))
    }
}

/// Writes an epoch over what was found.
pub(super) fn put_epoch(epoch: &Epoch, held: &Held, fence: &Fence, until: Timestamp) -> Write {
    let expires = until.saturating_add(SLACK);
    let before = held.found().and_then(|found| found.expires);
    let content = Content {
        data: epoch.seal(&fence.key),
        expires: Some(before.map_or(expires, |before| before.max(expires))),
        mac_key: fence.key.tag(),
        ..Content::default()
    };
    Write::put(epoch.scope.place(), held.version(), content)
}
