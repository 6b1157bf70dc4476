//! A rotation from the new key to the end of the old ones, that goes on wherever it was left.
//!
//! The ring remembers it: the keys that a rotation is to end are marked. Every step looks at the
//! states of the keys and does what comes next, so that it may be killed at any instant and gone
//! on with by another process. A key that an operator disabled is not marked, and not destroyed.

use std::collections::BTreeMap;

use keyward_base::audit::Outcome;
use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};

use super::destroy::{Destruction, check_readable, check_rows};
use super::{Admin, Promotion, Receipt};
use crate::coverage::Coverage;
use crate::key_use::Algorithm;
use crate::records::{MAX_TRIES, contended};
use crate::ring::{KeyState, Ring, RingKey};
use crate::status::drains_until;

/// What a rotation has come to, and what its driver does now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Live replicas have not all acknowledged something: sleep a moment, and go on.
    Waiting {
        /// The key that waits to be promoted, or to be destroyed.
        key: KeyId,
        /// What it waits to become: Active or Destroyed.
        to: KeyState,
        /// Replicas that acknowledged it, of `of`; both 0 where only time is waited for.
        acknowledged: usize,
        /// How many live replicas there are.
        of: usize,
        /// When it goes on in any case, where that is known.
        until: Option<Timestamp>,
    },
    /// Values need keys that are to end: seal them anew (`keyward_vault::Rewrap`), and go on.
    Rewrap {
        /// Values that need them, over the columns that this process can count.
        rows: u64,
    },
    /// The new key is in use. What the old ones MACed is left to expire: nobody needs to wait for
    /// that; a later run, once it has, ends them.
    Draining {
        /// The keys that are needed still.
        keys: Vec<KeyId>,
        /// Records and tokens that name them, over the columns that this process can count.
        rows: u64,
        /// When the last of it has expired; none if something has no end.
        until: Option<Timestamp>,
    },
    /// The rotation is at its end.
    Done {
        /// Keys that it destroyed, in this run.
        destroyed: Vec<Receipt>,
        /// Keys that it leaves Retired, since they sealed values that lie nowhere we can count.
        kept: Vec<KeyId>,
    },
}

/// What is needed still of what MACs.
#[derive(Default)]
struct Draining {
    keys: Vec<KeyId>,
    rows: u64,
    until: Option<Timestamp>,
}

/// Drives a rotation. Made by [`Admin::rotation`].
#[derive(Debug)]
#[must_use = "a rotation does nothing until `step`"]
pub struct Rotation {
    admin: Admin,
    purpose: Purpose,
    /// It was seen to go on: when no key is to end any more, it is over, whoever ended it.
    begun: bool,
    destroyed: Vec<Receipt>,
    kept: Vec<KeyId>,
    /// What was left when a rewrap was asked for, to see whether it got anywhere.
    asked: Option<u64>,
}

impl Admin {
    /// The rotation of `purpose` that goes on, or a new one that the first [`Rotation::step`]
    /// begins: a new key is made and promoted, and the keys that were Active or Retired when it
    /// began are disabled and destroyed, once nothing needs them: everything is sealed anew under
    /// the new one; or what was MACed has expired; of a key that signs the public half stays.
    pub fn rotation(&self, purpose: &Purpose) -> Rotation {
        Rotation {
            admin: self.clone(),
            purpose: purpose.clone(),
            begun: false,
            destroyed: Vec::new(),
            kept: Vec::new(),
            asked: None,
        }
    }
}

impl Rotation {
    /// Goes on as far as it can without waiting, and says what the driver does now. Call it until
    /// it is [`Stage::Done`].
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of the purpose, or if a registered column is none that this
    /// process can count, or a tenant's key record cannot be read: nothing is lost, and the
    /// rotation goes on from here once that is mended; `Misuse` too if a rewrap moved nothing;
    /// `Unavailable` if a store, the root or the audit cannot be reached.
    pub async fn step(&mut self) -> Result<Stage> {
        self.begin().await?;
        if let Some(waiting) = self.promote().await? {
            return Ok(waiting);
        }
        self.check_counted().await?;
        let algorithm = self.algorithm()?;
        let mut drains = Draining::default();
        match algorithm {
            Algorithm::Seal => {
                if let Some(stage) = self.look_at_values().await? {
                    return Ok(stage);
                }
            }
            Algorithm::Mac => drains = self.look_at_expiry().await?,
            // Signatures outlive the private half.
            Algorithm::Sign => {}
        }
        let mut ended = self.ending(KeyState::Retired);
        ended.retain(|key| algorithm != Algorithm::Sign && !drains.keys.contains(&key.id));
        for key in ended {
            let disable = self.disable(key.id);
            self.admin
                .audited("keys.disable", Some(key.id), disable)
                .await?;
        }
        let mut ended = self.ending(KeyState::Disabled);
        if algorithm == Algorithm::Sign {
            ended.extend(self.ending(KeyState::Retired));
        }
        ended.retain(|key| !drains.keys.contains(&key.id));
        for key in ended {
            match self.admin.destroy_ready(key.id).await {
                // Another driver of this rotation was faster, or found values that need it.
                Err(_) if !self.is_still(key.id, key.state).await? => {}
                Err(e) => return Err(e),
                Ok(Destruction::Done(receipt)) => self.destroyed.push(receipt),
                Ok(Destruction::Waiting { behind, until }) => {
                    let of = self.admin.keyring.replicas().await?.len();
                    return Ok(Stage::Waiting {
                        key: key.id,
                        to: KeyState::Destroyed,
                        acknowledged: of.saturating_sub(behind.len()),
                        of,
                        until,
                    });
                }
            }
        }
        if !drains.keys.is_empty() {
            return Ok(Stage::Draining {
                keys: drains.keys,
                rows: drains.rows,
                until: drains.until,
            });
        }
        if is_begun(&self.admin.keyring.snapshot().ring, &self.purpose) {
            // One that was enabled again: its values come first.
            return Ok(Stage::Rewrap { rows: 0 });
        }
        Ok(Stage::Done {
            destroyed: std::mem::take(&mut self.destroyed),
            kept: std::mem::take(&mut self.kept),
        })
    }

