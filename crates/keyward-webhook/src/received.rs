//! A request whose headers are in order, until its proof is checked.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Error, Reason, Result, Timestamp};
use keyward_crypto::Provider;

use crate::candidates::Candidates;
use crate::coverage::{Coverage, Covered, Unsigned};
use crate::endpoint::{Endpoint, SecretSource};
use crate::owned::OwnedWebhook;
use crate::reason;
use crate::scheme::{HmacProof, MAX_PIECES, Piece, Scheme};
use crate::secret::{Kept, Secret, Secrets};
use crate::verified::{Delivery, VerifiedWebhook};

/// A request whose headers have the right shape and whose time is near enough. Nothing is proved
/// yet. Next its secrets are looked up, then its body is read, no further than
/// [`body_limit`](Self::body_limit), and then both are checked together.
#[must_use = "nothing is verified yet"]
pub struct Received<'h, C> {
    pub(crate) scheme: &'h Arc<Scheme<Covered>>,
    pub(crate) coverage: C,
    pub(crate) crypto: Provider,
    pub(crate) decoy: &'h Arc<Secrets>,
    pub(crate) proof: Claimed<'h>,
    pub(crate) signed_at: Option<Timestamp>,
    pub(crate) id: Option<&'h str>,
    pub(crate) id_is_signed: bool,
    pub(crate) event: Option<&'h str>,
    pub(crate) now: Timestamp,
}

#[allow(clippy::large_enum_variant)] // Nothing is allocated for a request.
pub(crate) enum Claimed<'h> {
    Hmac {
        proof: &'h HmacProof,
        tags: Candidates<'h>,
        time: &'h [u8],
    },
    Token(&'h [u8]),
}

impl<'h, C: Coverage> Received<'h, C> {
    /// The longest body that is worth reading, in bytes.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.scheme.body_limit
    }

    /// Looks up the secrets of the endpoint that the route named. For one that is not there, they
    /// are such that no signature is right: it costs and reads like one that is wrong.
    ///
    /// # Errors
    /// `Unavailable` where the source cannot be read.
    pub async fn look_up(
        &self,
        source: &dyn SecretSource,
        endpoint: &Endpoint,
    ) -> Result<Arc<Secrets>> {
        let found = source.secrets(endpoint).await.map_err(|e| {
            Error::unavailable("the secrets of a webhook endpoint cannot be read").with_source(e)
        })?;
        Ok(found.unwrap_or_else(|| Arc::clone(self.decoy)))
    }

    /// Checks the proof. One MAC is made for each secret that has not ended, until one matches. The
    /// time is that of [`Webhook::receive`](crate::Webhook::receive): who waited for the body calls
    /// that once more before this, or a request is kept fresh by sending its body slowly.
    ///
    /// # Errors
    /// `Rejected` for a body that is too long, and where no secret matches; `Misuse` for secrets
    /// of another scheme; `Unavailable` where every secret has ended, or there is none: that is
    /// the receiver's fault, and the sender is to send again.
    pub fn verify<'r>(self, secrets: &'r Secrets, body: &'r [u8]) -> Result<VerifiedWebhook<'r, C>>
    where
        'h: 'r,
    {
        if !secrets.are_of(self.scheme) {
            return Err(Error::misuse(format!(
                "these webhook secrets are of another scheme than \"{}\", where the same text may \
                 be another key: load them by its own",
                self.scheme.name
            )));
        }
        if body.len() > self.scheme.body_limit {
            return Err(Error::rejected(reason::BODY_TOO_LONG));
        }
        let now = self.now;
        let live = |secret: &&Secret| secret.until.is_none_or(|until| now < until);
        if !secrets.keys.iter().any(|secret| live(&secret)) {
            return Err(Error::unavailable(
                "the endpoint has no webhook secret that has not ended: add one",
            ));
        }
        let matched = (secrets.keys.iter().filter(live))
            .find(|secret| self.is_proved_by(secret, body))
            .filter(|_| !secrets.decoy)
            .ok_or_else(|| {
                Error::rejected(if secrets.decoy {
                    reason::UNKNOWN_ENDPOINT
                } else {
                    Reason::NOT_AUTHENTIC
                })
            })?;
        Ok(VerifiedWebhook {
            scheme: self.scheme,
            coverage: self.coverage,
            crypto: self.crypto,
            body,
            key: &matched.id,
            key_until: matched.until,
            received_at: self.now,
            signed_at: self.signed_at,
            delivery: match self.id {
                Some(id) if self.id_is_signed => Delivery::Signed(id),
                Some(id) => Delivery::Unsigned(Unsigned::new(id)),
                None => Delivery::None,
            },
            event: self.event,
            kept: false,
        })
    }

    /// As [`verify`](Self::verify), for what outlives the request: the body is taken over, and
    /// little else is copied.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_owned(self, secrets: &Secrets, body: Vec<u8>) -> Result<OwnedWebhook<C>> {
        let scheme = Arc::clone(self.scheme);
        let owned = OwnedWebhook::without_body(scheme, &self.verify(secrets, &body)?);
        Ok(owned.with_body(body))
    }

    fn is_proved_by(&self, secret: &Secret, body: &[u8]) -> bool {
        match (&self.proof, &secret.kept) {
            (Claimed::Hmac { proof, tags, time }, Kept::Hmac(key)) => {
                let mut parts: [&[u8]; MAX_PIECES] = [&[]; MAX_PIECES];
                for (part, piece) in parts.iter_mut().zip(proof.message.iter()) {
                    *part = match piece {
                        Piece::Body => body,
                        Piece::Id => self.id.unwrap_or_default().as_bytes(),
                        Piece::Text(text) => text.as_bytes(),
                        Piece::Time => time,
                    };
                }
                let parts = parts.get(..proof.message.len()).unwrap_or_default();
                key.matches_any(parts, tags.tags())
            }
            (Claimed::Token(token), Kept::Token(kept)) => kept.is(token),
            _ => false,
        }
    }
}

impl<C: Coverage> fmt::Debug for Received<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("provider", &self.scheme.name)
            .finish_non_exhaustive()
    }
}
