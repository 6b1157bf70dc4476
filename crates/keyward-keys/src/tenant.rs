//! Tenant keys: issued, read and opened.

use std::fmt;
use std::sync::Arc;

use keyward_base::encoded::Encoded;
use keyward_base::{
    Domain, Error, ErrorKind, KeyId, Purpose, Result, SecretArray, Suite, Tenant, Timestamp,
};
use keyward_crypto::{BodyKey, Provider, body_len};
use keyward_store::Record;

use crate::format::{TenantEntry, TenantRecord, decode_tenant, encode_tenant};
use crate::reason;
use crate::record_mac::RecordOf;
use crate::ring_id::RingId;
use crate::snapshot::Snapshot;

/// A key that seals and opens the values of one tenant and purpose. A cheap clone; the material
/// is wiped when the last one is dropped. Hold it for one call, not longer: a handle does not see
/// that its key was disabled.
#[derive(Clone)]
pub struct TenantKey(Arc<Inner>);

struct Inner {
    id: KeyId,
    issued_epoch: u64,
    suite: Suite,
    body: BodyKey,
}

impl TenantKey {
    pub(crate) fn new(id: KeyId, issued_epoch: u64, suite: Suite, body: BodyKey) -> Self {
        Self(Arc::new(Inner {
            id,
            issued_epoch,
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

    /// The ring's epoch in which it was issued, or, where keys are derived, in which its ring key
    /// became Active: it seals where the [`Barrier`](crate::Barrier) is not above it.
    #[must_use]
    pub fn issued_epoch(&self) -> u64 {
        self.0.issued_epoch
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

/// One key of a tenant in memory. Without material, its ring key did not open when it was read.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: KeyId,
    pub(crate) issued_epoch: u64,
    pub(crate) suite: Suite,
    pub(crate) wrapped_by: KeyId,
    pub(crate) key: Option<TenantKey>,
}

/// Ring, ring key, purpose, tenant, then the key's id, epoch and suite.
const TENANT_KEY: Domain<(RingId, KeyId, &Purpose, &Tenant, KeyId, u64, u8)> =
    Domain::new("keyward/v1/tenant-key");
const DERIVED_KEY: Domain<(RingId, KeyId, &Purpose, &Tenant)> =
    Domain::new("keyward/v1/derived-tenant-key");

/// Reads and authenticates a tenant's record against a ring that is as new as it.
pub(crate) fn read(
    record: &Record,
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<TenantRecord> {
    let (held, body, mac) = decode_tenant(&record.data).map_err(damaged)?;
    if held.epoch.max(held.mac_epoch) > snapshot.ring.epoch {
        return Err(newer());
    }
    let key = snapshot
        .mac_of(held.mac_epoch)
        .ok_or_else(|| damaged(Error::corrupt("its MAC key is no longer in use")))?;
    let whose = RecordOf::Tenant(snapshot.ring.id, purpose, tenant);
    key.verify(whose, body, &mac).map_err(damaged)?;
    let strange = |entry: &&TenantEntry| snapshot.ring.find(entry.wrapped_by).is_none();
    match held.entries.iter().find(strange) {
        None => Ok(held),
        Some(_) => Err(damaged(Error::corrupt("the keyring lacks its ring key"))),
    }
}

/// Says of a record, before it is authentic, from which epoch on a ring can read it.
pub(crate) fn least_epoch(record: &Record) -> u64 {
    decode_tenant(&record.data).map_or(0, |(held, _, _)| held.epoch.max(held.mac_epoch))
}

/// What the store says of a record that it cannot read: at fault is that record, and not the value
/// whose key it holds.
pub(crate) fn unreadable(e: Error) -> Error {
    match e.kind() {
        ErrorKind::Corrupt => e.because(reason::DAMAGED_KEYS),
        _ => e,
    }
}

/// A record that its owner alone cannot use. One that says it is of a newer keyward is told as that:
/// nobody has authenticated its word.
fn damaged(e: Error) -> Error {
    if e.kind() == ErrorKind::Unavailable {
        return e.because(reason::DAMAGED_KEYS);
    }
    Error::corrupt(
        "a tenant's key record is not what was written: restore it from a backup of the key store, or give it up with `keyward keys set-aside`; `keyward doctor` names the tenant",
    )
    .because(reason::DAMAGED_KEYS)
    .with_source(e)
}

fn newer() -> Error {
    Error::unavailable(
        "a tenant's keys are newer than the keyring: an older keyring was put back, or the record was altered; restore the newest keyring, or the record; `keyward doctor` names the tenant",
    )
    .because(reason::DAMAGED_KEYS)
}

/// The bytes of a tenant's record, with its MAC.
pub(crate) fn write(
    record: &TenantRecord,
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<Vec<u8>> {
    let now = TenantRecord {
        epoch: snapshot.ring.epoch,
        mac_epoch: snapshot.ring.mac.epoch,
        entries: record.entries.clone(),
    };
    let mut bytes = encode_tenant(&now)?;
    let whose = RecordOf::Tenant(snapshot.ring.id, purpose, tenant);
    let mac = snapshot.mac().sign(whose, &bytes)?;
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

fn wrap_context(
    snapshot: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
    entry: &TenantEntry,
) -> Result<Encoded> {
    let (by, suite) = (entry.wrapped_by, entry.suite.to_byte());
    let fields = (
        snapshot.ring.id,
        by,
        purpose,
        tenant,
        entry.id,
        entry.issued_epoch,
        suite,
    );
    TENANT_KEY.encode(&fields)
}

/// Whether the newest key of `record` may seal: it is under the Active ring key, of the suite that
/// new keys are of, and issued in `promoted_epoch` or later.
pub(crate) fn may_seal(
    record: &TenantRecord,
    snapshot: &Snapshot,
    purpose: &Purpose,
    promoted_epoch: u64,
) -> Result<bool> {
    let active = snapshot.ring.active(purpose)?;
    // A key of another suite, that was wrapped anew since, seals no more.
    Ok(record.current().is_some_and(|entry| {
        entry.wrapped_by == active.id
            && entry.issued_epoch >= promoted_epoch
            && Some(entry.suite) == active.kind.suite()
    }))
}

/// Adds a new key to `record`, and takes out those that cannot return. No: its id is taken.
pub(crate) fn add_key(
    record: &mut TenantRecord,
    snapshot: &Snapshot,
    provider: &Provider,
    purpose: &Purpose,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<bool> {
    record
        .entries
        .retain(|entry| snapshot.ring.may_return(entry.wrapped_by));
    let new = issue(snapshot, provider, purpose, tenant, now)?;
    if record.entries.iter().any(|entry| entry.id == new.id) {
        return Ok(false);
    }
    record.entries.push(new);
    Ok(true)
}

/// A new key for a tenant, under the Active ring key.
fn issue(
    snapshot: &Snapshot,
    provider: &Provider,
    purpose: &Purpose,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<TenantEntry> {
    let active = snapshot.ring.active(purpose)?;
    let id = snapshot.filter.make(provider, purpose, Some(tenant))?;
    let material = provider.random::<32>()?;
    let entry = TenantEntry {
        id,
        issued_epoch: snapshot.ring.epoch,
        suite: active.kind.suite().ok_or_else(no_suite)?,
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
    let context = wrap_context(snapshot, purpose, tenant, &entry)?;
    let ring_key = snapshot.opens(entry.wrapped_by)?;
    let mut wrapped = Vec::with_capacity(body_len(32).unwrap_or_default());
    ring_key.seal(&context, material.expose(), &mut wrapped)?;
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
    let context = wrap_context(snapshot, purpose, tenant, entry)?;
    let opened = snapshot
        .opens(entry.wrapped_by)?
        .open(&context, &entry.wrapped)?;
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
) -> Result<Vec<Slot>> {
    let mut slots = Vec::with_capacity(record.entries.len());
    for entry in &record.entries {
        let key = match snapshot.opens(entry.wrapped_by) {
            Ok(_) => {
                let material = unwrap(snapshot, purpose, tenant, entry)?;
                let body = BodyKey::new(provider, entry.suite, &material)?;
                Some(TenantKey::new(
                    entry.id,
                    entry.issued_epoch,
                    entry.suite,
                    body,
                ))
            }
            Err(_) => None,
        };
        slots.push(Slot {
            id: entry.id,
            issued_epoch: entry.issued_epoch,
            suite: entry.suite,
            wrapped_by: entry.wrapped_by,
            key,
        });
    }
    Ok(slots)
}

/// The key of a tenant derived from a ring key.
pub(crate) fn derive(
    snapshot: &Snapshot,
    provider: &Provider,
    ring_key: KeyId,
    purpose: &Purpose,
    tenant: &Tenant,
) -> Result<TenantKey> {
    let unknown = || Error::rejected(reason::UNKNOWN_KEY);
    let key = snapshot
        .ring
        .find(ring_key)
        .filter(|key| key.purpose == *purpose)
        .ok_or_else(unknown)?;
    let material = snapshot.opens(ring_key)?;
    let suite = key.kind.suite().ok_or_else(unknown)?;
    snapshot.ring.check_suite(purpose, suite)?;
    let context = DERIVED_KEY.encode(&(snapshot.ring.id, ring_key, purpose, tenant))?;
    let derived = material.derive("tenant", &context)?;
    Ok(TenantKey::new(
        ring_key,
        key.promoted_epoch,
        suite,
        BodyKey::new(provider, suite, &derived)?,
    ))
}

fn no_suite() -> Error {
    Error::misuse("the keys of this purpose do not seal")
}