    /// Goes on with what was begun; else makes a key, and marks those that it is to follow. One whose
    /// new key was disabled before it was promoted gets another; so does one whose new key is of
    /// another suite than new keys are to seal in, and ends that key too.
    async fn begin(&mut self) -> Result<()> {
        let inner = &self.admin.keyring.0;
        for _ in 0..MAX_TRIES {
            self.admin.keyring.refresh().await?;
            let known = self.admin.keyring.snapshot();
            let goes_on = is_begun(&known.ring, &self.purpose);
            let is_over = self.begun && !goes_on;
            self.begun |= goes_on;
            if is_over || (goes_on && !lacks_key(&known.ring, &self.purpose)) {
                return Ok(());
            }
            known.ring.active(&self.purpose)?;
            let mut next = known.ring.next_epoch()?;
            for key in next.keys.iter_mut().filter(|k| k.purpose == self.purpose) {
                key.ending |= !goes_on && matches!(key.state, KeyState::Active | KeyState::Retired);
            }
            let mut made = None;
            let now = inner.clock.now()?;
            if let Some(outdated) = next.outdated(&self.purpose) {
                next.disable_to_end(outdated, now)?;
                next.end(outdated)?;
            }
            if next.pending(&self.purpose).is_none() {
                let purpose = &self.purpose;
                made = Some(self.admin.add_key(&known, &mut next, purpose, now).await?);
            }
            let act = self.admin.intend("keys.rotate", made).await?;
            match self.admin.keyring.commit(&known, next).await {
                Ok(false) => act.end(inner.clock.as_ref(), Outcome::NotDone).await,
                done => {
                    self.begun |= done.is_ok();
                    return self.admin.ended(act, made, done.map(|_| ())).await;
                }
            }
        }
        Err(contended())
    }

    /// Promotes the new key, or says what that waits for.
    async fn promote(&self) -> Result<Option<Stage>> {
        let pending = |ring: &Ring| ring.pending(&self.purpose).map(|key| key.id);
        while let Some(id) = pending(&self.admin.keyring.snapshot().ring) {
            match self.admin.promote_key(id).await? {
                Promotion::Waiting {
                    key,
                    acknowledged,
                    of,
                    until,
                } => {
                    return Ok(Some(Stage::Waiting {
                        key,
                        to: KeyState::Active,
                        acknowledged,
                        of,
                        until: Some(until),
                    }));
                }
                _ => self.admin.keyring.refresh().await?,
            };
        }
        Ok(None)
    }

    /// Every registered column of the purpose is one this process can count.
    async fn check_counted(&self) -> Result<()> {
        let uncounted = self.admin.keyring.uncounted().await?;
        let missing = uncounted
            .iter()
            .find(|entry| *entry.column.purpose() == self.purpose);
        match missing {
            Some(entry) => Err(Error::misuse(format!(
                "column {} is registered, and this process cannot count it: the new key is in use; finish the rotation from the service that owns the column",
                entry.column
            ))),
            None => Ok(()),
        }
    }

    /// Looks at what needs the keys that are to end. One that sealed what nobody can count is kept;
    /// one that was disabled too early is enabled again.
    async fn look_at_values(&mut self) -> Result<Option<Stage>> {
        let usage = self.admin.usage().await?;
        let mut rows: BTreeMap<KeyId, u64> = BTreeMap::new();
        for state in [KeyState::Retired, KeyState::Disabled] {
            for key in self.ending(state) {
                if usage.of(key.id).is_some_and(|usage| usage.unregistered) {
                    self.keep(key.id).await?;
                } else if usage.rows(key.id) > 0 {
                    rows.insert(key.id, usage.rows(key.id));
                    if state == KeyState::Disabled {
                        let enable = self.enable(key.id);
                        self.admin
                            .audited("keys.enable", Some(key.id), enable)
                            .await?;
                    }
                }
            }
        }
        let left = rows.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
        if left == 0 {
            self.asked = None;
            // Restored later, their values open at once: nothing was disabled under them.
            let retired = self.ending(KeyState::Retired);
            for key in &retired {
                check_readable(key, &usage, &self.admin.keyring.snapshot().ring)?;
            }
            if !retired.is_empty() {
                self.check_rows().await?;
            }
            return Ok(None);
        }
        if self.asked.is_some_and(|before| left >= before) {
            return Err(Error::misuse(format!(
                "{left} values still need keys that are to end, and sealing anew did not move them: `keyward vault rewrap` says why; the rotation goes on once they are moved"
            )));
        }
        self.asked = Some(left);
        Ok(Some(Stage::Rewrap { rows: left }))
    }

