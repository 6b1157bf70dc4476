//! The ring as data, and the steps its keys may take. No I/O, no key material.

use keyward_base::key_tag::{key_tag, sealed_prefix};
use keyward_base::{Error, KeyId, Purpose, Result, Suite, Timestamp};
use keyward_crypto::sign::{PublicKey, SIGNATURE_LEN};

use crate::key_use::{Algorithm, PurposeRules, Rules, Suites};
use crate::reason;
use crate::ring_id::RingId;
use crate::root::Wrapped;

/// The most keys a ring may hold, tombstones included: a key a week for nineteen years.
pub(crate) const MAX_KEYS: usize = 1024;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Durable, known to nobody's seals yet.
    Pending,
    /// Seals and opens. One for each purpose.
    Active,
    /// Opens only.
    Retired,
    /// Refuses, until it is enabled again.
    Disabled,
    /// Its material is gone for good. The tombstone stays.
    Destroyed,
}

impl KeyState {
    /// A stable word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Destroyed => "destroyed",
            Self::Disabled => "disabled",
            Self::Pending => "pending",
            Self::Retired => "retired",
        }
    }

    /// Whether values sealed with a key in this state open; if not, why.
    pub(crate) fn check_opens(self) -> Result<()> {
        match self {
            Self::Active | Self::Retired => Ok(()),
            Self::Pending => Err(Error::rejected(reason::PENDING_KEY)),
            Self::Disabled => Err(Error::unavailable(
                "the key is disabled: enable it, or restore the value from elsewhere",
            )
            .because(reason::DISABLED_KEY)),
            Self::Destroyed => Err(Error::rejected(reason::DESTROYED_KEY)),
        }
    }
}

/// What a key is for, and what of it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Seal(Suite),
    Mac,
    Sign(Published),
}

impl KeyKind {
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Mac => Algorithm::Mac,
            Self::Seal(_) => Algorithm::Seal,
            Self::Sign(_) => Algorithm::Sign,
        }
    }

    pub(crate) const fn suite(&self) -> Option<Suite> {
        match self {
            Self::Seal(suite) => Some(*suite),
            Self::Mac | Self::Sign(_) => None,
        }
    }

    /// The byte of the suite; 0 for none.
    pub(crate) fn suite_byte(&self) -> u8 {
        self.suite().map_or(0, Suite::to_byte)
    }
}

/// What is published of a signing key, and outlives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) public: PublicKey,
    /// The word of the key before it, which was Active when it was made.
    pub(crate) successor: Option<Successor>,
}

/// That a key is followed by another: its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Successor {
    pub(crate) of: KeyId,
    pub(crate) signature: [u8; SIGNATURE_LEN],
}

/// The key that MACs the ring and all records beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RingMac {
    /// The ring's epoch when it was made.
    pub(crate) epoch: u64,
    pub(crate) wrapped: Wrapped,
}

/// What the registry of columns must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryState {
    /// How many pages it has.
    pub(crate) pages: u16,
    pub(crate) digest: [u8; 32],
}

/// A key of the ring. Its material is wrapped by the root, and gone once it is destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RingKey {
    pub(crate) id: KeyId,
    /// The ring's epoch when it was made.
    pub(crate) created_epoch: u64,
    pub(crate) kind: KeyKind,
    pub(crate) purpose: Purpose,
    pub(crate) state: KeyState,
    /// Values were sealed with it that no registered column counts.
    pub(crate) unregistered: bool,
    /// A rotation is to end it: it is disabled and destroyed once nothing needs it.
    pub(crate) ending: bool,
    /// The ring's epoch of its last change of state.
    pub(crate) changed: u64,
    /// The ring's epoch when it became Active; 0 before.
    pub(crate) promoted_epoch: u64,
    pub(crate) created: Timestamp,
    pub(crate) promoted: Option<Timestamp>,
    pub(crate) retired: Option<Timestamp>,
    pub(crate) disabled: Option<Timestamp>,
    pub(crate) destroyed: Option<Timestamp>,
    pub(crate) wrapped: Option<Wrapped>,
}

