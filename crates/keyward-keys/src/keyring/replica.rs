//! This process as a replica: its lease, its acknowledgements, and the tick that drives them.

use std::sync::{Mutex, PoisonError};

use keyward_base::audit::RunId;
use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Applied, RecordKey, Version, Write};

use super::Keyring;
use super::reports::Reports;
use crate::format::Lease;
use crate::lease;
use crate::records::{MAX_TRIES, REPLICAS, put_until};

/// How many dead leases one new lease sweeps away.
const PURGED: usize = 64;

/// This process, as others see it.
#[derive(Debug)]
pub(crate) struct Replica {
    id: String,
    pub(super) run: RunId,
    held: Mutex<Option<Held>>,
    /// Whoever holds it writes the lease: one of two that tick at once would find the other's, and
    /// be without a lease until it has read that.
    writing: tokio::sync::Mutex<()>,
    pub(super) reports: Mutex<Reports>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    mac_epoch: u64,
    until: Timestamp,
    since: Timestamp,
    version: Version,
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
        let run = RunId::from_bytes(random);
        Ok(Self {
            id: format!("{name}-{run}"),
            run,
            held: Mutex::new(None),
            writing: tokio::sync::Mutex::new(()),
            reports: Mutex::default(),
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
    /// acknowledges it, renews the lease, and now and then counts the columns that only it can
    /// count, for others to see, and says which others it counts when it destroys a key. Acts that another run left open are closed once that run is seen
    /// to be over. A one-shot process need not call it.
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
        self.renew_lease(now).await?;
        self.report(now).await?;
        // Counting may have taken long.
        self.settle_again(self.0.clock.now()?).await
    }

    /// Renews the lease when a third of it is gone, the epoch moved on, or the clock went back.
    /// The lease is written on condition that the ring is still the one it acknowledges.
    pub(super) async fn renew_lease(&self, now: Timestamp) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        let third = self.0.policy.lease.checked_div(3).unwrap_or_default();
        let ring = self.snapshot();
        if let Some(held) = replica.held()
            && (held.epoch, held.mac_epoch) == (ring.ring.epoch, ring.ring.mac.epoch)
            && held.since <= now
            && now.saturating_since(held.since) < third
        {
            return Ok(());
        }
        if replica.held().is_none() {
            // Leases of processes that died: each start of a process leaves one.
            self.0.store.purge(&REPLICAS, now, PURGED).await?;
        }
        for _ in 0..MAX_TRIES {
            if self.write_lease(replica, now).await? {
                return Ok(());
            }
        }
        Err(Error::unavailable(
            "the lease could not be renewed: the key store is contended; try again in a moment",
        ))
    }

    async fn write_lease(&self, replica: &Replica, now: Timestamp) -> Result<bool> {
        let one = replica.writing.lock().await;
        let ring = self.snapshot();
        let lease = Lease {
            mac_epoch: ring.ring.mac.epoch,
            epoch: ring.ring.epoch,
            until: now.saturating_add(self.0.policy.lease),
            reports: replica.told(&self.0.coverages, now),
        };
        let version = match replica.held() {
            Some(held) => Some(held.version),
            None => {
                let found = self.0.store.fetch(&replica.key()).await?;
                found.map(|record| record.version)
            }
        };
        let data = lease::write(&lease, &ring, &replica.id)?;
        let expires = lease.until.saturating_add(self.0.policy.skew);
        let write = put_until(replica.key(), version, data, Some(expires));
        match self.0.store.apply(vec![ring.require(), write]).await? {
            Applied::Done(versions) => {
                let version = versions.into_iter().flatten().next();
                replica.set(version.map(|version| Held {
                    epoch: lease.epoch,
                    mac_epoch: lease.mac_epoch,
                    until: lease.until,
                    since: now,
                    version,
                }));
                Ok(true)
            }
            // The ring moved on: it is acknowledged as it is now.
            Applied::Conflict { index: 0 } => {
                drop(one);
                self.refresh().await.map(|_| false)
            }
            // Swept away as expired, or written although an answer was lost: read it again.
            _ => {
                replica.set(None);
                Ok(false)
            }
        }
    }

    /// Writes the lease although it is not due, since what it tells has changed.
    pub(super) async fn tell(&self, now: Timestamp) -> Result<()> {
        if let Some(replica) = &self.0.replica {
            // Lost to a ring that moved on: the next tick tells.
            let _told: bool = self.write_lease(replica, now).await?;
        }
        Ok(())
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

    /// Sees to it that what this handle knows of the ring still holds: by its lease, or, where it
    /// takes none, by reading the ring anew once what it knows is as old as a lease may grow. So
    /// whoever waits for all leases to run out has waited for every process.
    pub(super) async fn check_view(&self, now: Timestamp) -> Result<()> {
        if self.0.replica.is_some() {
            return self.check_lease(now);
        }
        if self.is_view_fresh(now) {
            return Ok(());
        }
        let _one = self.0.refreshing.lock().await;
        // Another may have read it while this one waited, later than `now` was asked for.
        if self.is_view_fresh(self.0.clock.now()?) {
            return Ok(());
        }
        self.read_ring().await.map(|_| ())
    }

    /// [`Keyring::check_view`] for who cannot wait: refuses what is too old.
    pub(super) fn check_view_now(&self, now: Timestamp) -> Result<()> {
        if self.0.replica.is_some() {
            return self.check_lease(now);
        }
        if self.is_view_fresh(now) {
            return Ok(());
        }
        Err(Error::unavailable(
            "what this process knows of the keyring is too old, and may hold keys that were withdrawn: read it anew with `Keyring::refresh`, or serve as a replica that ticks",
        ))
    }

    fn is_view_fresh(&self, now: Timestamp) -> bool {
        let refreshed = *self
            .0
            .refreshed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        refreshed <= now && now.saturating_since(refreshed) < self.0.policy.lease
    }

    /// Refuses without a lease, where this process needs one.
    fn check_lease(&self, now: Timestamp) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        match replica.held() {
            Some(held)
                if now < held.until && held.since <= now.saturating_add(self.0.policy.skew) =>
            {
                Ok(())
            }
            _ => Err(Error::unavailable(
                "this process lost its lease on the keyring, and may hold keys that were withdrawn: it goes on as soon as it can renew it",
            )),
        }
    }
}
