//! Passwords: what other services stored is verified, within what may be spent on it.
//!
//! ```
//! use keyward_base::SecretBytes;
//! use keyward_crypto::slow::argon2::Arena;
//! use keyward_password::{Context, Password, Policy, Stored, Verdict};
//!
//! # fn main() -> keyward_base::Result<()> {
//! // A row of Django's, taken over as it was.
//! let row = "pbkdf2_sha256$1000$3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
//! let (context, policy) = (Context::default(), Policy::default());
//! let stored = Stored::read(Some("django"), row, &context, &policy).expect("a row of Django's");
//!
//! let mut arena = Arena::default();
//! let typed = Password::new(SecretBytes::copy_of(b"correct horse"))?;
//! assert_eq!(stored.check(&typed, &mut arena)?, Verdict::Match);
//!
//! // What asks for too much is refused before anything is computed, and so is plain text.
//! let hostile = "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
//! for row in [hostile, "{noop}correct horse"] {
//!     let refused = Stored::read(None, row, &context, &policy).unwrap_err();
//!     assert_eq!(refused.verdict(), Verdict::Refused);
//! }
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `accounts` | `Accounts`: the accounts of a realm (feature `login`) |
//! | [`census`] | [`Census`]: what a table holds, and what it takes to wrap what is weak |
//! | `change` | a password changed so that no session outlives the old one (feature `login`) |
//! | [`context`] | [`Context`]: what a scheme keeps outside of its strings |
//! | [`credential`] | [`Credentials`]: where the rows of accounts lie |
//! | `device` | `DeviceToken`: what a device that logged in shows at the next (feature `login`) |
//! | `directory` | `Directory`: who is found by what was typed (feature `login`) |
//! | `identifier` | `Identifier`: what was typed, in one form (feature `login`) |
//! | `login` | `LogIn`: the one call (feature `login`) |
//! | `mail` | `Mail`: links that are mailed (feature `login`) |
//! | [`password`] | [`Password`]: the bytes that were typed |
//! | [`policy`] | [`Policy`]: what may be spent |
//! | [`reason`] | why a string was not read |
//! | [`scheme`] | [`Scheme`]: all that can be verified, by label |
//! | [`stored`] | [`Stored`]: a string that was read; its cost, and the check |
//! | `throttle` | `Throttle`: how often a password may be tried (feature `login`) |
//! | [`upgrade`] | [`Upgrades`]: weaker hashes made anew at log-in |
//! | [`verdict`] | [`Verdict`]: what came of it |
//! | [`wrap`] | [`Wrap`]: a weak import with a new hash around it |
//!
//! `docs/passwords.md` has a row for each format and the way to bring each framework's rows over.

#[cfg(feature = "login")]
pub mod accounts;
pub mod breach;
pub mod calibrate;
pub mod census;
#[cfg(feature = "login")]
pub mod change;
mod checking;
pub mod context;
pub mod credential;
pub mod danger;
#[cfg(feature = "login")]
pub mod device;
#[cfg(feature = "login")]
pub mod directory;
mod held;
#[cfg(feature = "login")]
pub mod identifier;
pub mod ledger;
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "login")]
pub mod mail;
pub mod new_hash;
pub mod normal;
pub mod password;
pub mod passwords;
pub mod people;
pub mod policy;
pub mod pool;
pub mod reason;
mod recipe;
#[cfg(feature = "records")]
pub mod records;
mod remake;
pub mod scheme;
pub mod stored;
mod text;
#[cfg(feature = "login")]
pub mod throttle;
pub mod upgrade;
pub mod verdict;
pub mod verified;
pub mod wrap;

#[cfg(feature = "login")]
pub use accounts::Accounts;
pub use breach::{BreachCheck, BreachFile};
pub use calibrate::{Calibration, calibrate};
pub use census::Census;
#[cfg(feature = "login")]
pub use change::{Changed, Prepared};
pub use context::Context;
pub use credential::{Credential, CredentialVersion, Credentials, Loaded, Status, Swapped};
#[cfg(feature = "login")]
pub use device::DeviceToken;
#[cfg(feature = "login")]
pub use directory::{Directory, DirectoryRows, Entry};
#[cfg(feature = "login")]
pub use identifier::{Identifier, IdentifierHash, IdentifierHasher};
pub use ledger::{Ledger, Meter};
#[cfg(feature = "login")]
pub use login::{Attempt, Floor, LogIn, LogInBuilder, LoggedIn, Timer, Tried};
#[cfg(feature = "login")]
pub use mail::Mail;
pub use new_hash::NewHash;
pub use normal::Normal;
pub use password::Password;
pub use passwords::{Checked, Passwords, Row};
pub use people::{Judged, NewPassword, Rules, Unfit};
pub use policy::{Ceilings, Policy};
pub use pool::{Admission, Answer};
#[cfg(feature = "records")]
pub use records::CredentialRows;
pub use scheme::Scheme;
pub use stored::{Cost, NotRead, Stored};
#[cfg(feature = "login")]
pub use throttle::{Blocked, Limits, Throttle};
pub use upgrade::{Upgrade, Upgraded, Upgrades};
pub use verdict::Verdict;
pub use verified::{Account, Realm, VerifiedPassword};
pub use wrap::Wrap;
