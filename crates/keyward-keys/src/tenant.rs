//! Tenant keys: issued, read and opened.

use std::fmt;
use std::sync::Arc;

use keyward_base::context::Encoded;
use keyward_base::{Error, KeyId, Purpose, Reason, Result, SecretArray, Suite, Tenant, Timestamp};
use keyward_crypto::{BodyKey, Provider, body_len};
use keyward_store::{Record, RecordKey};

use crate::cache::{Cached, Slot};
use crate::format::{TenantEntry, TenantRecord, decode_tenant, encode_tenant};
use crate::keyring::TENANT_KEYS;
use crate::snapshot::Snapshot;

const TENANT_MAC: &[u8] = b"keyward/v1/tenant-keys\0";

/// A key that seals and opens the values of one tenant and purpose. A cheap clone; the material
/// is wiped when the last one is dropped. Hold it for one call, not longer: a handle does not see
/// that its key was disabled.
#[derive(Clone)]
pub struct TenantKey(Arc<Inner>);

struct Inner {
    id: KeyId,
    seq: u64,
    suite: Suite,
    body: BodyKey,
}

impl TenantKey {
    pub(crate) fn new(id: KeyId, seq: u64, suite: Suite, body: BodyKey) -> Self {
        Self(Arc::new(Inner {
            id,
            seq,
            suite,
            body,
        }))
    }

    /// The id that sealed values carry: the tenant key's, or the ring key's where keys are
    /// derived.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// The ring's epoch from which on this key seals, to be held against a fence.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// How it seals.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.0.suite
    }

    /// The key itself.
    #[must_use]
    pub fn body(&self) -> &BodyKey {
        &self.0.body
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKey({})", self.0.id)
    }
}

/// Where the keys of a tenant and purpose lie.
pub(crate) fn record_key(purpose: &Purpose, tenant: &Tenant) -> RecordKey {
    RecordKey {
        collection: TENANT_KEYS,
        owner: tenant.as_str().to_owned(),
        id: purpose.as_str().to_owned(),
    }
}

fn mac_prefix(snapshot: &Snapshot, purpose: &Purpose, tenant: &Tenant) -> Encoded {
    let mut prefix = Encoded::new("keyward/v1/tenant-keys");
    prefix.push(&snapshot.ring.id.to_bytes());
    prefix.push(purpose.as_str().as_bytes());
    prefix.push(tenant.as_str().as_bytes());
    prefix
}

/// Reads and authenticates a tenant's record.
pub(crate) fn read(
    record: &Record,
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<TenantRecord> {
    let (entries, body, mac) = decode_tenant(&record.data)?;
    let prefix = mac_prefix(snapshot, purpose, tenant);
    snapshot
        .mac
        .verify(&[TENANT_MAC, prefix.as_bytes(), body], &mac)
        .map_err(|e| {
            Error::corrupt("a tenant's key record is not authentic: it was altered or moved")
                .because(Reason::NotAuthentic)
                .with_source(e)
        })?;
    Ok(entries)
}

/// The bytes of a tenant's record, with its MAC.
pub(crate) fn write(
    record: &TenantRecord,
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<Vec<u8>> {
    let mut bytes = encode_tenant(record)?;
    let prefix = mac_prefix(snapshot, purpose, tenant);
    let mac = snapshot.mac.sign(&[TENANT_MAC, prefix.as_bytes(), &bytes]);
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

fn wrap_context(
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
    entry: &TenantEntry,
) -> Encoded {
    let mut context = Encoded::new("keyward/v1/tenant-key");
    context.push(&snapshot.ring.id.to_bytes());
    context.push(&entry.wrapped_by.to_bytes());
    context.push(purpose.as_str().as_bytes());
    context.push(tenant.as_str().as_bytes());
    context.push(&entry.id.to_bytes());
    context.push(&entry.seq.to_be_bytes());
    context.push(&[entry.suite.to_byte()]);
    context
}

/// A new key for a tenant, under the Active ring key.
pub(crate) fn issue(
    snapshot: &Snapshot,
    provider: &Provider,
    purpose: &Purpose,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<TenantEntry> {
    let active = snapshot.ring.active(purpose)?;
    let mut id = [0; 8];
    provider.fill(&mut id)?;
    let material = provider.random::<32>()?;
    let entry = TenantEntry {
        id: KeyId::from_bytes(id),
        seq: snapshot.ring.epoch,
        suite: active.suite,
        unregistered: false,
        wrapped_by: active.id,
        created: now,
        wrapped: Vec::new(),
    };
    wrap(snapshot, purpose, tenant, entry, &material)
}

/// `entry` with `material` wrapped by the ring key it names.
pub(crate) fn wrap(
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
    mut entry: TenantEntry,
    material: &SecretArray<32>,
) -> Result<TenantEntry> {
    let context = wrap_context(snapshot, purpose, tenant, &entry);
    let ring_key = snapshot.opens(entry.wrapped_by)?;
    let mut wrapped = Vec::with_capacity(body_len(32).unwrap_or_default());
    ring_key.seal(context.as_bytes(), material.expose(), &mut wrapped)?;
    entry.wrapped = wrapped;
    Ok(entry)
}

/// The material of `entry`; why not, otherwise.
pub(crate) fn unwrap(
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
    entry: &TenantEntry,
) -> Result<SecretArray<32>> {
    let context = wrap_context(snapshot, purpose, tenant, entry);
    let opened = snapshot
        .opens(entry.wrapped_by)?
        .open(context.as_bytes(), &entry.wrapped)?;
    SecretArray::copy_of(opened.expose())
        .ok_or_else(|| Error::corrupt("a tenant key does not have 32 bytes"))
}

/// The keys of a record, unwrapped as far as their ring keys open.
pub(crate) fn open_all(
    record: &TenantRecord,
    snapshot: &Snapshot,
    provider: &Provider,
    purpose: &Purpose,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Cached> {
    let mut slots = Vec::with_capacity(record.entries.len());
    for entry in &record.entries {
        let key = match snapshot.opens(entry.wrapped_by) {
            Ok(_) => {
                let material = unwrap(snapshot, purpose, tenant, entry)?;
                let body = BodyKey::new(provider, entry.suite, &material)?;
                Some(TenantKey::new(entry.id, entry.seq, entry.suite, body))
            }
            Err(_) => None,
        };
        slots.push(Slot {
            id: entry.id,
            seq: entry.seq,
            wrapped_by: entry.wrapped_by,
            key,
        });
    }
    Ok(Cached::new(slots, now))
}

/// The key of a tenant derived from a ring key.
pub(crate) fn derive(
    snapshot: &Snapshot,
    provider: &Provider,
    ring_key: KeyId,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<TenantKey> {
    let material = snapshot.opens(ring_key)?;
    let unknown = || Error::rejected(Reason::UnknownKey);
    let key = snapshot
        .ring
        .find(ring_key)
        .filter(|key| key.purpose == *purpose)
        .ok_or_else(unknown)?;
    let mut context = Encoded::new("keyward/v1/derived-tenant-key");
    context.push(&snapshot.ring.id.to_bytes());
    context.push(&ring_key.to_bytes());
    context.push(purpose.as_str().as_bytes());
    context.push(tenant.as_str().as_bytes());
    let derived = material.derive("tenant", context.as_bytes())?;
    Ok(TenantKey::new(
        ring_key,
        key.promoted_epoch,
        key.suite,
        BodyKey::new(provider, key.suite, &derived)?,
    ))
}
