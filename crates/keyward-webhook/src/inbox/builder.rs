//! Making an inbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use keyward_base::audit::Discard;
use keyward_base::{Clock, Error, ErrorKind, Purpose, Result, Sink, Trail};
use keyward_keys::{Barrier, Keyring};
use keyward_store::Stores;

use super::attach::column;
use super::policy::InboxPolicy;
use super::row::INBOX;
use super::taken::Unended;
use super::usage::Usage;
use super::{Inbox, Inner, Kind};
use crate::coverage::Coverage;
use crate::once::OnceTerms;
use crate::webhook::Webhook;

/// The purpose of an inbox's keys, unless it is given another.
const PURPOSE: &str = "webhook";

/// What an [`Inbox`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct InboxBuilder {
    keyring: Keyring,
    store: Arc<dyn Stores>,
    clock: Arc<dyn Clock>,
    trail: Trail,
    purpose: Option<Purpose>,
    policy: InboxPolicy,
    providers: HashMap<String, Kind>,
}

impl InboxBuilder {
    pub(super) fn new(keyring: Keyring, store: Arc<dyn Stores>) -> Self {
        Self {
            clock: Arc::clone(keyring.clock()),
            keyring,
            store,
            trail: Trail::new(Arc::new(Discard::new())),
            purpose: None,
            policy: InboxPolicy::default(),
            providers: HashMap::new(),
        }
    }

    /// Takes deliveries of this scheme, each once on these terms. What a worker does not know the
    /// scheme of it leaves to others.
    ///
    /// # Errors
    /// As [`OnceTerms::check`]; `Misuse` for terms of another scheme, and for a name that is taken.
    pub fn provider<C: Coverage>(mut self, webhook: &Webhook<C>, terms: OnceTerms) -> Result<Self> {
        terms.check()?;
        let scheme = webhook.shared_scheme();
        terms.are_of_scheme(&scheme)?;
        let name = scheme.name.clone().into_owned();
        if self
            .providers
            .insert(name, Kind { scheme, terms })
            .is_some()
        {
            return Err(Error::misuse(
                "an inbox has two schemes of one name: give one of them another",
            ));
        }
        Ok(self)
    }

    /// Where events go. Default: nowhere.
    pub fn audit(self, audit: Arc<dyn Sink>) -> Self {
        self.trail(Trail::new(audit))
    }

    /// Where events go, and who acts unless [`Inbox::acting_as`] says otherwise.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// What its keys are for, if not `webhook`: the ring must have a key of that purpose. A purpose
    /// of its own can be rotated, and counted, by itself.
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// The knobs.
    pub const fn policy(mut self, policy: InboxPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Where the time comes from, if not from the keyring's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the inbox and registers its rows with the keyring, so that no key they need is
    /// destroyed. If the barrier of its collection cannot be read, what was stored is handled, and
    /// nothing more is taken until it is mended.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of the purpose, the collection belongs to another, or the
    /// policy makes no sense; `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<Inbox> {
        self.policy.check()?;
        let purpose = match self.purpose {
            Some(purpose) => purpose,
            None => Purpose::new(PURPOSE)?,
        };
        self.keyring.promoted_epoch(&purpose)?;
        let crypto = *self.keyring.provider();
        let trail = self.trail.in_run(self.keyring.run());
        let barrier = match Barrier::claim(self.store.as_ref(), &INBOX, &purpose).await {
            Ok(barrier) => Some(barrier),
            // What was stored is handled without it.
            Err(e) if e.kind() == ErrorKind::Corrupt => None,
            Err(e) => return Err(e),
        };
        let column = column(
            Arc::clone(&self.store),
            purpose.clone(),
            crypto,
            Arc::clone(&self.clock),
            trail.clone(),
        )?;
        self.keyring.cover(Arc::new(column.clone())).await?;
        let identity = self.store.identity()?;
        let digest = crypto.sha256(&[
            identity.as_str().as_bytes(),
            b"/",
            INBOX.as_str().as_bytes(),
        ]);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let now = self.clock.now()?;
        let usage = Usage::default();
        usage.recount(self.store.as_ref(), now).await?;
        Ok(Inbox {
            inner: Arc::new(Inner {
                keyring: self.keyring,
                store: self.store,
                clock: self.clock,
                crypto,
                purpose,
                policy: self.policy,
                providers: self.providers,
                column,
                barrier: Mutex::new(barrier),
                usage,
                unended: Unended::default(),
                named: [a, b, c, d, e, f, g, h],
            }),
            trail,
        })
    }
}
