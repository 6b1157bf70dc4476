//! Reading and writing epochs.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ErrorKind, KeyId, Reason, Result, Timestamp};
use keyward_keys::MacVerifier;
use keyward_store::{Applied, Content, Record, RecordKey, Version, Write};

use super::Ground;
use super::fence::Fence;
use crate::epoch::{Epoch, Form, Scope};
use crate::format::{authentic, damaged, split};

/// How long an epoch is kept beyond what needs it: so that not every log-in moves its end, and no
/// evidence from before a revoke outlives the record of it.
const SLACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An epoch as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Found<const N: usize> {
    pub(crate) epoch: Arc<Epoch<N>>,
    place: RecordKey,
    version: Version,
    key: KeyId,
    expires: Option<Timestamp>,
}

/// What lies where an epoch should.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // Three at a time, on the stack.
pub(crate) enum Held<const N: usize> {
    None,
    /// Something that is not ours.
    Damaged(Version),
    Found(Found<N>),
}

impl<const N: usize> Held<N> {
    pub(crate) const fn found(&self) -> Option<&Found<N>> {
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

impl<const N: usize> Found<N> {
    /// The condition that it has not moved.
    pub(crate) fn require(&self) -> Write {
        Write::Require {
            key: self.place.clone(),
            version: Some(self.version),
        }
    }
}

/// The keys that records named, so that each is looked for once.
#[derive(Default)]
pub(crate) struct Keys(Option<MacVerifier>);

impl Keys {
    /// With one that was found.
    pub(crate) const fn with(key: MacVerifier) -> Self {
        Self(Some(key))
    }

    pub(crate) async fn find<const N: usize>(
        &mut self,
        of: &Ground<N>,
        id: KeyId,
    ) -> Result<&MacVerifier> {
        if self.0.as_ref().is_none_or(|held| held.id() != id) {
            // On the heap, as is all that is rare: it is large, and every check would carry it.
            self.0 = Some(Box::pin(of.key(id)).await?);
        }
        self.0
            .as_ref()
            .ok_or_else(|| keyward_base::Error::rejected(Reason::NOT_AUTHENTIC))
    }
}

impl<const N: usize> Ground<N> {
    /// Reads what the store has for `scope`; none where it has nothing.
    ///
    /// # Errors
    /// `Corrupt` for a record that is not ours, or of another scope.
    pub(crate) async fn read_epoch(
        &self,
        scope: &Scope,
        record: Option<Record>,
        keys: &mut Keys,
    ) -> Result<Option<Found<N>>> {
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
    ) -> Result<(Arc<Epoch<N>>, KeyId)> {
        let (form, says) = (self.form, self.form.damaged);
        let (bytes, tag, id) = split(&record.data).ok_or_else(|| damaged(says))?;
        let key = authentic(keys.find(self, id).await, says)?;
        let epoch = match self.verified.find(&record.data) {
            Some(epoch) => epoch,
            None => {
                authentic(key.verify(form.domain, &(bytes,), tag), says)?;
                let (epoch, _) = Epoch::parse(form, bytes)?;
                self.verified.keep(&record.data, epoch)
            }
        };
        if epoch.scope != *scope {
            return Err(damaged(says));
        }
        Ok((epoch, id))
    }

    /// What the store has for `scope`, for who writes it. What is not ours stands for none, and is
    /// written over: all that it was of ends by that, as where it is missing.
    pub(crate) async fn read_held(
        &self,
        scope: &Scope,
        record: Option<Record>,
        keys: &mut Keys,
    ) -> Result<Held<N>> {
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
    pub(crate) fn hold_epoch(
        &self,
        scope: &Scope,
        held: &Held<N>,
        fence: &Fence,
        until: Option<Timestamp>,
    ) -> Result<(Arc<Epoch<N>>, Write)> {
        let Held::Found(found) = held else {
            let epoch = Arc::new(Epoch::new(scope.clone(), self.era()?));
            let write = put_epoch(self.form, &epoch, held, fence, until);
            return Ok((epoch, write));
        };
        let is_kept = match (found.expires, until) {
            (None, _) => true,
            (Some(expires), Some(until)) => expires >= until,
            (Some(_), None) => false,
        };
        let write = if is_kept && found.key == fence.key.id() {
            found.require()
        } else {
            put_epoch(self.form, &found.epoch, held, fence, until)
        };
        Ok((Arc::clone(&found.epoch), write))
    }

    /// Makes the record of an epoch anew under the active key, if it is what was written and nobody was
    /// faster.
    pub(crate) async fn renew_epoch(&self, record: &Record) -> Result<bool> {
        let says = self.form.damaged;
        let mut keys = Keys::default();
        let domain = self.form.domain;
        let opened = self.verified_bytes(domain, record, &mut keys, says).await;
        let epoch = match opened.and_then(|bytes| Epoch::parse(self.form, bytes)) {
            Ok((epoch, _)) => epoch,
            Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
            Err(_) => return Ok(false),
        };
        // What lies elsewhere than it should stays as it is.
        if epoch.scope.place(self.form) != record.key {
            return Ok(false);
        }
        let fence = self.fence().await?;
        let mut batch = fence.batch;
        batch.push(Write::Swap {
            key: record.key.clone(),
            version: record.version,
            content: Content {
                data: epoch.seal(self.form, &fence.key),
                expires: record.expires,
                mac_key: fence.key.tag(),
                ..Content::default()
            },
        });
        let is_done = matches!(self.store.apply(batch).await?, Applied::Done(_));
        if !is_done {
            self.forget_fence();
        }
        Ok(is_done)
    }

    pub(crate) fn era(&self) -> Result<[u8; 16]> {
        let mut era = [0; 16];
        self.keyring.provider().fill(&mut era)?;
        Ok(era)
    }

    pub(crate) fn stamp(&self) -> Result<u64> {
        let mut stamp = [0; 8];
        self.keyring.provider().fill(&mut stamp)?;
        // 0 is of those that were never ended.
        Ok(u64::from_be_bytes(stamp).max(1))
    }
}

/// Writes an epoch over what was found, to be kept as long as what ends at `until` needs it; none: for
/// good.
pub(crate) fn put_epoch<const N: usize>(
    form: &Form<N>,
    epoch: &Epoch<N>,
    held: &Held<N>,
    fence: &Fence,
    until: Option<Timestamp>,
) -> Write {
    let expires = until.map(|until| until.saturating_add(SLACK));
    let expires = match held.found() {
        Some(before) => before.expires.zip(expires).map(|(a, b)| a.max(b)),
        None => expires,
    };
    let content = Content {
        data: epoch.seal(form, &fence.key),
        expires,
        mac_key: fence.key.tag(),
        ..Content::default()
    };
    Write::put(epoch.scope.place(form), held.version(), content)
}
