//! Destroying a ring key, once nothing needs it.

use keyward_base::audit::Act;
use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};

use super::Admin;
use crate::coverage::Coverage;
use crate::key_use::Algorithm;
use crate::records::{MAX_TRIES, contended};
use crate::registry::Registry;
use crate::ring::{Ring, RingKey};
use crate::snapshot::Snapshot;
use crate::status::drains_until;
use crate::usage::Usage;

/// That a key was destroyed: its wrapped material is gone from the ring.
///
/// How final that is: from now on every process refuses the key. Whether its record is gone from
/// the key store too says [`Receipt::erased`]. Backups of the key store still have it, where whoever
/// also has the root can unwrap it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The key.
    pub key: KeyId,
    /// The ring's epoch from which on it is gone.
    pub epoch: u64,
    /// The time at which it was destroyed.
    pub at: Timestamp,
    /// How many tenant keys only it could unwrap.
    pub tenant_keys: u64,
    /// Whether the store showed that the old record is gone from it. No: it may still lie in free
    /// pages or in the journal, because others were using the store, or it failed at that.
    pub erased: bool,
}

/// How far destroying a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destruction {
    /// It is destroyed.
    Done(Receipt),
    /// It may still be in use: ask again later.
    Waiting {
        /// Live replicas that have not acknowledged that it is disabled.
        behind: Vec<String>,
        /// When it will have been disabled for long enough, if a column without a barrier asks
        /// for that ([`Policy::minimum_age`](crate::Policy::minimum_age)).
        until: Option<Timestamp>,
    },
}

impl Admin {
    /// Destroys a Disabled key that no value of any registered column needs.
    ///
    /// # Errors
    /// As [`Admin::destroy_ready`]; `Unavailable` if it has to be waited for.
    pub async fn destroy(&self, id: KeyId) -> Result<Receipt> {
        self.destroy_recorded("keys.destroy", id, Even::Nothing)
            .await
            .and_then(done)
    }

    /// [`Admin::destroy`], or what it waits for: until every live replica knows that the key is
    /// disabled, and, where a column of its purpose has no barrier, until whatever was sealed
    /// before is stored.
    ///
    /// # Errors
    /// `Misuse` if the key is not Disabled (one that signed has to be Retired: Disabled, its
    /// signatures are refused, and Destroyed they are not), if values need it, if a
    /// registered column of its purpose is none that this process can count, if a tenant's key
    /// record, a lease or a row of a column cannot be read, if values outside registered columns may need it (see
    /// [`danger::destroy_unregistered`](crate::danger::destroy_unregistered)), or if what it MACed
    /// may not have expired (see [`danger::destroy_early`](crate::danger::destroy_early));
    /// `Unavailable` if a
    /// store or the audit cannot be reached; `Corrupt` if the registry of columns is not what was
    /// written.
    pub async fn destroy_ready(&self, id: KeyId) -> Result<Destruction> {
        self.destroy_recorded("keys.destroy", id, Even::Nothing)
            .await
    }

    /// Waiting is no act: nothing is recorded until the key may go, or is refused.
    pub(crate) async fn destroy_recorded(
        &self,
        action: &'static str,
        id: KeyId,
        even: Even,
    ) -> Result<Destruction> {
        let mut act = None;
        let result = self.try_destroy(action, id, even, &mut act).await;
        match (act, &result) {
            (Some(act), _) => return self.ended(act, None, result).await,
            (None, Err(e)) => self.refused(action, id, e).await,
            (None, Ok(_)) => {}
        }
        result
    }

