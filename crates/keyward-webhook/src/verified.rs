//! What only a check can make.

use std::fmt;
use std::time::Duration;

use keyward_base::Timestamp;
use keyward_crypto::Provider;

use crate::coverage::{BearerToken, Coverage, Covered, Unsigned, WholeBody};
use crate::dedupe::DedupeKey;
use crate::scheme::{Scheme, Window};

/// A request whose proof was right. The body is had through it alone.
#[must_use = "a request that was verified is to be handled"]
pub struct VerifiedWebhook<'r, C> {
    pub(crate) scheme: &'r Scheme<Covered>,
    pub(crate) coverage: C,
    pub(crate) crypto: Provider,
    pub(crate) body: &'r [u8],
    pub(crate) key: &'r str,
    pub(crate) key_until: Option<Timestamp>,
    pub(crate) received_at: Timestamp,
    pub(crate) signed_at: Option<Timestamp>,
    pub(crate) delivery: Delivery<'r>,
    pub(crate) event: Option<&'r str>,
    /// Whether it came out of an inbox, which holds its claim already.
    pub(crate) kept: bool,
}

/// The id of a delivery, and whether the sender signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery<'r> {
    /// No header holds one.
    None,
    /// The signature covers it: 1 to 255 bytes of visible ASCII without a dot.
    Signed(&'r str),
    /// It came beside the proof: 1 to 255 bytes of visible ASCII.
    Unsigned(Unsigned<&'r str>),
}

impl<'r, C: Coverage> VerifiedWebhook<'r, C> {
    /// The name of the provider, which the scheme has.
    #[must_use]
    pub fn provider(&self) -> &'r str {
        &self.scheme.name
    }

    /// The body, as it was signed.
    #[must_use]
    pub const fn body(&self) -> &'r [u8] {
        self.body
    }

    /// The id of the secret that matched.
    #[must_use]
    pub const fn key(&self) -> &'r str {
        self.key
    }

    /// The moment from which that secret counts no more: with one, it is being replaced, and the
    /// sender still signs under the old one.
    #[must_use]
    pub const fn key_until(&self) -> Option<Timestamp> {
        self.key_until
    }

    /// When it was received: the time that it was verified at.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// When it was signed, if the scheme signs a time. Without one, whoever captured the request
    /// may send it again at any time.
    #[must_use]
    pub const fn signed_at(&self) -> Option<Timestamp> {
        self.signed_at
    }

    /// The window around now in which it verifies; `None` if that is for ever.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        self.scheme.window()
    }

    /// As [`Scheme::replay_life`].
    #[must_use]
    pub fn replay_life(&self) -> Option<Duration> {
        self.scheme.replay_life()
    }

    /// For how long after a first attempt the provider may send the delivery again.
    #[must_use]
    pub const fn retries(&self) -> Duration {
        self.scheme.retries
    }

    /// Whether a later attempt of the delivery may have another body.
    #[must_use]
    pub const fn body_may_change(&self) -> bool {
        self.scheme.body_may_change
    }

    /// The id of the delivery.
    #[must_use]
    pub const fn delivery(&self) -> Delivery<'r> {
        self.delivery
    }

    /// The name of the event, which no signature covers: 1 to 255 bytes of visible ASCII and
    /// spaces.
    #[must_use]
    pub fn event(&self) -> Option<Unsigned<&'r str>> {
        self.event.map(Unsigned::new)
    }

    /// What tells this delivery from another. Where that is a field, the body is read as JSON
    /// here, once for each call.
    #[must_use]
    pub fn dedupe(&self) -> DedupeKey<'r> {
        DedupeKey::of(self)
    }

    /// SHA-256 of the body.
    #[must_use]
    pub fn body_digest(&self) -> [u8; 32] {
        self.crypto.sha256(&[self.body])
    }

    /// What the proof covers.
    #[must_use]
    pub const fn coverage(&self) -> C {
        self.coverage
    }

    /// The same for what takes any coverage.
    pub fn covered(self) -> VerifiedWebhook<'r, Covered> {
        let covered = self.coverage.covered();
        self.with_coverage(covered)
    }

    /// The same, if every byte of the body was signed.
    #[must_use]
    pub fn whole_body(self) -> Option<VerifiedWebhook<'r, WholeBody>> {
        (self.coverage.covered() == Covered::WholeBody).then(|| self.with_coverage(WholeBody))
    }

    /// The same, if it only showed a token.
    #[must_use]
    pub fn bearer_token(self) -> Option<VerifiedWebhook<'r, BearerToken>> {
        (self.coverage.covered() == Covered::BearerToken).then(|| self.with_coverage(BearerToken))
    }

    fn with_coverage<D>(self, coverage: D) -> VerifiedWebhook<'r, D> {
        VerifiedWebhook {
            coverage,
            scheme: self.scheme,
            crypto: self.crypto,
            body: self.body,
            key: self.key,
            key_until: self.key_until,
            received_at: self.received_at,
            signed_at: self.signed_at,
            delivery: self.delivery,
            event: self.event,
            kept: self.kept,
        }
    }
}

impl<C: Coverage> fmt::Debug for VerifiedWebhook<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedWebhook")
            .field("provider", &self.scheme.name)
            .field("coverage", &self.coverage)
            .field("key", &self.key)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
