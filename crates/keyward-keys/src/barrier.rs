//! The barrier: from which epoch on a key must have been issued to seal into a collection.
//!
//! Every put requires the version of the barrier it was made under, in one atomic batch. So nobody
//! writes a row under an old key after the barrier went up, however late they are. It also says
//! which purpose the collection belongs to: a collection has one sealing purpose at most and one
//! that MACs, since rows of two could not be told apart. Each has a barrier of its own.

use keyward_base::{Error, Purpose, Result};
use keyward_store::{Applied, Collection, RecordKey, Records, Version, Write};

use crate::key_use::Algorithm;
use crate::records::{MAX_TRIES, put};

const BARRIER: Collection = Collection::named("barrier");
const MAGIC: &[u8; 4] = b"kwbr";
const VERSION: u8 = 1;

/// A state of the barrier of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    collection: Collection,
    algorithm: Algorithm,
    version: Version,
    promoted_epoch: u64,
    purpose: Purpose,
}

/// One for each collection and algorithm: its rows are sealed for one purpose at most, and MACed
/// for one.
fn place(collection: &Collection, algorithm: Algorithm) -> RecordKey {
    RecordKey {
        collection: BARRIER,
        owner: collection.as_str().to_owned(),
        id: algorithm.as_str().to_owned(),
    }
}

impl Barrier {
    /// The ring's epoch in which a key became Active: a tenant's key seals only if it was issued
    /// in that epoch or later.
    #[must_use]
    pub const fn promoted_epoch(&self) -> u64 {
        self.promoted_epoch
    }

    /// The condition that the barrier has not moved.
    #[must_use]
    pub fn require(&self) -> Write {
        Write::Require {
            key: place(&self.collection, self.algorithm),
            version: Some(self.version),
        }
    }

    /// The condition that `collection` has no barrier: nobody ever sealed in it. Who writes rows that
    /// are not sealed requires it, so that none comes behind a pass that seals them all.
    #[must_use]
    pub fn require_none(collection: &Collection) -> Write {
        Write::Require {
            key: place(collection, Algorithm::Seal),
            version: None,
        }
    }

    /// Whether anybody ever sealed in `collection`.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached, or a newer keyward wrote the record; `Corrupt`
    /// if it is not a barrier.
    pub async fn is_up(store: &dyn Records, collection: &Collection) -> Result<bool> {
        let found = Self::read(store, collection, Algorithm::Seal).await?;
        Ok(found.is_some())
    }

    /// The write that leaves the barrier where it is, and is refused by whoever required it before:
    /// each reads it anew, and what else changed with it.
    #[must_use]
    pub fn renew(&self) -> Write {
        let at = place(&self.collection, self.algorithm);
        let data = bytes(self.promoted_epoch, &self.purpose);
        put(at, Some(self.version), data)
    }

    /// The barrier of a collection that belongs to `purpose`, put up at 0 if there is none.
    ///
    /// # Errors
    /// `Misuse` if the collection belongs to another purpose; `Unavailable` if the store cannot be
    /// reached, or a newer keyward wrote the record; `Corrupt` if it is not a barrier.
    pub async fn claim(
        store: &dyn Records,
        collection: &Collection,
        purpose: &Purpose,
    ) -> Result<Self> {
        Self::raise(store, collection, purpose, 0).await
    }

    /// [`Barrier::claim`] for the purpose whose keys MAC the rows of the collection: a key does so
    /// only if its [`MacHandle::promoted_epoch`](crate::MacHandle::promoted_epoch) is not below the
    /// barrier.
    ///
    /// # Errors
    /// As [`Barrier::claim`].
    pub async fn claim_macs(
        store: &dyn Records,
        collection: &Collection,
        purpose: &Purpose,
    ) -> Result<Self> {
        Self::raise_macs(store, collection, purpose, 0).await
    }

    /// Raises the barrier of a collection that belongs to `purpose` to `promoted_epoch`, puts one
    /// up where there is none, or leaves it where it is if it is higher.
    ///
    /// # Errors
    /// As [`Barrier::claim`].
    pub async fn raise(
        store: &dyn Records,
        collection: &Collection,
        purpose: &Purpose,
        promoted_epoch: u64,
    ) -> Result<Self> {
        Self::raise_for(store, collection, Algorithm::Seal, purpose, promoted_epoch).await
    }

    /// [`Barrier::raise`] for the purpose whose keys MAC the rows of the collection.
    ///
    /// # Errors
    /// As [`Barrier::claim`].
    pub async fn raise_macs(
        store: &dyn Records,
        collection: &Collection,
        purpose: &Purpose,
        promoted_epoch: u64,
    ) -> Result<Self> {
        Self::raise_for(store, collection, Algorithm::Mac, purpose, promoted_epoch).await
    }

    pub(crate) async fn raise_for(
        store: &dyn Records,
        collection: &Collection,
        algorithm: Algorithm,
        purpose: &Purpose,
        promoted_epoch: u64,
    ) -> Result<Self> {
        for _ in 0..MAX_TRIES {
            let here = Self::read(store, collection, algorithm).await?;
            match &here {
                Some(here) if here.purpose != *purpose => {
                    return Err(Error::misuse(format!(
                        "collection {} holds rows of purpose {}: give purpose {purpose} a collection of its own",
                        collection.as_str(),
                        here.purpose
                    )));
                }
                Some(here) if here.promoted_epoch >= promoted_epoch => return Ok(here.clone()),
                _ => {}
            }
            let write = put(
                place(collection, algorithm),
                here.map(|here| here.version),
                bytes(promoted_epoch, purpose),
            );
            if let Applied::Done(versions) = store.apply(vec![write]).await?
                && let Some(version) = versions.into_iter().flatten().next()
            {
                return Ok(Self {
                    collection: collection.clone(),
                    algorithm,
                    version,
                    promoted_epoch,
                    purpose: purpose.clone(),
                });
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer; try again in a moment",
        ))
    }

    async fn read(
        store: &dyn Records,
        collection: &Collection,
        algorithm: Algorithm,
    ) -> Result<Option<Self>> {
        let Some(record) = store.fetch(&place(collection, algorithm)).await? else {
            return Ok(None);
        };
        let (promoted_epoch, purpose) = parse(&record.data)?;
        Ok(Some(Self {
            collection: collection.clone(),
            algorithm,
            version: record.version,
            promoted_epoch,
            purpose,
        }))
    }
}

/// A barrier record.
fn bytes(promoted_epoch: u64, purpose: &Purpose) -> Vec<u8> {
    let mut data = MAGIC.to_vec();
    data.push(VERSION);
    data.extend_from_slice(&promoted_epoch.to_be_bytes());
    data.extend_from_slice(purpose.as_str().as_bytes());
    data
}

/// Reads a barrier record: the epoch and the purpose.
pub(crate) fn parse(bytes: &[u8]) -> Result<(u64, Purpose)> {
    let wrong = || {
        Error::corrupt(
            "the barrier of a collection is not one of ours: restore the data store from a backup",
        )
    };
    let body = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
    let body = match body.split_first() {
        Some((&VERSION, body)) => body,
        Some((1.., _)) => {
            return Err(Error::unavailable(
                "the barrier of a collection is of a newer version: upgrade keyward",
            ));
        }
        _ => return Err(wrong()),
    };
    let (epoch, purpose) = body.split_first_chunk::<8>().ok_or_else(wrong)?;
    let purpose = std::str::from_utf8(purpose).map_err(|_| wrong())?;
    let purpose = Purpose::new(purpose).map_err(|_| wrong())?;
    Ok((u64::from_be_bytes(*epoch), purpose))
}
