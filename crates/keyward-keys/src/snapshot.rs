//! One authentic state of the ring, with the material of the keys that may be used.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use keyward_base::domain::Domain;
use keyward_base::encoded::Encoded;
use keyward_base::{Error, KeyId, Purpose, Reason, Result};
use keyward_crypto::{BodyKey, Provider};
use keyward_store::{Record, Version, Write};

use crate::anchor::Pin;
use crate::format::{MAC_LEN, decode_ring, encode_ring};
use crate::key_filter::KeyFilter;
use crate::material::{MacMaterial, Material, SignMaterial};
use crate::reason;
use crate::record_mac::{RecordMac, RecordOf};
use crate::records::ring_place;
use crate::ring::{KeyKind, KeyState, Ring, RingKey, RingMac};
use crate::ring_id::RingId;
use crate::root::{Root, Wrapped};

/// An authentic ring. Never changed: a newer one takes its place.
pub(crate) struct Snapshot {
    pub(crate) ring: Ring,
    /// The store's version of the record this was read from.
    pub(crate) version: Version,
    /// The MAC of that record.
    pub(crate) tag: [u8; MAC_LEN],
    pub(crate) filter: Arc<KeyFilter>,
    mac: Arc<RecordMac>,
    previous_mac: Option<Arc<RecordMac>>,
    /// In a tree: a ring has few keys, and one is looked for with whatever comes from outside. Hashing an
    /// id so that nobody can choose collisions takes longer.
    material: BTreeMap<KeyId, Material>,
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
        let (ring, body, tag) = decode_ring(&record.data)?;
        let known = known.filter(|known| known.ring.id == ring.id);
        let mac = unwrap_mac(&ring, &ring.mac, root, provider, known).await?;
        mac.verify(RecordOf::Ring, body, &tag).map_err(|e| {
            Error::corrupt(
                "the keyring record is not authentic: it was altered, or another root wrote it",
            )
            .because(Reason::NOT_AUTHENTIC)
            .with_source(e)
        })?;
        ring.check()?;
        let previous_mac = match &ring.previous_mac {
            Some(before) => Some(unwrap_mac(&ring, before, root, provider, known).await?),
            None => None,
        };
        let filter = match known.filter(|known| known.ring.filter == ring.filter) {
            Some(known) => Arc::clone(&known.filter),
            None => {
                let key = root.unwrap(&filter_context(ring.id)?, &ring.filter).await?;
                Arc::new(KeyFilter::new(provider, &key)?)
            }
        };
        let mut material = BTreeMap::new();
        for key in &ring.keys {
            let Some(wrapped) = key.wrapped.as_ref().filter(|_| is_used(key)) else {
                continue;
            };
            let is_known = |k: &&Self| {
                k.ring
                    .find(key.id)
                    .is_some_and(|old| old.wrapped == key.wrapped)
            };
            let kept = known.filter(is_known).and_then(|k| k.material.get(&key.id));
            let of_key = match kept {
                Some(kept) => kept.clone(),
                None => {
                    let unwrapped = root.unwrap(&key_context(ring.id, key)?, wrapped).await?;
                    Material::new(provider, ring.id, key, &unwrapped)?
                }
            };
            material.insert(key.id, of_key);
        }
        Ok(Self {
            ring,
            version: record.version,
            tag,
            filter,
            mac,
            previous_mac,
            material,
        })
    }

    /// What an anchor remembers of this state.
    pub(crate) const fn pin(&self) -> Pin {
        Pin {
            id: self.ring.id.to_bytes(),
            counter: self.ring.epoch,
            digest: self.tag,
        }
    }

    /// The condition that the ring is the one this was read from. Every write under a key of the
    /// ring carries it.
    pub(crate) fn require(&self) -> Write {
        Write::Require {
            key: ring_place(),
            version: Some(self.version),
        }
    }

    /// The ring's MAC key that was made in `epoch`, if it is one of those in use.
    pub(crate) fn mac_of(&self, epoch: u64) -> Option<&RecordMac> {
        if epoch == self.ring.mac.epoch {
            return Some(&self.mac);
        }
        let before = self.ring.previous_mac.as_ref()?;
        self.previous_mac
            .as_deref()
            .filter(|_| before.epoch == epoch)
    }

    /// The MAC key that records are written under.
    pub(crate) fn mac(&self) -> &RecordMac {
        &self.mac
    }

    /// The material of a ring key that opens; why not, otherwise.
    pub(crate) fn opens(&self, id: KeyId) -> Result<&Arc<BodyKey>> {
        match self.usable(id)? {
            Material::Seal(key) => Ok(key),
            Material::Mac(_) | Material::Sign(_) => Err(unknown()),
        }
    }

    /// The material of a ring key that MACs; why not, otherwise.
    pub(crate) fn macs(&self, id: KeyId) -> Result<&Arc<MacMaterial>> {
        match self.usable(id)? {
            Material::Mac(key) => Ok(key),
            Material::Seal(_) | Material::Sign(_) => Err(unknown()),
        }
    }

    /// The material of a ring key that MACs, a Pending one too: to find rows by.
    pub(crate) fn names(&self, id: KeyId) -> Result<&Arc<MacMaterial>> {
        match self.material.get(&id) {
            Some(Material::Mac(key)) => Ok(key),
            _ => Err(unknown()),
        }
    }

    /// The material of a ring key that signs, a Pending one too.
    pub(crate) fn signs(&self, id: KeyId) -> Result<&Arc<SignMaterial>> {
        match self.material.get(&id) {
            Some(Material::Sign(key)) => Ok(key),
            _ => Err(unknown()),
        }
    }

    fn usable(&self, id: KeyId) -> Result<&Material> {
        let key = self.ring.find(id).ok_or_else(unknown)?;
        key.state.check_opens()?;
        self.material.get(&id).ok_or_else(unknown)
    }

    /// Ring keys that may be used in one of the two states and not in the other.
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