    /// Every row of the columns of the purpose can be read.
    async fn check_rows(&self) -> Result<()> {
        let columns = self.admin.keyring.coverages().of(&self.purpose);
        let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
        check_rows(&columns).await
    }

    fn algorithm(&self) -> Result<Algorithm> {
        let ring = &self.admin.keyring.snapshot().ring;
        ring.rules(&self.purpose)
            .map(crate::key_use::Rules::algorithm)
    }

    /// Which of the keys that are to end MACed what has not expired. One that was disabled too
    /// early is enabled again.
    async fn look_at_expiry(&self) -> Result<Draining> {
        let usage = self.admin.usage().await?;
        let keyring = &self.admin.keyring;
        let now = keyring.0.clock.now()?;
        let counted = !keyring.coverages().of(&self.purpose).is_empty();
        let known = keyring.snapshot();
        let ring = &known.ring;
        let mut drains = Draining::default();
        for state in [KeyState::Retired, KeyState::Disabled] {
            for key in self.ending(state) {
                let rows = usage.rows(key.id);
                let until = drains_until(ring, &key, &keyring.0.policy);
                let over = match until {
                    Some(until) => until <= now,
                    // It never MACed; or what it MACed has no end, and only the count tells.
                    None => key.promoted.is_none() || counted,
                };
                if over && rows == 0 {
                    continue;
                }
                if state == KeyState::Disabled {
                    // It was disabled too early: what it MACed verifies until it has expired.
                    let enable = self.enable(key.id);
                    self.admin
                        .audited("keys.enable", Some(key.id), enable)
                        .await?;
                }
                drains.keys.push(key.id);
                drains.rows = drains.rows.saturating_add(rows);
                drains.until = drains.until.max(until);
            }
        }
        let mut retired = self.ending(KeyState::Retired);
        retired.retain(|key| !drains.keys.contains(&key.id));
        if !retired.is_empty() {
            // Restored later, what they MACed verifies at once: nothing was disabled under it.
            self.check_rows().await?;
        }
        Ok(drains)
    }

    /// The keys of the purpose that are to end, in one state.
    fn ending(&self, state: KeyState) -> Vec<RingKey> {
        let ring = &self.admin.keyring.snapshot().ring;
        let of = ring
            .keys
            .iter()
            .filter(|key| key.purpose == self.purpose && key.ending && key.state == state);
        of.cloned().collect()
    }

    async fn is_still(&self, id: KeyId, state: KeyState) -> Result<bool> {
        self.admin.keyring.refresh().await?;
        let ring = &self.admin.keyring.snapshot().ring;
        Ok(is_ending(ring, id, state))
    }

    async fn keep(&mut self, id: KeyId) -> Result<()> {
        let keyring = &self.admin.keyring;
        keyring
            .change(|next, _| {
                let enabled = match is_ending(next, id, KeyState::Disabled) {
                    true => next.enable_again(id)?,
                    false => false,
                };
                let key = next.keys.iter_mut().find(|key| key.id == id);
                Ok(key.is_some_and(|key| std::mem::take(&mut key.ending)) || enabled)
            })
            .await?;
        self.kept.push(id);
        Ok(())
    }

    async fn disable(&self, id: KeyId) -> Result<()> {
        let keyring = &self.admin.keyring;
        keyring
            .change(|next, now| match is_ending(next, id, KeyState::Retired) {
                true => next.disable_to_end(id, now),
                false => Ok(false),
            })
            .await
    }

    async fn enable(&self, id: KeyId) -> Result<()> {
        let keyring = &self.admin.keyring;
        keyring
            .change(|next, _| match is_ending(next, id, KeyState::Disabled) {
                true => next.enable_again(id),
                false => Ok(false),
            })
            .await
    }
}

fn is_ending(ring: &Ring, id: KeyId, state: KeyState) -> bool {
    ring.find(id)
        .is_some_and(|key| key.ending && key.state == state)
}

/// Whether a rotation of the purpose goes on.
fn is_begun(ring: &Ring, purpose: &Purpose) -> bool {
    ring.keys
        .iter()
        .any(|key| key.purpose == *purpose && key.ending)
}

/// Whether the key that is to end still seals, and none is there to take over that seals as new keys
/// are to.
fn lacks_key(ring: &Ring, purpose: &Purpose) -> bool {
    let seals = ring.active(purpose).is_ok_and(|active| active.ending);
    seals && (ring.pending(purpose).is_none() || ring.outdated(purpose).is_some())
}
