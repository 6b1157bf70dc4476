//! A home folder of keyward: what a program needs to keep credentials on one machine.
//!
//! | file | mode | what it holds |
//! |---|---|---|
//! | `keys.db` | 0600 | the keyring and the tenants' keys, wrapped |
//! | `data.db` | 0600 | the sealed values |
//! | `root` | 0600 | the root keys, if they do not come from the environment |
//!
//! A service opens it once, says that it is a replica, and ticks:
//!
//! ```
//! # async fn serve() -> keyward_base::Result<()> {
//! use keyward_embedded::{Embedded, Home, Options};
//!
//! let mut options = Options::from_env();
//! options.replica = Some("web-1".to_owned());
//! let home = Embedded::open(&Home::from_env()?, &options).await?;
//! home.keyring().tick().await?; // Every few seconds.
//! # Ok(())
//! # }
//! ```

pub mod danger;
mod embedded;
mod home;
mod source;

pub use embedded::{Embedded, Options};
pub use home::{HOME_VAR, Home};
pub use source::{ANCHOR_VAR, ROOT_VAR, RootSource, anchor_path};
