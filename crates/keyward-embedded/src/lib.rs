//! A home folder of keyward: what a program needs to keep credentials on one machine.
//!
//! | file | mode | what it holds |
//! |---|---|---|
//! | `keys.db` | 0600 | the keyring and the tenants' keys, wrapped |
//! | `data.db` | 0600 | the sealed values |
//! | `root` | 0600 | the root keys, if they do not come from the environment |
//!
//! A service opens it once and says its name; it then holds a lease and keeps up with the keyring
//! until the home is dropped. Nothing that is missing is made:
//!
//! ```
//! # use keyward_base::{Result, SecretBytes};
//! # async fn serve(secret: SecretBytes, newer: SecretBytes) -> Result<()> {
//! use keyward_embedded::Home;
//! use keyward_vault::Credential;
//!
//! let home = Home::open_default("web-1").await?;
//! let tokens = home.vault().tenant("acme")?.place("account.github_token")?;
//! let stored = tokens.record("42")?.insert(&Credential::api_key(secret)?).await?;
//! let newer = Credential::api_key(newer)?;
//! tokens.record("42")?.replace(&newer, stored.revision).await?;
//! let secret = tokens.record("42")?.open().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Home::own_column`] keeps values in a table of the application's own.
//!
//! With the feature `redact`, `home.redactor()?` right after opening it masks whatever is opened, in
//! logs and wherever else the program writes.
//!
//! A command that ends at once takes no lease: [`Home::open_once`]. [`Home::serve`] and
//! [`Home::open`] are the same for a folder, a root and an audit of the caller's choice.

mod audit;
mod column;
pub mod danger;
mod home;
mod home_dir;
#[cfg(feature = "redact")]
mod redact;
mod source;
mod ticker;

pub use column::{Layout, OwnColumn};
pub use home::{Home, Options};
pub use home_dir::{HOME_VAR, HomeDir};
pub use source::{ANCHOR_VAR, ROOT_VAR, RootSource, anchor_path};