impl RingKey {
    /// What begins the tag of a record, or the text of a value, that needs this very key.
    pub(crate) fn tag(&self) -> String {
        match self.kind {
            KeyKind::Seal(suite) => sealed_prefix(suite, self.id),
            KeyKind::Mac | KeyKind::Sign(_) => key_tag(self.id),
        }
    }

    /// It signed, and its signatures are refused. Destroyed, it would be as one that retired, whose
    /// signatures stay good.
    pub(crate) fn is_withdrawn_signer(&self) -> bool {
        let signed = self.kind.algorithm() == Algorithm::Sign && self.promoted.is_some();
        signed && self.state == KeyState::Disabled
    }

    /// Whether it may be destroyed, as far as its state tells; if not, why.
    pub(crate) fn check_may_end(&self) -> Result<()> {
        match self.state {
            KeyState::Disabled if self.is_withdrawn_signer() => Err(Error::misuse(format!(
                "signatures of key {id} are refused while it is disabled, and would be accepted again once it is destroyed: to accept them, `keyward keys enable {id}` first; else leave it disabled",
                id = self.id
            ))),
            KeyState::Disabled => Ok(()),
            // It signs no more, and nothing needs its private half.
            KeyState::Retired if self.kind.algorithm() == Algorithm::Sign => Ok(()),
            KeyState::Destroyed => Err(Error::misuse("the key is already destroyed")),
            _ => Err(Error::misuse(format!(
                "disable the key first, and see that nothing misses it: keyward keys disable {}",
                self.id
            ))),
        }
    }

    /// A Pending key becomes Active in `epoch`.
    pub(crate) const fn make_active(&mut self, epoch: u64, now: Timestamp) {
        self.state = KeyState::Active;
        self.promoted = Some(now);
        self.changed = epoch;
        self.promoted_epoch = epoch;
    }
}

/// The whole ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    pub(crate) id: RingId,
    pub(crate) epoch: u64,
    /// The least `created_epoch` of a key that is not destroyed.
    pub(crate) oldest_living_epoch: u64,
    pub(crate) mac: RingMac,
    /// The one before, while records are still under it.
    pub(crate) previous_mac: Option<RingMac>,
    /// The key by which ids that were made up are told, wrapped.
    pub(crate) filter: Wrapped,
    pub(crate) registry: RegistryState,
    pub(crate) purposes: Vec<PurposeRules>,
    pub(crate) keys: Vec<RingKey>,
}

impl Ring {
    pub(crate) fn find(&self, id: KeyId) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(crate) fn active(&self, purpose: &Purpose) -> Result<&RingKey> {
        self.keys
            .iter()
            .find(|key| key.purpose == *purpose && key.state == KeyState::Active)
            .ok_or_else(|| no_key(purpose))
    }

    /// What holds for the keys of a purpose.
    pub(crate) fn rules(&self, purpose: &Purpose) -> Result<Rules> {
        let mut all = self.purposes.iter();
        let found = all.find(|rules| rules.purpose == *purpose);
        found
            .map(|found| found.rules)
            .ok_or_else(|| no_key(purpose))
    }

    pub(crate) fn rules_mut(&mut self, purpose: &Purpose) -> Result<&mut Rules> {
        let mut all = self.purposes.iter_mut();
        let found = all.find(|rules| rules.purpose == *purpose);
        found
            .map(|found| &mut found.rules)
            .ok_or_else(|| no_key(purpose))
    }

    /// What holds for a purpose that is to be used by `algorithm`.
    ///
    /// # Errors
    /// `Misuse` if the ring has no such purpose, or it is for another algorithm.
    pub(crate) fn rules_for(&self, purpose: &Purpose, algorithm: Algorithm) -> Result<Rules> {
        let rules = self.rules(purpose)?;
        if rules.algorithm() == algorithm {
            return Ok(rules);
        }
        Err(Error::misuse(format!(
            "the keys of purpose {purpose} are for {}, and not for {}",
            rules.algorithm().as_str(),
            algorithm.as_str()
        )))
    }

