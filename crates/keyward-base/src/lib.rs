//! Shared words of keyward. No cryptography, no I/O.
//!
//! ```
//! use keyward_base::{Hint, Place, SecretBytes, Tenant};
//!
//! # fn main() -> keyward_base::Result<()> {
//! // Identities are typed and checked where they come in.
//! let tenant = Tenant::new("acme")?;
//! let place = Place::new("account.github_token")?;
//! assert!(Tenant::new("not one").is_err());
//!
//! // A secret is wiped when it is dropped, and never printed; its hint may be shown.
//! let token = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
//! let shown = format!("{tenant} {place} {}", Hint::of(token.expose()));
//! assert_eq!(shown, "acme account.github_token ghp_••••6aKo");
//! assert!(!format!("{token:?}").contains("x8Zq"));
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`audit`] | events, who acts, and the sink they go to |
//! | [`clock`] | time as a value: [`Clock`], [`SystemClock`], [`ManualClock`] |
//! | [`context`] | what a sealed value is bound to: [`Context`] |
//! | [`danger`] | what a hurried person should not find first |
//! | [`domain`] | one use of a key, and the fields it is bound to: [`Domain`] |
//! | [`encoding`] | strict base64, base64url and hex |
//! | [`error`] | the four kinds of failure, by blame |
//! | [`evidence`] | what proves who somebody is: [`Evidence`] |
//! | [`field`] | what may be a field of a domain |
//! | [`future`] | boxed futures |
//! | [`hint`] | the masked form of a secret that may be shown |
//! | [`id`] | tenants, records, places, keys, subjects |
//! | [`key_tag`] | the text by which the rows of a key are found |
//! | [`opened`] | what is told of every secret value as it is opened |
//! | [`prefix`] | the part of an address that one client is taken to hold |
//! | [`reader`] | reading a format of bytes from its front |
//! | [`secret`] | bytes that are wiped on drop and never printed |
//! | [`token`] | the shape all keyward tokens share |
//! | [`wipe`] | the frame that every secret-bearing operation runs in, and wiping its stack |

pub mod audit;
pub mod clock;
pub mod context;
pub mod danger;
pub mod domain;
pub mod encoded;
pub mod encoding;
pub mod error;
pub mod evidence;
pub mod field;
pub mod future;
pub mod hint;
pub mod id;
pub mod key_tag;
pub mod opened;
pub mod prefix;
pub mod reader;
pub mod secret;
pub mod timestamp;
pub mod token;
pub mod wipe;

pub use audit::{Actor, Event, EventId, Sink, Trail};
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::Context;
pub use domain::Domain;
pub use encoded::Encoded;
pub use error::{Error, ErrorKind, Reason, Result, Retry};
pub use evidence::{Door, Evidence, Method, SessionsEnded};
pub use future::BoxFuture;
pub use hint::Hint;
pub use id::{
    CredentialKind, KeyId, Place, Purpose, RecordId, RequestId, Revision, Role, Subject, Suite,
    Tenant,
};
pub use opened::{OpenObserver, OpenedSecret};
pub use prefix::AddressPrefix;
pub use secret::{SecretArray, SecretBytes};
pub use timestamp::Timestamp;
