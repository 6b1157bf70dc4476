//! What may be shown of a ring.

use std::time::Duration;

use keyward_base::{KeyId, Purpose, Suite, Timestamp};
use keyward_crypto::sign::PublicKey;

use crate::key_use::{Algorithm, Rules};
use crate::policy::Policy;
use crate::ring::{KeyKind, KeyState, Ring, RingKey};
use crate::ring_id::RingId;
use crate::root::RootVersion;

/// What may be shown of a ring: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The id of the keyring.
    pub ring: RingId,
    /// How often it was changed, plus one. Only grows.
    pub epoch: u64,
    /// The least `created_epoch` of a key that is not destroyed.
    pub oldest_living_epoch: u64,
    /// The ring's epoch in which its MAC key was made.
    pub mac_epoch: u64,
    /// Records may still be under the MAC key before: its rotation goes on.
    pub mac_rotates: bool,
    /// All keys, tombstones included, in the order they were made.
    pub keys: Vec<KeyStatus>,
}

/// What may be shown of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The id of the key.
    pub id: KeyId,
    /// The purpose of the key.
    pub purpose: Purpose,
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// How it seals; none for one that does not.
    pub suite: Option<Suite>,
    /// The longest that anything lives which a key of the purpose MACs; none for another
    /// algorithm, and where something has no end.
    pub longest_life: Option<Duration>,
    /// When the last that it MACed has expired, by every clock. None for a key that MACs still or
    /// never did, that is destroyed, or whose tokens have no end.
    pub drains_until: Option<Timestamp>,
    /// What verifies its signatures; none for one that does not sign.
    pub public: Option<PublicKey>,
    /// The ring's epoch when it was made.
    pub created_epoch: u64,
    /// The state of the key.
    pub state: KeyState,
    /// Which version of the root wraps it; none once it is destroyed.
    pub root: Option<RootVersion>,
    /// Values were sealed with it directly that no registered column counts.
    pub unregistered: bool,
    /// A rotation is to end it: it is disabled and destroyed once nothing needs it.
    pub ending: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it became Active.
    pub promoted: Option<Timestamp>,
    /// When another took over.
    pub retired: Option<Timestamp>,
    /// When it was disabled.
    pub disabled: Option<Timestamp>,
    /// When it was destroyed.
    pub destroyed: Option<Timestamp>,
}

impl Status {
    pub(crate) fn of(ring: &Ring, policy: &Policy) -> Self {
        let keys = ring
            .keys
            .iter()
            .map(|key| KeyStatus {
                id: key.id,
                purpose: key.purpose.clone(),
                algorithm: key.kind.algorithm(),
                suite: key.kind.suite(),
                longest_life: longest_life(ring, key),
                drains_until: drains_until(ring, key, policy),
                public: match &key.kind {
                    KeyKind::Sign(published) => Some(published.public),
                    KeyKind::Mac | KeyKind::Seal(_) => None,
                },
                created_epoch: key.created_epoch,
                state: key.state,
                root: key.wrapped.as_ref().map(|wrapped| wrapped.version),
                unregistered: key.unregistered,
                ending: key.ending,
                created: key.created,
                promoted: key.promoted,
                retired: key.retired,
                disabled: key.disabled,
                destroyed: key.destroyed,
            })
            .collect();
        Self {
            ring: ring.id,
            epoch: ring.epoch,
            oldest_living_epoch: ring.oldest_living_epoch,
            mac_epoch: ring.mac.epoch,
            mac_rotates: ring.previous_mac.is_some(),
            keys,
        }
    }
}

/// The longest life of what `key` MACs.
pub(crate) fn longest_life(ring: &Ring, key: &RingKey) -> Option<Duration> {
    match ring.rules(&key.purpose) {
        Ok(Rules::Mac { longest_life }) => longest_life,
        _ => None,
    }
}

/// When the last that `key` MACed has expired.
pub(crate) fn drains_until(ring: &Ring, key: &RingKey, policy: &Policy) -> Option<Timestamp> {
    let life = longest_life(ring, key)?;
    let needed = matches!(key.state, KeyState::Retired | KeyState::Disabled);
    let retired = key.retired.filter(|_| needed)?;
    Some(retired.saturating_add(policy.drains_for(life)))
}
