//! The key-management core.
//!
//! Four levels: a [`Root`] wraps the keys of the ring, by purpose; a ring key wraps the keys of
//! each tenant; a tenant key derives one key for each message.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyward_base::{Purpose, Tenant};
//! use keyward_crypto::Provider;
//! use keyward_keys::{EphemeralRoot, Keyring};
//! use keyward_store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! // A service takes a store on disk, and a root from its secret manager.
//! let store = Arc::new(MemoryStore::new(1_000));
//! let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
//! let vault = Purpose::new("vault")?;
//! let keyring = Keyring::builder(store, root).create(&[vault.clone()], &[]).await?;
//!
//! // A tenant's key: made at its first use, found again by its id.
//! let acme = Tenant::new("acme")?;
//! let sealing = keyring.sealing_key(&vault, &acme, 0).await?;
//! let opening = keyring.opening_key(&vault, &acme, sealing.id()).await?;
//! assert_eq!(sealing.id(), opening.id());
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`root`] | roots: environment, file, passphrase; the trait for others |
//! | [`keyring`] | [`Keyring`]: open, create, refresh, tick, and the way to a tenant's keys |
//! | [`admin`] | [`Admin`]: rotate, promote, disable, destroy, rewrap |
//! | [`anchor`] | what a ring must not fall behind |
//! | [`coverage`] | counting what a key still protects |
//! | [`reseal`] | sealing values anew, whichever crate keeps them |
//! | [`reason`] | why something was refused |
//! | [`policy`] | the knobs, each with the reason for its default |
//! | [`mod@format`] | the bytes of the records |
//! | [`danger`] | what can lose data |

pub mod admin;
pub mod anchor;
mod barrier;
mod cache;
pub mod coverage;
pub mod danger;
mod finder;
pub mod format;
mod key_filter;
mod key_use;
pub mod keyring;
mod lease;
mod limit_names;
mod mac_handle;
mod material;
pub mod policy;
pub mod reason;
mod record_mac;
mod records;
mod registry;
pub mod reseal;
mod ring;
mod ring_id;
pub mod root;
mod signing;
mod snapshot;
mod status;
mod tenant;
mod token_ids;
mod unknown_ids;
mod usage;

pub use admin::{
    Admin, Destruction, MacRotated, Promotion, Receipt, Rewrapped, RootRewrapped, Rotation, Stage,
};
pub use anchor::{Advance, Anchor, FileAnchor, Pin, PinName, Standing};
pub use barrier::Barrier;
pub use coverage::{ColumnId, Coverage, Coverages, RecordColumn};
pub use finder::Finder;
pub use key_use::{Algorithm, KeyUse, Life, Signs, Suites};
pub use keyring::{Keyring, KeyringBuilder, LeftOpen, ReplicaStatus};
pub use limit_names::RingNames;
pub use mac_handle::{FRONT_LEN, MacHandle, MacVerifier};
pub use policy::{Policy, TenantKeyMode};
pub use registry::Registered;
pub use reseal::{Pass, Progress, Report, Reseal, ResealRow, Resealed};
pub use ring::KeyState;
pub use ring_id::RingId;
pub use root::{EnvRoot, EphemeralRoot, FileRoot, PassphraseRoot, Root, RootVersion, Wrapped};
pub use signing::{PublishedKey, SigningHandle};
pub use status::{KeyStatus, Status};
pub use tenant::TenantKey;
pub use usage::{ColumnReport, DamagedRecord, KeyRows, KeyUsage, TenantUsage, Usage};