    /// The suites of a purpose that seals.
    pub(crate) fn suites(&self, purpose: &Purpose) -> Result<Suites> {
        match self.rules_for(purpose, Algorithm::Seal)? {
            Rules::Seal(suites) => Ok(suites),
            Rules::Mac { .. } | Rules::Sign(_) => Err(no_key(purpose)),
        }
    }

    /// Whether values of `purpose` open that were sealed in `suite`; if not, why.
    pub(crate) fn check_suite(&self, purpose: &Purpose, suite: Suite) -> Result<()> {
        if self.suites(purpose)?.open(suite) {
            return Ok(());
        }
        Err(Error::rejected(reason::REFUSED_SUITE))
    }

    pub(crate) fn pending(&self, purpose: &Purpose) -> Option<&RingKey> {
        self.keys
            .iter()
            .find(|key| key.purpose == *purpose && key.state == KeyState::Pending)
    }

    /// The Pending key of a purpose, if it is not of the suite that new keys are to seal in: it was
    /// made before that was changed, and sealed nothing yet.
    pub(crate) fn outdated(&self, purpose: &Purpose) -> Option<KeyId> {
        let write = self.suites(purpose).ok()?.write;
        let pending = self.pending(purpose)?;
        (pending.kind.suite() != Some(write)).then_some(pending.id)
    }

    /// Whether what `id` wraps may still be needed: it is known and not destroyed.
    pub(crate) fn may_return(&self, id: KeyId) -> bool {
        self.find(id)
            .is_some_and(|key| key.state != KeyState::Destroyed)
    }

    /// The ring of the next epoch.
    pub(crate) fn next_epoch(&self) -> Result<Self> {
        let mut next = self.clone();
        next.epoch = self
            .epoch
            .checked_add(1)
            .ok_or_else(|| Error::misuse("the last epoch was used"))?;
        Ok(next)
    }

