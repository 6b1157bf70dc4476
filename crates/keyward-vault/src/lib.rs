//! A store for other people's credentials: typed, sealed, listed by hint, rotated to the end.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyward_base::{Result, SecretBytes, SystemClock, audit::Discard};
//! # use keyward_vault::{Credential, Vault};
//! # async fn run() -> Result<()> {
//! let vault = Vault::in_memory(Arc::new(SystemClock::new()), Arc::new(Discard::new())).await?;
//! let tokens = vault.tenant("acme")?.place("account.github_token")?;
//! let token = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
//! let token = Credential::api_key(token)?;
//! let stored = tokens.record("42")?.insert(&token).await?;
//! assert_eq!(stored.hint.to_string(), "ghp_••••6aKo");
//! let opened = tokens.record("42")?.open().await?;
//! assert_eq!(opened.bytes().expose(), token.bytes().expose());
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`vault`] | [`Vault`]: put, open, list, delete; who acts |
//! | [`credential`] | the kinds of credentials, and how each is read |
//! | [`slot`] | where a credential lies |
//! | [`sealed`] | a sealed value as an application keeps it |
//! | [`mod@column`] | a column of an application's own table |
//! | [`table`] | that table, as rotation sees it |
//! | [`detached`] | values that lie in no column |
//! | [`rewrap`] | rotation that ends |
//! | [`reason`] | why a value was refused |
//! | [`metadata`] | the public bytes beside a sealed value |

pub mod column;
pub mod credential;
pub mod detached;
pub mod metadata;
pub mod reason;
pub mod rewrap;
pub mod sealed;
pub mod slot;
pub mod table;
pub mod vault;

pub use column::{Cell, Column};
pub use credential::{
    Credential, EnvSet, EnvVar, Facts, Kind, Loader, Note, OAuthToken, SshKey, TokenResponse,
};
pub use keyward_keys::{Progress, Report};
pub use rewrap::Rewrap;
pub use sealed::Sealed;
pub use slot::{Expect, Slot};
pub use table::{Row, Table};
pub use vault::{
    AtPlace, AtRecord, Listed, OfTenant, Opened, Page, Refused, Tenants, UnverifiedHint, Vault,
    VaultBuilder,
};
