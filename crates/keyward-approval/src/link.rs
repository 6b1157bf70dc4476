//! Links by which an approver comes to what waits for him: each is of one gate and one approver, for a
//! time, and bound to the very action.
//!
//! ```
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use keyward_approval::{ActionBuilder, Catalogue, ExecutorName, GateId, Policy, Requester, ServiceName, Shape};
//! # use keyward_base::{ManualClock, Purpose, Subject, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_keys::{EphemeralRoot, Keyring};
//! # use keyward_store::MemoryStore;
//! use keyward_approval::Links;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let now = Timestamp::from_millis(1_767_225_600_000);
//! # let provider = Provider::default();
//! # let root = Arc::new(EphemeralRoot::new(&provider)?);
//! # let keyring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
//! # let keyring = keyring.clock(Arc::new(ManualClock::new(now)));
//! # let keyring = keyring.create(&[Purpose::new("vault")?], &[]).await?;
//! # let policy = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n[rule.one]\nstrictness = 1\napprovers = [\"ada\"]\nquorum = 1";
//! # let policy = Policy::parse(&provider, policy)?;
//! # let (tenant, other) = (Tenant::new("acme")?, Tenant::new("globex")?);
//! # let catalogue = Catalogue::new().with(Shape::new("server.delete")?)?;
//! # let builder = ActionBuilder::new(
//! #     tenant.clone(), ServiceName::new("deploydesk")?, ExecutorName::new("worker")?,
//! #     Requester::agent(Subject::new("agent-7")?),
//! # );
//! # let builder = builder.step(catalogue.step("server.delete", "web-1")?);
//! # let action = builder.build(&policy, now, &provider)?.action;
//! # let gate = GateId::from_bytes([7; 16]);
//! let links = Links::new(keyring)?;
//! links.install().await?;
//!
//! // The gate keeps the digest of the code, and says which slot the link has.
//! let draft = links.draft(&tenant, gate)?;
//! let slot = 0; // gates.add_link(&tenant, gate, approver, Some(*draft.code_digest())).await?
//! let letter = draft.finish(&action, slot, now)?;
//!
//! // What is not a link of this tenant is refused before anything is read.
//! let presented = links.check(&tenant, letter.link().expose(), now).await?;
//! assert_eq!((presented.gate(), presented.slot()), (gate, 0));
//! assert!(links.check(&other, letter.link().expose(), now).await.is_err());
//! // And what the gate holds is what the link was made for.
//! presented.is_about(&action)?;
//! # Ok(()) }
//! ```
//!
//! A link alone proves that somebody has it: mail is forwarded, and programs that scan mail open links
//! and press buttons. So to decide takes who is signed in, or the code that goes with it.

mod code;
mod draft;
mod message;
mod qr;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Domain, Error, KeyId, Purpose, Result, Tenant, Timestamp};
use keyward_keys::{Finder, KeyUse, Keyring, Life};

use crate::action::limits;
use crate::gate::GateId;

pub use code::{CODE, Code};
pub use draft::{Draft, Letter};
pub use message::{CodeIn, Mail};
#[doc(hidden)]
pub use token::shape;
pub use token::{ACTION, LINK, LinkShape, LinkToken, Presented};

/// The purpose of the ring whose keys authenticate links.
pub const PURPOSE: &str = "approval-link";

/// Whose, gate, slot, when one page was made, and what was drawn for it.
type Page<'a> = (&'a Tenant, GateId, &'a [u8; 2], Timestamp, &'a [u8; 16]);

/// The mark of a page: a [keyed name](Finder::name).
pub const PAGE: Domain<Page<'_>> = Domain::new("keyward/v1/approval-page");

/// The longest that a link lives: as long as an action may wait for a decision.
pub const LIFE: Duration = limits::SPAN;

/// Makes links and checks them. A cheap clone.
#[derive(Clone)]
pub struct Links {
    keyring: Keyring,
    purpose: Arc<Purpose>,
    life: Duration,
}

impl Links {
    /// Under the keys of `keyring`, which has to have their purpose ([`Links::install`]).
    ///
    /// # Errors
    /// None that can be reached: its purpose is one.
    pub fn new(keyring: Keyring) -> Result<Self> {
        Ok(Self {
            keyring,
            purpose: Arc::new(Purpose::new(PURPOSE)?),
            life: LIFE,
        })
    }

