//! The knobs of a claim, and the reason for each default.

use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Collection, RecordKey};

use crate::coverage::{Coverage, Covered};
use crate::endpoint::Endpoint;
use crate::once::ClaimId;
use crate::once::record::COLLECTION;
use crate::scheme::{Scheme, Text};
use crate::verified::VerifiedWebhook;

/// What a claim that lapses with the secret is kept beyond the time at which it was made, so that
/// those of before a change can be told from those of after: a century.
const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

/// Bytes of the name of a collection whose claims are kept until the secret changes: `webhook/`
/// and 32 digits.
const KEPT: usize = 40;

/// On what terms deliveries of a scheme are handled once.
#[derive(Clone, Debug)]
#[must_use = "terms do nothing by themselves"]
pub struct OnceTerms {
    provider: Text,
    least: Duration,
    timed: bool,
    keep: Option<Duration>,
    with_secret: bool,
    lease: Duration,
    repeated: bool,
    pub(crate) crypto: Provider,
}

impl OnceTerms {
    /// The terms of a scheme, with defaults.
    pub fn of<C: Coverage>(scheme: &Scheme<C>) -> Self {
        let life = scheme.replay_life();
        Self {
            provider: scheme.name.clone(),
            least: life.unwrap_or_default().max(scheme.retries),
            timed: life.is_some(),
            keep: None,
            with_secret: false,
            // Longer than any sender waits for an answer (GitHub 10 s, Standard Webhooks 15 to 30),
            // so that what goes on after a sender hung up is not run twice; short beside the hours
            // over which he tries again, should the process die.
            lease: Duration::from_secs(60),
            repeated: false,
            crypto: Provider::default(),
        }
    }

    /// For how long a claim is kept, and what comes again is known. By default as long as it must
    /// be: the window in which a request verifies, or the time over which the provider sends again,
    /// whichever is longer.
    pub const fn keep(mut self, span: Duration) -> Self {
        self.keep = Some(span);
        self
    }

    /// Keeps claims until the endpoint's secret changes, so that nobody who captured a delivery can
    /// ever have it handled again: for schemes that sign no time. The store grows by some 200 bytes
    /// with each delivery until [`Claims::secret_changed`](crate::Claims::secret_changed) is called.
    pub const fn keep_until_secret_changes(mut self) -> Self {
        self.with_secret = true;
        self
    }

    /// For how long a handler has a delivery to itself. 60 s. One that takes longer may be run
    /// beside its successor, and records nothing if it ends after it.
    pub const fn lease(mut self, span: Duration) -> Self {
        self.lease = span;
        self
    }

    /// Lets a body run again that was handled before, when it comes under another id that nobody
    /// signed: for events that are alike byte for byte and do happen twice. Whoever captured a
    /// delivery can have it run again then, as often as he makes up an id.
    /// [`Lease::is_repeated`](crate::once::Lease::is_repeated) tells the handler.
    pub const fn run_repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    /// Whether what is claimed on these terms is handled once for as long as it can come again.
    ///
    /// # Errors
    /// `Misuse` for claims that would be forgotten while the provider still sends the delivery, or
    /// while a captured one still verifies, or kept for more than a century; for a lease of no
    /// length, or longer than a claim is kept.
    pub fn check(&self) -> Result<()> {
        if self.span() < self.least {
            return Err(Error::misuse(format!(
                "a claim of {} must be kept for at least {} s, for as long as a delivery verifies \
                 or is sent again: leave `keep` out, or raise it",
                self.provider,
                self.least.as_secs()
            )));
        }
        if self.span() > CENTURY {
            return Err(Error::misuse(format!(
                "a claim of {} would be kept for more than a century: lower `keep`, or the retries \
                 of the scheme",
                self.provider
            )));
        }
        if self.lease.is_zero() || self.lease > self.span() {
            return Err(Error::misuse(
                "the lease of a webhook's handler must be longer than nothing, and no longer than \
                 its claim is kept",
            ));
        }
        Ok(())
    }

    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    pub(crate) const fn lease_span(&self) -> Duration {
        self.lease
    }

    pub(crate) const fn runs_repeated(&self) -> bool {
        self.repeated
    }

    /// For how long what was handled `now` is known.
    fn span(&self) -> Duration {
        match (self.with_secret, self.keep) {
            (true, _) => CENTURY,
            (false, Some(span)) => span,
            // A scheme without a window whose provider never sends again still needs some time.
            (false, None) => self.least.max(self.lease),
        }
    }

    pub(crate) fn keep_until(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.span())
    }

    /// From when on whoever captured a delivery that is claimed now can have it handled again; none
    /// if never, because it verifies no more by then, or its claim is kept until the secret changes.
    pub(crate) fn replayable_from(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.timed && !self.with_secret).then(|| self.keep_until(now))
    }

    /// Whether they are of the scheme that verified the delivery: by its name, and by how long it
    /// can come again, which two schemes of one name may differ in.
    pub(crate) fn are_of<C: Coverage>(&self, hook: &VerifiedWebhook<'_, C>) -> Result<()> {
        self.are_of_scheme(hook.scheme)
    }

    /// As [`OnceTerms::are_of`].
    pub(crate) fn are_of_scheme(&self, scheme: &Scheme<Covered>) -> Result<()> {
        if self.provider != scheme.name {
            return Err(Error::misuse(format!(
                "a delivery of {} is claimed on the terms of {}: keep terms for each",
                scheme.name, self.provider
            )));
        }
        let life = scheme.replay_life();
        let least = life.unwrap_or_default().max(scheme.retries);
        if self.timed == life.is_some() && self.span() >= least {
            return Ok(());
        }
        Err(Error::misuse(format!(
            "these terms are of another scheme {}, whose deliveries come again for a shorter time: \
             make them of the scheme that receives",
            self.provider
        )))
    }

    pub(crate) fn key(&self, endpoint: &Endpoint, id: ClaimId) -> Result<RecordKey> {
        Ok(RecordKey {
            collection: self.collection(endpoint)?,
            owner: endpoint.tenant.as_str().to_owned(),
            id: id.to_string(),
        })
    }

    fn collection(&self, endpoint: &Endpoint) -> Result<Collection> {
        if !self.with_secret {
            return Ok(COLLECTION);
        }
        let id = ClaimId::of(&self.crypto, endpoint, &self.provider, "endpoint", b"")?;
        let name = format!("{}/{id}", COLLECTION.as_str());
        // Of its 64 digits the first 32: the name of a collection has at most 64 bytes.
        Collection::new(name.get(..KEPT).unwrap_or(&name))
    }

    /// The collection of an endpoint whose claims are kept until its secret changes, and until when
    /// those of before `since` are kept.
    pub(crate) fn kept_before(
        &self,
        endpoint: &Endpoint,
        since: Timestamp,
    ) -> Result<(Collection, Timestamp)> {
        if !self.with_secret {
            return Err(Error::misuse(
                "these claims lapse by themselves: they are not kept until the secret changes",
            ));
        }
        Ok((self.collection(endpoint)?, since.saturating_add(CENTURY)))
    }
}