    async fn try_destroy(
        &self,
        action: &'static str,
        id: KeyId,
        even: Even,
        act: &mut Option<Act>,
    ) -> Result<Destruction> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            // What is checked against this state of ring and registry is written over this state,
            // or not at all: a column registered meanwhile is seen in the next round.
            let (known, registry) = self.keyring.registry().await?;
            let key = known
                .ring
                .find(id)
                .ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))?;
            key.check_may_end()?;
            // By the ring as it is now: a handle may know less of it.
            match (even, key.kind.algorithm()) {
                (Even::Early, Algorithm::Mac) => {}
                (Even::Early, Algorithm::Seal | Algorithm::Sign) => {
                    return Err(Error::misuse(format!(
                        "key {id} MACs nothing: only what was MACed expires"
                    )));
                }
                _ => self.check_all_counted(&key.purpose, &registry)?,
            }
            let waiting = self.waits_for(key, &registry).await?;
            if let Some(waiting) = waiting {
                return Ok(waiting);
            }
            let columns = self.keyring.coverages().of(&key.purpose);
            let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
            self.close(&known, key, &columns).await?;
            if even != Even::Early {
                check_rows(&columns).await?;
            }
            let usage = self.keyring.usage_of(&columns).await?;
            // Again: a row that was damaged before it was counted, or mended after, is seen by one of
            // the two.
            if even != Even::Early {
                check_rows(&columns).await?;
            }
            match key.kind.algorithm() {
                Algorithm::Seal => check_unused(key, &usage, &known.ring, even)?,
                Algorithm::Mac if even != Even::Early => {
                    self.check_drained(&known, key, &usage, &columns)?;
                }
                // Old signatures are verified by the public half, which stays.
                Algorithm::Mac | Algorithm::Sign => {}
            }
            let tenant_keys = usage.of(id).map_or(0, |usage| usage.tenant_keys);
            let now = self.keyring.0.clock.now()?;
            let mut next = known.ring.next_epoch()?;
            next.destroy(id, now)?;
            let epoch = next.epoch;
            if act.is_none() {
                *act = Some(self.intend(action, Some(id)).await?);
            }
            if self.keyring.commit(&known, next).await? {
                return Ok(Destruction::Done(Receipt {
                    key: id,
                    epoch,
                    at: now,
                    tenant_keys,
                    erased: self.erase().await,
                }));
            }
        }
        Err(contended())
    }

    /// Puts the barriers up, so that what is counted next stays true: a process that took a key
    /// under this one long ago, and was slow, cannot write with it any more.
    async fn close(
        &self,
        known: &Snapshot,
        key: &RingKey,
        columns: &[&dyn Coverage],
    ) -> Result<()> {
        // Without an Active key nothing that was issued so far seals.
        let active = known.ring.active(&key.purpose);
        let promoted_epoch = active.map_or(known.ring.epoch, |active| active.promoted_epoch);
        for column in columns {
            column.close(promoted_epoch).await?;
        }
        Ok(())
    }

    /// Every live replica knows that the key is disabled, and what was sealed under it by one that
    /// did not is stored, or too old to be.
    async fn waits_for(&self, key: &RingKey, registry: &Registry) -> Result<Option<Destruction>> {
        self.keyring.check_leases().await?;
        let replicas = self.keyring.replicas().await?;
        // Again: a lease that was damaged before it was read, or mended after, is seen by one of the two.
        self.keyring.check_leases().await?;
        let behind = replicas.into_iter().filter(|r| r.epoch < key.changed);
        let behind: Vec<String> = behind.map(|replica| replica.name).collect();
        let now = self.keyring.0.clock.now()?;
        let open = registry
            .entries()
            .any(|entry| entry.column.purpose() == &key.purpose && !entry.has_barrier);
        let age = self.keyring.0.policy.minimum_age();
        let until = key
            .disabled
            .filter(|_| open)
            .map(|at| at.saturating_add(age))
            .filter(|until| now < *until);
        if behind.is_empty() && until.is_none() {
            return Ok(None);
        }
        Ok(Some(Destruction::Waiting { behind, until }))
    }

    /// Every column of the key's purpose that anybody registered is one this process can count.
    pub(super) fn check_all_counted(&self, purpose: &Purpose, registry: &Registry) -> Result<()> {
        let missing = registry.entries().find(|entry| {
            entry.column.purpose() == purpose && !self.keyring.coverages().has(&entry.column)
        });
        match missing {
            Some(entry) => Err(Error::misuse(format!(
                "column {} is registered, and this process cannot count it: destroy the key from the service that can",
                entry.column
            ))),
            None => Ok(()),
        }
    }

    /// What the key MACed has expired, and no record names it.
    fn check_drained(
        &self,
        known: &Snapshot,
        key: &RingKey,
        usage: &Usage,
        columns: &[&dyn Coverage],
    ) -> Result<()> {
        let id = key.id;
        if key.promoted.is_none() {
            return Ok(());
        }
        let rows = usage.rows(id);
        if rows > 0 {
            return Err(Error::misuse(format!(
                "{rows} records or tokens issued for them still need key {id}: they go as they expire or are issued anew; to end them now, destroy it with --before-expiry"
            )));
        }
        let policy = &self.keyring.0.policy;
        match drains_until(&known.ring, key, policy) {
            Some(until) if self.keyring.0.clock.now()? < until => Err(Error::misuse(format!(
                "what key {id} MACed may live until the clock says {} ms: destroy it then; to end it now, destroy it with --before-expiry",
                until.as_millis()
            ))),
            None if columns.is_empty() => Err(Error::misuse(format!(
                "what key {id} MACed has no end, and no registered column counts it: to end it all, destroy it with --before-expiry"
            ))),
            _ => Ok(()),
        }
    }
}

