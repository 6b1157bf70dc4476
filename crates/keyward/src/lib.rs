//! Security primitives that keep what a trust page promises: the facade of the keyward crates. It
//! re-exports them and holds no logic.
//!
//! # Five minutes
//!
//! A credential goes in, its masked form may be shown, and it comes out only where it was put:
//!
//! ```
//! # #[cfg(feature = "vault")] mod tour {
//! use std::sync::Arc;
//!
//! use keyward::base::audit::Discard;
//! use keyward::vault::{Credential, Vault};
//! use keyward::{Reason, Result, SecretBytes, SystemClock};
//!
//! # pub
//! async fn tour() -> Result<()> {
//!     // A service opens a home instead, on disk: `Home::open_default("web-1")`.
//!     let vault = Vault::in_memory(Arc::new(SystemClock::new()), Arc::new(Discard::new())).await?;
//!     let tokens = vault.tenant("acme")?.place("account.github_token")?;
//!     let secret = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
//!
//!     let stored = tokens.record("42")?.insert(&Credential::api_key(secret)?).await?;
//!     assert_eq!(stored.hint.to_string(), "ghp_••••6aKo");
//!
//!     let opened = tokens.record("42")?.open().await?;
//!     assert_eq!(opened.bytes().len(), 40);
//!
//!     // Another tenant's record holds nothing, whatever its number.
//!     let other = vault.tenant("globex")?.place("account.github_token")?;
//!     let refused = other.record("42")?.open().await.unwrap_err();
//!     assert_eq!(refused.to_string(), "rejected");
//!     assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
//!     Ok(())
//! }
//! # }
//! # #[cfg(feature = "vault")]
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(tour::tour()).unwrap();
//! ```
//!
//! A service keeps keys and values on disk instead: `embedded` opens a home folder.
//!
//! # Where things are
//!
//! | feature | module | what it is |
//! |---|---|---|
//! | – | [`base`] | shared words: clock, secrets, ids, hints, errors, audit events |
//! | `approval` | `approval` | approvals: nothing dangerous runs until a person said so |
//! | `audit` | `audit` | the record: logs that show every edit, and exports that prove themselves |
//! | `axum` | `axum` | HTTP layers: security headers, same-origin check, fixed error bodies |
//! | `embedded` (default) | `embedded` | a home folder: root, both stores on SQLite, anchor |
//! | `http` | `http` | the same for any framework, as plain functions and as a layer of tower |
//! | `keys` | `keys`, `crypto`, `store` | the key-management core, and what it stands on |
//! | `limit` | – | with `axum`: `axum::limit`, rate limits that all processes share |
//! | `metrics` | – | with `audit`: `alert::Metered`, which counts anomalies |
//! | `password` | `password`, `crypto` | passwords: what others stored is verified |
//! | `redact` | `redact` | secrets masked in logs, pages and prompts, whatever their form |
//! | `serve` | – | with `axum`: `axum::serve`, a server with limits on connections |
//! | `sqlite` | `sqlite`, `store` | the stores on SQLite |
//! | `tracing` | – | with `audit`: `alert::Traced`, which gives anomalies to a subscriber; with `redact`: what a formatter writes, masked |
//! | `vault` | `vault` | other people's credentials: typed, sealed, listed by hint |
//! | `session` | `session` | sessions of people and staff, and their cookies; with `axum` or `http` from a cookie to whose it is |
//! | `webhook` | `webhook` | webhooks of others: verified, fresh, handled once |
//!
//! A feature adds modules and changes nothing that is there without it.

pub use keyward_base as base;
pub use keyward_base::{
    Clock, CredentialKind, Error, ErrorKind, Hint, KeyId, Place, Purpose, Reason, RecordId, Result,
    Revision, Role, SecretArray, SecretBytes, Sink, SystemClock, Tenant, Timestamp,
};

#[cfg(feature = "approval")]
pub use keyward_approval as approval;
#[cfg(feature = "audit")]
pub use keyward_audit as audit;
#[cfg(feature = "axum")]
pub use keyward_axum as axum;
#[cfg(any(feature = "keys", feature = "password"))]
pub use keyward_crypto as crypto;
#[cfg(feature = "embedded")]
pub use keyward_embedded as embedded;
#[cfg(feature = "http")]
pub use keyward_http as http;
#[cfg(feature = "keys")]
pub use keyward_keys as keys;
#[cfg(feature = "password")]
pub use keyward_password as password;
#[cfg(feature = "redact")]
pub use keyward_redact as redact;
#[cfg(feature = "session")]
pub use keyward_session as session;
#[cfg(feature = "sqlite")]
pub use keyward_sqlite as sqlite;
#[cfg(any(feature = "keys", feature = "sqlite"))]
pub use keyward_store as store;
#[cfg(feature = "vault")]
pub use keyward_vault as vault;
#[cfg(feature = "webhook")]
pub use keyward_webhook as webhook;
