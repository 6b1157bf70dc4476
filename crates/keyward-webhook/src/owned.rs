//! A verified request that owns what it says.

use std::fmt;
use std::sync::Arc;

use keyward_base::Timestamp;
use keyward_crypto::Provider;

use crate::coverage::{Coverage, Covered, Unsigned};
use crate::inbox::row::{Facts, Id};
use crate::scheme::Scheme;
use crate::verified::{Delivery, VerifiedWebhook};

/// A [`VerifiedWebhook`] with a body of its own, for what outlives the request.
#[must_use = "a request that was verified is to be handled"]
pub struct OwnedWebhook<C> {
    scheme: Arc<Scheme<Covered>>,
    coverage: C,
    crypto: Provider,
    body: Vec<u8>,
    key: String,
    key_until: Option<Timestamp>,
    received_at: Timestamp,
    signed_at: Option<Timestamp>,
    id: Id,
    event: Option<String>,
    kept: bool,
}

impl<C: Coverage> OwnedWebhook<C> {
    /// What `hook` says, still without its body.
    pub(crate) fn without_body(
        scheme: Arc<Scheme<Covered>>,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Self {
        Self {
            scheme,
            coverage: hook.coverage,
            crypto: hook.crypto,
            body: Vec::new(),
            key: hook.key.to_owned(),
            key_until: hook.key_until,
            received_at: hook.received_at,
            signed_at: hook.signed_at,
            id: match hook.delivery {
                Delivery::None => Id::None,
                Delivery::Signed(id) => Id::Signed(id.to_owned()),
                Delivery::Unsigned(id) => Id::Unsigned(id.claimed().to_owned()),
            },
            event: hook.event.map(ToOwned::to_owned),
            kept: hook.kept,
        }
    }

    /// Takes over the body that was verified.
    pub(crate) fn with_body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    /// What was verified.
    pub fn get(&self) -> VerifiedWebhook<'_, C> {
        VerifiedWebhook {
            scheme: &self.scheme,
            coverage: self.coverage,
            crypto: self.crypto,
            body: &self.body,
            key: &self.key,
            key_until: self.key_until,
            received_at: self.received_at,
            signed_at: self.signed_at,
            delivery: match &self.id {
                Id::None => Delivery::None,
                Id::Signed(id) => Delivery::Signed(id),
                Id::Unsigned(id) => Delivery::Unsigned(Unsigned::new(id)),
            },
            event: self.event.as_deref(),
            kept: self.kept,
        }
    }

    /// The body, as it was signed.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl OwnedWebhook<Covered> {
    /// What was verified, and kept in the inbox since.
    pub(crate) fn restored(
        scheme: Arc<Scheme<Covered>>,
        crypto: Provider,
        facts: Facts,
        body: Vec<u8>,
    ) -> Self {
        Self {
            scheme,
            coverage: facts.coverage,
            crypto,
            body,
            key: facts.key,
            key_until: facts.key_until,
            received_at: facts.received,
            signed_at: facts.signed,
            id: facts.id,
            event: facts.event,
            kept: true,
        }
    }
}

impl<C: Coverage> fmt::Debug for OwnedWebhook<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedWebhook").field(&self.get()).finish()
    }
}