/// What a key is destroyed in spite of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Even {
    Nothing,
    /// Values that nobody can count.
    Unregistered,
    /// What it MACed and has not expired.
    Early,
}

pub(crate) fn done(destruction: Destruction) -> Result<Receipt> {
    match destruction {
        Destruction::Done(receipt) => Ok(receipt),
        Destruction::Waiting { behind, until } => Err(Error::unavailable(match behind.first() {
            Some(name) => format!(
                "replica {name} has not acknowledged that the key is disabled: try again in a moment"
            ),
            None => format!(
                "the key was disabled a moment ago, and a value sealed before may not be stored yet: try again {}",
                until.map_or_else(
                    || "in a moment".to_owned(),
                    |at| format!("when the clock says {} ms", at.as_millis())
                )
            ),
        })),
    }
}

/// Every tenant's key record of the purpose can be read.
pub(super) fn check_readable(key: &RingKey, usage: &Usage, ring: &Ring) -> Result<()> {
    let mut damaged = usage.damaged.iter();
    match damaged.find(|one| one.may_be_of(&key.purpose, ring)) {
        Some(damaged) => {
            let (what, how) = damaged.told();
            Err(Error::misuse(format!(
                "{what} cannot be read, and may need key {}: restore it, or give it up with {how}",
                key.id
            )))
        }
        None => Ok(()),
    }
}

/// Every row of the columns can be read: what one needs that cannot, nobody knows.
pub(super) async fn check_rows(columns: &[&dyn Coverage]) -> Result<()> {
    for column in columns {
        if let Some(row) = column.damaged().await?.first() {
            return Err(Error::misuse(format!(
                "row {place} of column {} cannot be read, and may need any key: restore it, or give it up with `keyward vault set-aside {place}`",
                column.id(),
                place = row.place
            )));
        }
    }
    Ok(())
}

fn check_unused(key: &RingKey, usage: &Usage, ring: &Ring, even: Even) -> Result<()> {
    let id = key.id;
    check_readable(key, usage, ring)?;
    let rows = usage.rows(id);
    if rows > 0 {
        return Err(Error::misuse(format!(
            "{rows} values still need key {id}: seal them anew with `keyward vault rewrap`"
        )));
    }
    let unregistered = usage.of(id).is_some_and(|usage| usage.unregistered);
    if unregistered && even != Even::Unregistered {
        return Err(Error::misuse(format!(
            "key {id} sealed values that are stored nowhere we can count: seal those anew, then destroy it with --even-unregistered"
        )));
    }
    Ok(())
}
