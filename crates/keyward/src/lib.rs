//! Security primitives that keep what a trust page promises: the facade of the keyward crates. It
//! re-exports them and holds no logic.
//!
//! | feature | module | what it is |
//! |---|---|---|
//! | – | [`base`] | shared words: clock, secrets, ids, hints, errors, audit events |
//! | `axum` | `axum` | HTTP layers: security headers, same-origin check, fixed error bodies |
//! | `embedded` (default) | `embedded` | a home folder: root, both stores on SQLite, anchor |
//! | `keys` | `keys`, `crypto`, `store` | the key-management core, and what it stands on |
//! | `sqlite` | `sqlite`, `store` | the stores on SQLite |
//! | `vault` | `vault` | other people's credentials: typed, sealed, listed by hint |
//!
//! A feature adds modules and changes nothing that is there without it.

pub use keyward_base as base;
pub use keyward_base::{
    Clock, CredentialKind, Error, ErrorKind, Hint, KeyId, Place, Purpose, Reason, RecordId, Result,
    Revision, Scope, SecretArray, SecretBytes, Sink, SystemClock, Tenant, Timestamp,
};

#[cfg(feature = "axum")]
pub use keyward_axum as axum;
#[cfg(feature = "keys")]
pub use keyward_crypto as crypto;
#[cfg(feature = "embedded")]
pub use keyward_embedded as embedded;
#[cfg(feature = "keys")]
pub use keyward_keys as keys;
#[cfg(feature = "sqlite")]
pub use keyward_sqlite as sqlite;
#[cfg(any(feature = "keys", feature = "sqlite"))]
pub use keyward_store as store;
#[cfg(feature = "vault")]
pub use keyward_vault as vault;