    /// With a shorter life: no link lives longer from then on, whatever it says itself.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life.min(LIFE);
        self
    }

    /// Adds the purpose to the ring, if it lacks it: its keys MAC, and are needed for 30 days after
    /// they retired. Once for each keyring.
    ///
    /// # Errors
    /// As [`Admin::add_purpose`](keyward_keys::Admin::add_purpose).
    pub async fn install(&self) -> Result<()> {
        let life = KeyUse::Mac(Life::AtMost(LIFE));
        let admin = self.keyring.admin();
        admin.add_purpose(&self.purpose, life).await?;
        Ok(())
    }

    /// Begins a link to a gate, and the code that goes with it.
    ///
    /// # Errors
    /// As [`Keyring::mac`]; `Unavailable` without randomness.
    pub fn draft(&self, tenant: &Tenant, gate: GateId) -> Result<Draft> {
        let key = self.keyring.mac(&self.purpose)?;
        let code = Code::new(self.keyring.provider())?;
        let digest = self.digest(key.id(), tenant, gate, &code)?;
        Ok(Draft::new(
            key,
            tenant.clone(),
            gate,
            code,
            digest,
            self.life,
        ))
    }

    /// Whether `text` is a link of this tenant that is good `now`. Nothing is read for it but, where
    /// another process may have made its key a moment ago, the ring, within a budget. Whether it was
    /// used, or ended, its gate says. Whether what this process knows of the ring is new enough is
    /// judged by the keyring's own clock as well, for whoever tells the time by another.
    ///
    /// # Errors
    /// `Rejected` for anything else; `Unavailable` as [`Keyring::find_mac`].
    pub async fn check(&self, tenant: &Tenant, text: &str, now: Timestamp) -> Result<Presented> {
        let latest = self.keyring.clock().now()?.max(now);
        match self.check_by(tenant, text, now, latest) {
            Err(e) if e.reason() == Some(keyward_keys::reason::UNKNOWN_KEY) => {
                let id = token::key_of(text)?;
                let key = self.keyring.find_mac(&self.purpose, id).await?;
                token::read(tenant, text, now, self.life, |_| Ok(key))
            }
            checked => checked,
        }
    }

    /// [`Links::check`] by the keys that this process knows, at a moment that the caller has just read
    /// from the keyring's clock: all of it is judged by that. Reads nothing, and allocates nothing for
    /// a link that is good.
    ///
    /// # Errors
    /// As [`Links::check`]; `Rejected` with [`keyward_keys::reason::UNKNOWN_KEY`] for a key that this
    /// process does not know.
    pub fn check_at_once(&self, tenant: &Tenant, text: &str, now: Timestamp) -> Result<Presented> {
        self.check_by(tenant, text, now, now)
    }

    fn check_by(
        &self,
        tenant: &Tenant,
        text: &str,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<Presented> {
        token::read(tenant, text, now, self.life, |id| {
            self.keyring.mac_by_id_at(&self.purpose, id, latest)
        })
    }

    /// The digest of a code that somebody typed to a link: what
    /// [`Gates::vote_as_holder`](crate::Gates::vote_as_holder) compares, once it wrote the try down.
    ///
    /// # Errors
    /// `Rejected` for what is not six digits; `Unavailable` if the link's key is disabled.
    pub fn code_digest(
        &self,
        tenant: &Tenant,
        presented: &Presented,
        typed: &str,
    ) -> Result<[u8; 32]> {
        let code = Code::parse(typed)?;
        self.digest(presented.key().id(), tenant, presented.gate(), &code)
    }

    /// What proves that the page of this link was opened by the browser that sends its form, of when it
    /// was, and of `drawn`, which is random: the cookie and the form have all three. Of one link it is,
    /// and no other.
    ///
    /// # Errors
    /// `Unavailable` if the link's key is disabled.
    pub fn page_mark(
        &self,
        tenant: &Tenant,
        presented: &Presented,
        made: Timestamp,
        drawn: &[u8; 16],
    ) -> Result<[u8; 32]> {
        let (gate, slot) = (presented.gate(), presented.slot().to_be_bytes());
        let finder = self.finder(presented.key().id())?;
        Ok(finder.name(PAGE, &(tenant, gate, &slot, made, drawn)))
    }

    fn digest(&self, key: KeyId, tenant: &Tenant, gate: GateId, code: &Code) -> Result<[u8; 32]> {
        Ok(code.digest(&self.finder(key)?, tenant, gate))
    }

    fn finder(&self, key: KeyId) -> Result<Finder> {
        let finders = self.keyring.finders(&self.purpose)?;
        let finder = finders.into_iter().find(|finder| finder.id() == key);
        finder.ok_or_else(|| Error::rejected(keyward_keys::reason::UNKNOWN_KEY))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
