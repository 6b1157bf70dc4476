//! One authentic state of the ring, with the material of the keys that may be used.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use keyward_base::context::Encoded;
use keyward_base::{Error, KeyId, Reason, Result, SecretArray};
use keyward_crypto::{BodyKey, MacKey, Provider};
use keyward_store::{Record, Version};

use crate::anchor::RingId;
use crate::format::{MAC_LEN, decode_ring, encode_ring};
use crate::ring::{KeyState, Ring, RingKey};
use crate::root::{Root, Wrapped};

const RING_MAC: &[u8] = b"keyward/v1/ring\0";

/// An authentic ring. Never changed: a newer one takes its place.
pub(crate) struct Snapshot {
    pub(crate) ring: Ring,
    /// The store's version of the record this was read from.
    pub(crate) version: Version,
    pub(crate) mac: Arc<MacKey>,
    /// The MAC of that record.
    pub(crate) tag: [u8; MAC_LEN],
    material: HashMap<KeyId, Arc<BodyKey>>,
}

impl Snapshot {
    /// Reads, authenticates and unwraps a ring record. Material that `known` already has costs no
    /// call of the root.
    pub(crate) async fn load(
        record: &Record,
        root: &dyn Root,
        provider: &Provider,
        known: Option<&Self>,
    ) -> Result<Self> {
        let (ring, body, mac) = decode_ring(&record.data)?;
        let mac_key = match known.filter(|k| k.ring.mac_key == ring.mac_key && k.ring.id == ring.id)
        {
            Some(known) => Arc::clone(&known.mac),
            None => {
                let key = root
                    .unwrap(mac_context(ring.id).as_bytes(), &ring.mac_key)
                    .await?;
                Arc::new(MacKey::new(provider, &key)?)
            }
        };
        mac_key.verify(&[RING_MAC, body], &mac).map_err(|e| {
            Error::corrupt(
                "the keyring record is not authentic: it was altered, or another root wrote it",
            )
            .because(Reason::NotAuthentic)
            .with_source(e)
        })?;
        ring.check()?;
        let mut material = HashMap::new();
        for key in &ring.keys {
            let kept = known
                .filter(|k| {
                    k.ring
                        .find(key.id)
                        .is_some_and(|old| old.wrapped == key.wrapped)
                })
                .and_then(|k| k.material.get(&key.id));
            match (&key.wrapped, kept) {
                _ if key.state == KeyState::Disabled => {}
                (None, _) => {}
                (Some(_), Some(kept)) => {
                    material.insert(key.id, Arc::clone(kept));
                }
                (Some(wrapped), None) => {
                    let unwrapped = unwrap_key(ring.id, key, wrapped, root).await?;
                    material.insert(
                        key.id,
                        Arc::new(BodyKey::new(provider, key.suite, &unwrapped)?),
                    );
                }
            }
        }
        Ok(Self {
            ring,
            version: record.version,
            mac: mac_key,
            tag: mac,
            material,
        })
    }

    /// The material of a ring key that opens; why not, otherwise.
    pub(crate) fn opens(&self, id: KeyId) -> Result<&Arc<BodyKey>> {
        let unknown = || Error::rejected(Reason::UnknownKey);
        self.ring
            .find(id)
            .ok_or_else(unknown)?
            .state
            .check_opens()?;
        self.material.get(&id).ok_or_else(unknown)
    }

    /// Ring keys that may be used in one of the two states and not in the other, or whose material
    /// differs.
    pub(crate) fn changed_since(&self, older: &Self) -> HashSet<KeyId> {
        let opens = |ring: &Ring, id| ring.find(id).map(|key| key.state.check_opens().is_ok());
        self.ring
            .keys
            .iter()
            .map(|key| key.id)
            .filter(|id| opens(&self.ring, *id) != opens(&older.ring, *id))
            .collect()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Snapshot(epoch {}, {} keys)",
            self.ring.epoch,
            self.ring.keys.len()
        )
    }
}

/// The bytes of a ring record: the ring and its MAC.
pub(crate) fn sealed_bytes(ring: &Ring, mac: &MacKey) -> Result<Vec<u8>> {
    ring.check()?;
    let mut bytes = encode_ring(ring)?;
    let tag = mac.sign(&[RING_MAC, &bytes]);
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// What the ring's MAC key is wrapped under.
pub(crate) fn mac_context(ring: RingId) -> Encoded {
    let mut context = Encoded::new("keyward/v1/ring-mac");
    context.push(&ring.to_bytes());
    context
}

/// What a ring key is wrapped under.
pub(crate) fn key_context(ring: RingId, key: &RingKey) -> Encoded {
    let mut context = Encoded::new("keyward/v1/ring-key");
    context.push(&ring.to_bytes());
    context.push(&key.id.to_bytes());
    context.push(&key.seq.to_be_bytes());
    context.push(&[key.suite.to_byte()]);
    context.push(key.purpose.as_str().as_bytes());
    context
}

/// Unwraps the material of `key`.
pub(crate) async fn unwrap_key(
    ring: RingId,
    key: &RingKey,
    wrapped: &Wrapped,
    root: &dyn Root,
) -> Result<SecretArray<32>> {
    root.unwrap(key_context(ring, key).as_bytes(), wrapped)
        .await
}