/// Whether this handle needs the material of `key`: a signing key that retired signs no more.
const fn is_used(key: &RingKey) -> bool {
    match key.state {
        KeyState::Pending | KeyState::Active => true,
        KeyState::Retired => !matches!(key.kind, KeyKind::Sign(_)),
        KeyState::Disabled | KeyState::Destroyed => false,
    }
}

fn unknown() -> Error {
    Error::rejected(reason::UNKNOWN_KEY)
}

async fn unwrap_mac(
    ring: &Ring,
    mac: &RingMac,
    root: &dyn Root,
    provider: &Provider,
    known: Option<&Snapshot>,
) -> Result<Arc<RecordMac>> {
    if let Some(known) = known {
        if known.ring.mac == *mac {
            return Ok(Arc::clone(&known.mac));
        }
        if known.ring.previous_mac.as_ref() == Some(mac)
            && let Some(kept) = &known.previous_mac
        {
            return Ok(Arc::clone(kept));
        }
    }
    let context = mac_context(ring.id, mac.epoch)?;
    let key = root.unwrap(&context, &mac.wrapped).await?;
    RecordMac::new(provider, &key).map(Arc::new)
}

/// The bytes of a ring record: the ring and its MAC.
pub(crate) fn authenticated_bytes(ring: &Ring, mac: &RecordMac) -> Result<Vec<u8>> {
    ring.check()?;
    let mut bytes = encode_ring(ring)?;
    let tag = mac.sign(RecordOf::Ring, &bytes)?;
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// A new MAC key of the ring, and what the ring holds of it.
pub(crate) async fn new_mac(
    provider: &Provider,
    root: &dyn Root,
    ring: RingId,
    epoch: u64,
) -> Result<(RingMac, RecordMac)> {
    let key = provider.random::<32>()?;
    let wrapped = root.wrap(&mac_context(ring, epoch)?, &key).await?;
    Ok((RingMac { epoch, wrapped }, RecordMac::new(provider, &key)?))
}

/// A new key of the filter, and what the ring holds of it.
pub(crate) async fn new_filter(
    provider: &Provider,
    root: &dyn Root,
    ring: RingId,
) -> Result<(Wrapped, KeyFilter)> {
    let key = provider.random::<32>()?;
    let wrapped = root.wrap(&filter_context(ring)?, &key).await?;
    Ok((wrapped, KeyFilter::new(provider, &key)?))
}

const RING_MAC_KEY: Domain<(RingId, u64)> = Domain::new("keyward/v1/ring-mac");
const RING_FILTER: Domain<(RingId,)> = Domain::new("keyward/v1/ring-filter");
const RING_KEY: Domain<(RingId, KeyId, u64, u8, u8, &Purpose)> = Domain::new("keyward/v1/ring-key");

/// What a MAC key of the ring is wrapped under.
pub(crate) fn mac_context(ring: RingId, epoch: u64) -> Result<Encoded> {
    RING_MAC_KEY.encode(&(ring, epoch))
}

/// What the key of the filter is wrapped under.
pub(crate) fn filter_context(ring: RingId) -> Result<Encoded> {
    RING_FILTER.encode(&(ring,))
}

/// What a ring key is wrapped under.
pub(crate) fn key_context(ring: RingId, key: &RingKey) -> Result<Encoded> {
    let (algorithm, suite) = (key.kind.algorithm().to_byte(), key.kind.suite_byte());
    RING_KEY.encode(&(
        ring,
        key.id,
        key.created_epoch,
        algorithm,
        suite,
        &key.purpose,
    ))
}
