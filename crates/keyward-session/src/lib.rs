//! Sessions: opaque, of one person at one device, ended at once and everywhere; and the cookies that
//! carry them.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyward_base::{Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_keys::{EphemeralRoot, Keyring};
//! # use keyward_session::{Kind, Revoke, Sessions, Start, User};
//! # use keyward_store::MemoryStore;
//! # #[derive(Debug)]
//! # struct LoggedIn { tenant: Tenant, subject: Subject, at: Timestamp }
//! # impl Evidence for LoggedIn {
//! #     fn tenant(&self) -> &Tenant { &self.tenant }
//! #     fn subject(&self) -> &Subject { &self.subject }
//! #     fn method(&self) -> Method { Method::PASSWORD }
//! #     fn door(&self) -> Door { USERS }
//! #     fn at(&self) -> Timestamp { self.at }
//! #     fn is_factor_due(&self) -> bool { false }
//! # }
//! const USERS: Door = Door::new("users");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let now = Timestamp::from_millis(1_767_225_600_000);
//! # let store = || Arc::new(MemoryStore::new(1_000));
//! # let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
//! # let keyring = Keyring::builder(store(), root).clock(Arc::new(ManualClock::new(now)));
//! # let keyring = keyring.create(&[Purpose::new("vault")?], &[]).await?;
//! # let records = store();
//! # let (tenant, subject) = (Tenant::new("acme")?, Subject::new("ada")?);
//! # let evidence = LoggedIn { tenant: tenant.clone(), subject: subject.clone(), at: now };
//! let sessions = Sessions::builder(keyring, records).opens(USERS, Kind::User);
//! let sessions = sessions.install().await?.build().await?;
//!
//! // A log-in gives evidence, which says whose the session is; its token goes into the cookie.
//! let started = sessions.start(evidence, Start::new().remember(true)).await?;
//! let token = started.token().expose().to_owned();
//!
//! // A request: who asks is in the row, whose MAC covers it.
//! let live = sessions.check::<User>(&token).await?;
//! assert_eq!(live.subject(), &subject);
//!
//! // Once this returned, no check that begins after it finds the session, in any process.
//! sessions.revoke(Revoke::user(tenant, subject)).await?;
//! assert!(sessions.check::<User>(&token).await.is_err());
//! # Ok(()) }
//! ```
//!
//! A session is of a kind, which is a type: a page that takes a [`LiveSession<Admin>`](LiveSession)
//! cannot be reached with a user's. The bytes are specified in `docs/formats/session.md`, and what
//! they hold against whom in `docs/threat-model.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`api_key`] | what a machine shows: of one tenant, with scopes, rotated without a gap |
//! | [`cookie`] | the cookies that carry sessions: written whole, read strictly |
//! | [`danger`] | what a hurried person should not find first |
//! | [`device`] | where a person is logged in, as he is shown it |
//! | [`mod@format`] | the bytes of tokens, rows and epochs |
//! | [`internal`] | secrets of cron jobs and of services that speak to one another |
//! | [`kind`] | what a session is good for, as a value and as a type |
//! | [`live`] | a session that was found to live, and one that was just started |
//! | [`policy`] | how long sessions live, with the reason for each number |
//! | [`reason`] | why a session or an API key was refused |
//! | [`revoke`] | which sessions end at once |
//! | [`sessions`] | the door: [`Sessions`] |
//! | [`start`] | what a session is started with, beside the evidence |
//! | [`token`] | what a browser holds of it |

pub mod api_key;
pub mod cookie;
pub mod danger;
pub mod device;
mod epoch;
pub mod format;
mod ground;
mod id;
pub mod internal;
pub mod kind;
pub mod live;
pub mod policy;
pub mod reason;
pub mod revoke;
mod row;
pub mod sessions;
pub mod start;
mod text;
pub mod token;

pub use api_key::{ApiKey, ApiKeyId, ApiKeys, LiveKey, Scopes};
pub use cookie::Cookie;
pub use device::Device;
pub use id::SessionId;
pub use internal::{Internal, InternalSecrets};
pub use kind::{Admin, Kind, OwnKind, Pending, SessionKind, Staff, User};
pub use live::{AnyLive, Fresh, LiveSession, StaffActing, Started};
pub use policy::Policy;
pub use revoke::{Ended, Revoke};
pub use sessions::{Sessions, SessionsBuilder};
pub use start::Start;
pub use token::SessionToken;
