//! A home folder of keyward: what a program needs to keep credentials on one machine.
//!
//! | file | mode | what it holds |
//! |---|---|---|
//! | `keys.db` | 0600 | the keyring and the tenants' keys, wrapped |
//! | `data.db` | 0600 | the sealed values |
//! | `root` | 0600 | the root keys, if they do not come from the environment |

mod home;

pub use home::{HOME_VAR, Home};
