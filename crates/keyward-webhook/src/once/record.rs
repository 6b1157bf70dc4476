//! What is asked of the store for a delivery, and what its answer means.

use keyward_base::{Error, Result, Timestamp};
use keyward_store::{Begun, Collection, FencingToken, RecordKey};

use super::{ClaimId, Named, OnceTerms};
use crate::coverage::Coverage;
use crate::dedupe::Origin;
use crate::endpoint::Endpoint;
use crate::verified::{Delivery, VerifiedWebhook};

/// Where claims lie.
pub(crate) const COLLECTION: Collection = Collection::named("webhook");

/// The most claims that one call removes.
pub(crate) const PURGED: usize = 4096;

/// Before the word of who says what tells a delivery apart, where it came out of an inbox.
const KEPT: &str = "kept/";

/// The first byte of a recorded result.
const VERSION: u8 = 1;

/// The result of a claim that was done: a version, and what came beside the key and was not signed.
pub(crate) type Recorded = [u8; 33];

/// What is asked for: which claim, what must be the same when it comes again, and what came beside.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: ClaimId,
    pub(crate) key: RecordKey,
    pub(crate) digest: [u8; 32],
    /// SHA-256 of the unsigned id where the body is the key; zeros: none came, or it is the key.
    pub(crate) beside: [u8; 32],
    /// The claim for the case that this one was done under another unsigned id.
    again: Option<(ClaimId, RecordKey)>,
    /// Whether this one is that claim.
    pub(crate) repeated: bool,
}

/// What the store's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Lease(FencingToken, Timestamp),
    InFlight { until: Timestamp },
    Done,
    Repeated,
    Conflict,
}

impl Asked {
    /// The claim of who handles a delivery. Where it came out of an inbox, that is another one than
    /// the inbox's own, which is done since the delivery was kept.
    pub(crate) fn of<C: Coverage>(
        terms: &OnceTerms,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Result<Self> {
        Self::under(terms, endpoint, hook, if hook.kept { KEPT } else { "" })
    }

    /// The claim of an inbox.
    pub(crate) fn of_inbox<C: Coverage>(
        terms: &OnceTerms,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Result<Self> {
        Self::under(terms, endpoint, hook, "")
    }

    fn under<C: Coverage>(
        terms: &OnceTerms,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        front: &str,
    ) -> Result<Self> {
        terms.are_of(hook)?;
        let (crypto, told) = (&terms.crypto, hook.dedupe());
        let origin = told.origin();
        let word = format!("{front}{}", origin.word());
        let id = ClaimId::of(crypto, endpoint, terms.provider(), &word, told.as_bytes())?;
        let by_body = origin == Origin::BodyDigest;
        let beside = match hook.delivery() {
            Delivery::Unsigned(claimed) if by_body => {
                crypto.sha256(&[claimed.claimed().as_bytes()])
            }
            _ => [0; 32],
        };
        let again = match by_body {
            true => {
                let again = id.beside(crypto, beside)?;
                Some((again, terms.key(endpoint, again)?))
            }
            false => None,
        };
        Ok(Self {
            id,
            key: terms.key(endpoint, id)?,
            // A body that attempts may differ in is not compared: the claim stands for itself.
            digest: match hook.body_may_change() && !by_body {
                true => id.to_bytes(),
                false => hook.body_digest(),
            },
            beside,
            again,
            repeated: false,
        })
    }

    pub(crate) fn named(terms: &OnceTerms, endpoint: &Endpoint, event: &Named<'_>) -> Result<Self> {
        let crypto = &terms.crypto;
        let id = ClaimId::of(crypto, endpoint, terms.provider(), "named", event.id)?;
        Ok(Self {
            id,
            key: terms.key(endpoint, id)?,
            digest: match event.content {
                Some(content) => crypto.sha256(&[content]),
                None => id.to_bytes(),
            },
            beside: [0; 32],
            again: None,
            repeated: false,
        })
    }

    /// The claim of a body that was done under another unsigned id.
    pub(crate) fn again(&self) -> Option<Self> {
        let (id, key) = self.again.clone()?;
        Some(Self {
            id,
            key,
            repeated: true,
            ..self.clone()
        })
    }

    /// The claim of a known id that comes with another body: one for each body.
    pub(crate) fn with_other_body(
        &self,
        terms: &OnceTerms,
        endpoint: &Endpoint,
        digest: [u8; 32],
    ) -> Result<Self> {
        let id = self.id.beside(&terms.crypto, digest)?;
        Ok(Self {
            id,
            key: terms.key(endpoint, id)?,
            ..self.clone()
        })
    }

    /// What is recorded once it is done.
    pub(crate) fn recorded(&self) -> Recorded {
        let mut recorded = [VERSION; 33];
        let (_, beside) = recorded.split_at_mut(1);
        beside.copy_from_slice(&self.beside);
        recorded
    }

    /// What an answer of the store means.
    pub(crate) fn judge(&self, begun: Begun, now: Timestamp) -> Result<Found> {
        Ok(match begun {
            Begun::Lease(token) => Found::Lease(token, now),
            Begun::InFlight { until } => Found::InFlight { until },
            Begun::Conflict => Found::Conflict,
            Begun::Done(recorded) if held(&recorded)? == self.beside => Found::Done,
            Begun::Done(_) => Found::Repeated,
            _ => {
                return Err(Error::unavailable(
                    "the store answers a claim in a way that only a newer release knows",
                ));
            }
        })
    }
}

/// What came beside the key of a claim that was done.
///
/// # Errors
/// `Unavailable` for what a newer release recorded, `Corrupt` for what none did.
pub(crate) fn held(recorded: &[u8]) -> Result<[u8; 32]> {
    match recorded.split_first() {
        Some((&VERSION, beside)) => <[u8; 32]>::try_from(beside).map_err(|_| wrong()),
        Some((2.., _)) => Err(Error::unavailable(
            "a webhook's claim was recorded by a newer release: upgrade keyward",
        )),
        _ => Err(wrong()),
    }
}

fn wrong() -> Error {
    Error::corrupt("a webhook's claim is not what was recorded: forget it, or restore the store")
}
