//! API keys: what a machine shows, of one tenant, with scopes, rotated without a gap.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyward_base::{Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_keys::{EphemeralRoot, Keyring};
//! # use keyward_session::{Kind, Sessions, Start, User};
//! # use keyward_session::api_key::{ApiKeys, NewKey, Scope, Scopes};
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
//! # const USERS: Door = Door::new("users");
//! const READ: Scope = Scope::named("servers:read");
//! const WRITE: Scope = Scope::named("servers:write");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let now = Timestamp::from_millis(1_767_225_600_000);
//! # let store = || Arc::new(MemoryStore::new(1_000));
//! # let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
//! # let keyring = Keyring::builder(store(), root).clock(Arc::new(ManualClock::new(now)));
//! # let keyring = keyring.create(&[Purpose::new("vault")?], &[]).await?;
//! # let (tenant, subject) = (Tenant::new("acme")?, Subject::new("ada")?);
//! # let evidence = LoggedIn { tenant: tenant.clone(), subject, at: now };
//! # let sessions = Sessions::builder(keyring.clone(), store()).opens(USERS, Kind::User);
//! # let sessions = sessions.install().await?.build().await?;
//! # let started = sessions.start(evidence, Start::new()).await?;
//! # let live = sessions.check::<User>(started.token().expose()).await?;
//! # let person = sessions.fresh::<_, 15>(live)?;
//! # let records = store();
//! let keys = ApiKeys::builder(keyring, records).prefix("acme_live_");
//! let keys = keys.install().await?.build().await?;
//!
//! // A person who has just shown who he is makes one, with no scope beyond his own role.
//! let role = Scopes::new([READ, WRITE])?;
//! let new = NewKey::new("nightly build")?.scopes(Scopes::new([READ])?);
//! let issued = keys.issue(&person, &role, new).await?;
//! let text = issued.key().expose().to_owned(); // Shown once.
//!
//! // A request of a machine: whose it is and what it may do is in the row, whose MAC covers it.
//! let live = keys.check(&text, None).await?;
//! assert_eq!(live.tenant(), &tenant);
//! live.require(&READ)?;
//! assert!(live.require(&WRITE).is_err());
//!
//! keys.revoke(&tenant, live.id()).await?;
//! assert!(keys.check(&text, None).await.is_err());
//! # Ok(()) }
//! ```
//!
//! A key is its tenant's: it goes on when whoever made it is gone, and falls with the tenant
//! ([`ApiKeys::end`]). The bytes are specified in `docs/formats/api-key.md`.

pub mod format;
mod id;
mod info;
mod keys;
mod live;
mod new;
pub mod policy;
mod range;
pub(crate) mod row;
mod scope;
mod text;

pub use id::ApiKeyId;
pub use info::{
    DuePage, IssuedKey, KeyInfo, KeyPage, KeyState, Notice, Reissue, ReissueReport, Upkeep,
};
pub use keys::{ApiKeys, ApiKeysBuilder, End, PURPOSE};
pub use live::LiveKey;
pub use new::{Narrow, NewKey, Rotation};
pub use policy::KeyPolicy;
pub use range::Ranges;
pub use scope::{Scope, Scopes};
pub use text::{ApiKey, checksum_is_right};
