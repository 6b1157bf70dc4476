//! A home folder of keyward: what a program needs to keep credentials on one machine.
//!
//! | file | mode | what it holds |
//! |---|---|---|
//! | `keys.db` | 0600 | the keyring and the tenants' keys, wrapped |
//! | `data.db` | 0600 | the sealed values |
//! | `root` | 0600 | the root keys, if they do not come from the environment |
//!
//! A service opens it once and says its name; it then holds a lease and ticks until the home is
//! dropped:
//!
//! ```
//! # async fn serve() -> keyward_base::Result<()> {
//! use keyward_embedded::{Home, HomeDir, Options};
//!
//! let home = Home::serve(&HomeDir::from_env()?, &Options::from_env(), "web-1").await?;
//! # Ok(())
//! # }
//! ```

pub mod danger;
mod home;
mod home_dir;
mod source;
mod ticker;

pub use home::{Home, Options};
pub use home_dir::{HOME_VAR, HomeDir};
pub use source::{ANCHOR_VAR, ROOT_VAR, RootSource, anchor_path};
