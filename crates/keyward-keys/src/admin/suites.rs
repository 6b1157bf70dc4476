//! Which suites the values of a purpose are sealed in, and open in.

use keyward_base::{Error, Purpose, Result, Suite};

use super::Admin;
use super::destroy::check_rows;
use crate::coverage::Coverage;
use crate::key_use::{Rules, Suites};
use crate::records::{MAX_TRIES, contended};
use crate::registry::Registry;
use crate::ring::{KeyKind, KeyState, Ring};
use crate::snapshot::Snapshot;

impl Admin {
    /// Has new keys of `purpose` seal in `suite`. Keys that there are keep theirs: rotate, and
    /// rewrap the values, to move them.
    ///
    /// # Errors
    /// `Misuse` if the purpose does not seal, or refuses that suite; `Unavailable` if store or
    /// audit cannot be reached.
    pub async fn write_suite(&self, purpose: &Purpose, suite: Suite) -> Result<()> {
        let act = self.keyring.change(|next, _| {
            let suites = next.suites(purpose)?;
            if !suites.open(suite) {
                return Err(Error::misuse(
                    "values of that suite are refused: have it open again first (Admin::oldest_suite)",
                ));
            }
            set(next, purpose, Suites { write: suite, ..suites })
        });
        self.audited("keys.write-suite", None, act).await
    }

    /// Refuses values of `purpose` that are sealed in a suite older than `oldest`, or has them open
    /// again. Refusing needs a count of 0: no value of any registered column may be sealed in an
    /// older suite, and none may lie where nobody counts.
    ///
    /// # Errors
    /// `Misuse` if the purpose does not seal, if its new keys, its Active or its Pending key would
    /// be refused, if values are sealed in an older suite, or may be: a registered column is none that this
    /// process can count, a tenant's key record cannot be read, or values lie outside registered
    /// columns; `Unavailable` if a store or the audit cannot be reached, or if a registered column
    /// has no barrier and the Active key took over less than
    /// [`Policy::minimum_age`](crate::Policy::minimum_age) ago; `Corrupt` if the registry
    /// of columns is not what was written.
    pub async fn oldest_suite(&self, purpose: &Purpose, oldest: Suite) -> Result<()> {
        let act = self.try_oldest_suite(purpose, oldest);
        self.audited("keys.oldest-suite", None, act).await
    }

    async fn try_oldest_suite(&self, purpose: &Purpose, oldest: Suite) -> Result<()> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            // Judged by this state of ring and registry, and written over this state or not at all.
            let (known, registry) = self.keyring.registry().await?;
            let suites = Suites {
                oldest,
                ..known.ring.suites(purpose)?
            };
            let mut next = known.ring.next_epoch()?;
            if !set(&mut next, purpose, suites)? {
                return Ok(());
            }
            if known.ring.suites(purpose)?.oldest.to_byte() < oldest.to_byte() {
                self.check_all_counted(purpose, &registry)?;
                self.check_stored(&known, purpose, &registry)?;
                self.check_none_older(&known, purpose, suites).await?;
            }
            if self.keyring.commit(&known, next).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// What was sealed before the Active key took over is stored, or too old to be, also where no
    /// barrier keeps it out.
    fn check_stored(&self, known: &Snapshot, purpose: &Purpose, registry: &Registry) -> Result<()> {
        let open = registry
            .entries()
            .any(|entry| entry.column.purpose() == purpose && !entry.has_barrier);
        let age = self.keyring.0.policy.minimum_age();
        let promoted = known.ring.active(purpose)?.promoted.filter(|_| open);
        let until = promoted.map(|at| at.saturating_add(age));
        match until {
            Some(until) if self.keyring.0.clock.now()? < until => Err(Error::unavailable(format!(
                "a value sealed before the active key took over may not be stored yet: try again when the clock says {} ms",
                until.as_millis()
            ))),
            _ => Ok(()),
        }
    }

    /// No value of `purpose` is sealed in a suite that `suites` refuses, and none will be.
    async fn check_none_older(
        &self,
        known: &Snapshot,
        purpose: &Purpose,
        suites: Suites,
    ) -> Result<()> {
        let active = known.ring.active(purpose)?;
        if !suites.open(suites.write) || active.kind.suite().is_some_and(|s| !suites.open(s)) {
            return Err(Error::misuse(
                "the active key seals in a suite that would be refused: have new keys seal in a newer one, rotate, and rewrap the values first",
            ));
        }
        let pending = known.ring.pending(purpose);
        if let Some(key) = pending.filter(|key| key.kind.suite().is_some_and(|s| !suites.open(s))) {
            return Err(Error::misuse(format!(
                "key {id} is pending, and is to seal in a suite that would be refused: `keyward keys disable {id}`, or rotate until it is retired",
                id = key.id
            )));
        }
        let columns = self.keyring.coverages().of(purpose);
        let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
        // Whoever holds an older key, and was slow, cannot write with it after this.
        for column in &columns {
            column.close(active.promoted_epoch).await?;
        }
        let (mut rows, mut uncounted) = (0_u64, false);
        for key in known.ring.keys.iter().filter(|key| key.purpose == *purpose) {
            let KeyKind::Seal(suite) = key.kind else {
                continue;
            };
            if !suites.open(suite) && key.state != KeyState::Destroyed {
                uncounted |= key.unregistered;
                for column in &columns {
                    rows = rows.saturating_add(column.count(&key.tag()).await?);
                }
            }
        }
        let damaged = self
            .keyring
            .each_tenant_key(None, &columns, |found| {
                if found.purpose == *purpose && !suites.open(found.suite) {
                    rows = rows.saturating_add(found.rows);
                    uncounted |= found.unregistered;
                }
            })
            .await?;
        if let Some(record) = damaged
            .iter()
            .find(|one| one.may_be_of(purpose, &known.ring))
        {
            let (what, how) = record.told();
            return Err(Error::misuse(format!(
                "{what} cannot be read, and its values may be of an older suite: restore it, or give it up with {how}"
            )));
        }
        check_rows(&columns).await?;
        if rows > 0 {
            return Err(Error::misuse(format!(
                "{rows} values are sealed in an older suite: rotate, and seal them anew with `keyward vault rewrap`"
            )));
        }
        if uncounted {
            return Err(Error::misuse(
                "values of an older suite are stored nowhere we can count: seal those anew, and end their keys first",
            ));
        }
        Ok(())
    }
}

/// Sets the suites of a purpose. No: they are those.
fn set(ring: &mut Ring, purpose: &Purpose, suites: Suites) -> Result<bool> {
    let rules = ring.rules_mut(purpose)?;
    let changed = *rules != Rules::Seal(suites);
    *rules = Rules::Seal(suites);
    Ok(changed)
}
