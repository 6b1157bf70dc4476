//! Proptest strategies for ids, over all that their types allow.

use keyward_base::{CredentialKind, KeyId, Place, Purpose, RecordId, Revision, Role, Tenant};
use proptest::prelude::{Strategy, any};

/// Any tenant.
pub fn tenant() -> impl Strategy<Value = Tenant> {
    "[!-~]{1,128}".prop_filter_map("a tenant", |text| Tenant::new(&text).ok())
}

/// Any record id.
pub fn record_id() -> impl Strategy<Value = RecordId> {
    "[!-~]{1,128}".prop_filter_map("a record id", |text| RecordId::new(&text).ok())
}

/// Any purpose.
pub fn purpose() -> impl Strategy<Value = Purpose> {
    "[a-z0-9._-]{1,32}".prop_filter_map("a purpose", |text| Purpose::new(&text).ok())
}

/// Any role, the empty one too.
pub fn role() -> impl Strategy<Value = Role> {
    "[!-~]{0,64}".prop_filter_map("a role", |text| Role::new(&text).ok())
}

/// Any kind of credential.
pub fn kind() -> impl Strategy<Value = CredentialKind> {
    "[a-z0-9._-]{1,32}".prop_filter_map("a kind", |text| CredentialKind::new(&text).ok())
}

/// Any place.
pub fn place() -> impl Strategy<Value = Place> {
    "[A-Za-z0-9_]{1,63}\\.[A-Za-z0-9_]{1,63}"
        .prop_filter_map("a place", |text| Place::new(&text).ok())
}

/// Any key id.
pub fn key_id() -> impl Strategy<Value = KeyId> {
    any::<[u8; 8]>().prop_map(KeyId::from_bytes)
}

/// Any revision.
pub fn revision() -> impl Strategy<Value = Revision> {
    any::<u64>().prop_map(Revision::new)
}
