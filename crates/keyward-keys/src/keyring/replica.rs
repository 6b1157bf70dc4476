//! Long-running processes: leases, acknowledgements, and the tick that drives them.

use std::sync::{Mutex, PoisonError};

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Applied, Content, RecordKey, Scan, Version, Write};

use super::{Keyring, MAX_TRIES, REPLICAS, put};
use crate::format::{Lease, decode_lease, encode_lease};

/// How many dead leases one new lease sweeps away.
const PURGED: usize = 64;

/// This process, as others see it.
#[derive(Debug)]
pub(crate) struct Replica {
    id: String,
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    lease: Lease,
    since: Timestamp,
    version: Version,
}

/// A long-running process that holds a lease, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Its name and a random part.
    pub name: String,
    /// The epoch it acknowledged.
    pub epoch: u64,
    /// Until when it counts as alive.
    pub until: Timestamp,
}

impl Replica {
    pub(super) fn new(name: &str, provider: &Provider) -> Result<Self> {
        if !(1..=64).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::misuse(
                "a replica's name is 1 to 64 bytes of visible ASCII",
            ));
        }
        let mut random = [0; 8];
        provider.fill(&mut random)?;
        Ok(Self {
            id: format!("{name}-{}", hex(&random)),
            held: Mutex::new(None),
        })
    }

    fn key(&self) -> RecordKey {
        RecordKey {
            collection: REPLICAS,
            owner: String::new(),
            id: self.id.clone(),
        }
    }

    fn held(&self) -> Option<Held> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, held: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

impl Keyring {
    /// What a long-running process does every few seconds: reads the ring anew when that is due,
    /// acknowledges it, and renews the lease. A one-shot process need not call it.
    ///
    /// # Errors
    /// As [`Keyring::refresh`]. The lease is then not renewed, and when it has run out this
    /// handle refuses to open and to seal, until a tick succeeds.
    pub async fn tick(&self) -> Result<()> {
        let now = self.0.clock.now()?;
        let refreshed = *self
            .0
            .refreshed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if now < refreshed || now.saturating_since(refreshed) >= self.0.policy.refresh {
            self.refresh().await?;
        }
        self.renew_lease(now).await
    }

    /// Renews the lease when a third of it is gone, the epoch moved on, or the clock went back.
    pub(super) async fn renew_lease(&self, now: Timestamp) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        let epoch = self.snapshot().ring.epoch;
        let third = self.0.policy.lease.checked_div(3).unwrap_or_default();
        if let Some(held) = replica.held()
            && held.lease.epoch == epoch
            && held.since <= now
            && now.saturating_since(held.since) < third
        {
            return Ok(());
        }
        if replica.held().is_none() {
            // Leases of processes that died: each start of a process leaves one.
            self.0.store.purge(&REPLICAS, now, PURGED).await?;
        }
        let lease = Lease {
            epoch,
            until: now.saturating_add(self.0.policy.lease),
        };
        for _ in 0..MAX_TRIES {
            let version = match replica.held() {
                Some(held) => Some(held.version),
                None => self
                    .0
                    .store
                    .fetch(&replica.key())
                    .await?
                    .map(|record| record.version),
            };
            let write = with_expiry(
                put(replica.key(), version, encode_lease(lease)),
                lease.until.saturating_add(self.0.policy.skew),
            );
            match self.0.store.apply(vec![write]).await? {
                Applied::Done(versions) => {
                    let version = versions.into_iter().flatten().next();
                    replica.set(version.map(|version| Held {
                        lease,
                        since: now,
                        version,
                    }));
                    return Ok(());
                }
                // Swept away as expired, or written although an answer was lost: read it again.
                _ => replica.set(None),
            }
        }
        Err(Error::unavailable(
            "the lease could not be renewed: the key store is contended",
        ))
    }

    /// Gives the lease up, so that no promotion waits for this process. For a clean stop.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached; the lease then runs out by itself.
    pub async fn leave(&self) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        if let Some(held) = replica.held() {
            replica.set(None);
            let delete = Write::Delete {
                key: replica.key(),
                version: held.version,
            };
            let _gone_either_way = self.0.store.apply(vec![delete]).await?;
        }
        Ok(())
    }

    /// Refuses without a lease, where this process needs one.
    pub(super) fn check_lease(&self, now: Timestamp) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        match replica.held() {
            Some(held)
                if now < held.lease.until
                    && held.since <= now.saturating_add(self.0.policy.skew) =>
            {
                Ok(())
            }
            _ => Err(Error::unavailable(
                "this process lost its lease on the keyring: it may hold keys that were withdrawn",
            )),
        }
    }

    /// The replicas whose lease has not run out by any clock within the skew.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached, `Corrupt` for a record that is not one.
    pub async fn replicas(&self) -> Result<Vec<ReplicaStatus>> {
        let now = self.0.clock.now()?;
        let mut live = Vec::new();
        let mut pages = Scan::of(REPLICAS).pages(self.0.store.as_ref());
        while let Some(page) = pages.next().await? {
            for record in &page {
                let lease = decode_lease(&record.data)?;
                // Its own clock may lie behind ours by the skew: until then it may still open.
                if now < lease.until.saturating_add(self.0.policy.skew) {
                    live.push(ReplicaStatus {
                        name: record.key.id.clone(),
                        epoch: lease.epoch,
                        until: lease.until,
                    });
                }
            }
        }
        Ok(live)
    }
}

fn with_expiry(write: Write, at: Timestamp) -> Write {
    match write {
        Write::Insert { key, content } => Write::Insert {
            key,
            content: Content {
                expires: Some(at),
                ..content
            },
        },
        Write::Swap {
            key,
            version,
            content,
        } => Write::Swap {
            key,
            version,
            content: Content {
                expires: Some(at),
                ..content
            },
        },
        other => other,
    }
}