    fn key_mut(&mut self, id: KeyId) -> Result<&mut RingKey> {
        self.keys
            .iter_mut()
            .find(|key| key.id == id)
            .ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))
    }

    /// Pending → Active, and the key it follows → Retired, in one step. No: another process may have
    /// promoted or disabled it meanwhile.
    pub(crate) fn promote(&mut self, id: KeyId, now: Timestamp) -> bool {
        let epoch = self.epoch;
        let pending = |key: &&RingKey| key.state == KeyState::Pending;
        let Some(purpose) = self.find(id).filter(pending).map(|key| key.purpose.clone()) else {
            return false;
        };
        for key in self.keys.iter_mut().filter(|key| key.purpose == purpose) {
            if key.state == KeyState::Active {
                key.state = KeyState::Retired;
                key.retired = Some(now);
                key.changed = epoch;
            } else if key.id == id {
                key.make_active(epoch, now);
            }
        }
        true
    }

    /// Pending or Retired → Disabled, by an operator: no rotation ends the key from then on.
    /// Returns whether anything changed.
    pub(crate) fn disable(&mut self, id: KeyId, now: Timestamp) -> Result<bool> {
        let changed = self.disable_to_end(id, now)?;
        let key = self.key_mut(id)?;
        Ok(std::mem::take(&mut key.ending) || changed)
    }

    /// Pending or Retired → Disabled, on the way to be destroyed. Returns whether anything changed.
    pub(crate) fn disable_to_end(&mut self, id: KeyId, now: Timestamp) -> Result<bool> {
        let epoch = self.epoch;
        let key = self.key_mut(id)?;
        match key.state {
            KeyState::Disabled => return Ok(false),
            KeyState::Pending | KeyState::Retired => {}
            KeyState::Active => {
                return Err(Error::misuse(
                    "the active key cannot be disabled: rotate first, so that another takes over",
                ));
            }
            KeyState::Destroyed => return Err(Error::misuse("the key is destroyed")),
        }
        key.state = KeyState::Disabled;
        key.disabled = Some(now);
        key.changed = epoch;
        Ok(true)
    }

    /// Marks a key: a rotation is to end it.
    pub(crate) fn end(&mut self, id: KeyId) -> Result<()> {
        self.key_mut(id)?.ending = true;
        Ok(())
    }

    /// Disabled → Retired, by an operator: no rotation ends the key from then on. Returns whether
    /// anything changed.
    pub(crate) fn enable(&mut self, id: KeyId) -> Result<bool> {
        let changed = self.enable_again(id)?;
        let key = self.key_mut(id)?;
        Ok(std::mem::take(&mut key.ending) || changed)
    }

    /// Disabled → Retired. Returns whether anything changed.
    pub(crate) fn enable_again(&mut self, id: KeyId) -> Result<bool> {
        let epoch = self.epoch;
        let key = self.key_mut(id)?;
        match key.state {
            KeyState::Active | KeyState::Retired => return Ok(false),
            KeyState::Disabled => {}
            KeyState::Pending => return Err(Error::misuse("the key is pending: promote it")),
            KeyState::Destroyed => return Err(Error::misuse("a destroyed key does not come back")),
        }
        key.state = KeyState::Retired;
        key.disabled = None;
        key.changed = epoch;
        Ok(true)
    }

    /// Disabled → Destroyed: the wrapped material goes, the oldest living epoch rises.
    pub(crate) fn destroy(&mut self, id: KeyId, now: Timestamp) -> Result<()> {
        let epoch = self.epoch;
        let key = self.key_mut(id)?;
        key.check_may_end()?;
        key.state = KeyState::Destroyed;
        key.destroyed = Some(now);
        key.changed = epoch;
        key.wrapped = None;
        key.ending = false;
        let living = self
            .keys
            .iter()
            .filter(|key| key.state != KeyState::Destroyed);
        self.oldest_living_epoch = living
            .map(|key| key.created_epoch)
            .min()
            .unwrap_or(self.oldest_living_epoch)
            .max(self.oldest_living_epoch);
        Ok(())
    }

    /// What must hold of any ring, whoever wrote it.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &'static str| Err(Error::corrupt(what));
        if self.epoch == 0 {
            return wrong("the keyring is of epoch 0");
        }
        let before = self.previous_mac.as_ref().map_or(0, |mac| mac.epoch);
        if self.mac.epoch > self.epoch || before >= self.mac.epoch {
            return wrong("a MAC key of the keyring is newer than it can be");
        }
        for (at, key) in self.keys.iter().enumerate() {
            let earlier = self.keys.iter().take(at);
            if earlier.clone().any(|other| other.id == key.id) {
                return wrong("the keyring names a key twice");
            }
            let single = matches!(key.state, KeyState::Active | KeyState::Pending);
            if single
                && earlier
                    .clone()
                    .any(|o| o.purpose == key.purpose && o.state == key.state)
            {
                return wrong("the keyring has two active or two pending keys of one purpose");
            }
            if key.wrapped.is_none() != (key.state == KeyState::Destroyed) {
                return wrong("a key of the keyring lacks its material, or kept it");
            }
            if key.created_epoch > self.epoch
                || key.changed > self.epoch
                || key.promoted_epoch > self.epoch
            {
                return wrong("a key of the keyring is newer than the ring");
            }
            let rules = self.purposes.iter().find(|all| all.purpose == key.purpose);
            if rules.is_none_or(|found| found.rules.algorithm() != key.kind.algorithm()) {
                return wrong("a key of the keyring is not what its purpose is for");
            }
            if key.created_epoch < self.oldest_living_epoch && key.state != KeyState::Destroyed {
                return wrong("a key of the keyring was made before its oldest living epoch");
            }
        }
        Ok(())
    }
}

fn no_key(purpose: &Purpose) -> Error {
    Error::misuse(format!(
        "the keyring has no key for purpose {purpose}: `keyward keys add-purpose` makes one"
    ))
}
