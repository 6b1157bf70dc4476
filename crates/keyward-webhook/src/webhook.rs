//! The door: an endpoint of a scheme, and what it makes of a request.

use http::{HeaderMap, HeaderName};
use keyward_base::{Error, Reason, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;

use crate::candidates::Candidates;
use crate::coverage::{Coverage, Unsigned};
use crate::header;
use crate::reason;
use crate::scheme::{HmacProof, List, MAX_PIECES, Piece, Proof, Scheme, Text};
use crate::secret::{Kept, Secret, Secrets};
use crate::verified::{Delivery, VerifiedWebhook};

/// A scheme that was checked, with its header names ready.
#[derive(Debug)]
pub struct Webhook<C> {
    scheme: Scheme<C>,
    headers: Vec<Names>,
}

#[derive(Debug)]
struct Names {
    signature: HeaderName,
    time: Option<HeaderName>,
    id: Option<HeaderName>,
    event: Option<HeaderName>,
}

/// A request whose headers have the right shape and whose time is near enough. Nothing is proved
/// yet: it says how long the body may be, and is verified with it.
#[derive(Debug)]
pub struct Received<'h, C> {
    scheme: &'h Scheme<C>,
    proof: Claimed<'h>,
    signed_at: Option<Timestamp>,
    id: Option<&'h str>,
    event: Option<&'h str>,
    now: Timestamp,
}

#[allow(clippy::large_enum_variant)] // Nothing is allocated for a request.
#[derive(Debug)]
enum Claimed<'h> {
    Hmac {
        proof: &'h HmacProof,
        tags: Candidates<'h>,
        time: &'h [u8],
    },
    Token(&'h [u8]),
}

impl<C: Coverage> Webhook<C> {
    /// An endpoint of that scheme.
    ///
    /// # Errors
    /// `Misuse` for a scheme that says nothing that could be verified, or says it ambiguously.
    pub fn new(scheme: Scheme<C>) -> Result<Self> {
        scheme.check()?;
        let name = |text: &Text| {
            HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
                Error::misuse(format!(
                    "the webhook scheme \"{}\" names a header that cannot be one",
                    scheme.name
                ))
            })
        };
        let headers = scheme
            .headers
            .iter()
            .map(|set| {
                Ok(Names {
                    signature: name(&set.signature)?,
                    time: set.time.as_ref().map(name).transpose()?,
                    id: set.id.as_ref().map(name).transpose()?,
                    event: set.event.as_ref().map(name).transpose()?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { scheme, headers })
    }

    /// The scheme.
    pub const fn scheme(&self) -> &Scheme<C> {
        &self.scheme
    }

    /// No secrets yet. Nothing verifies under none.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.scheme.name.clone())
    }

    /// Adds a secret as the provider shows it, under an id that tells which one matched, and with
    /// the time at which it ends.
    ///
    /// # Errors
    /// `Misuse` for a secret that is empty, blank, misencoded, of another kind or shorter than 16
    /// bytes; for the ninth; for an id that is taken. `Unavailable` without randomness.
    pub fn add(
        &self,
        secrets: &mut Secrets,
        provider: &Provider,
        id: impl Into<Text>,
        until: Option<Timestamp>,
        text: &SecretBytes,
    ) -> Result<()> {
        self.are_mine(secrets)?;
        let kept = self.scheme.read(provider, text)?;
        secrets.push(Secret {
            id: id.into(),
            until,
            kept,
        })
    }

    fn are_mine(&self, secrets: &Secrets) -> Result<()> {
        if secrets.are_of(&self.scheme.name) {
            return Ok(());
        }
        Err(Error::misuse(format!(
            "these webhook secrets are of another scheme than \"{}\": the same text is another \
             key there",
            self.scheme.name
        )))
    }

    /// Looks at the headers of a request, before a secret is looked up and a body is read.
    ///
    /// # Errors
    /// `Rejected`, with the reason in [`crate::reason`].
    pub fn receive<'h>(
        &'h self,
        headers: &'h HeaderMap,
        now: Timestamp,
    ) -> Result<Received<'h, C>> {
        let there = |set: &&Names| {
            [Some(&set.signature), set.time.as_ref(), set.id.as_ref()]
                .into_iter()
                .flatten()
                .any(|name| headers.contains_key(name))
        };
        let names = (self.headers.iter())
            .find(there)
            .ok_or_else(|| Error::rejected(reason::MISSING_HEADER))?;
        let value = header::needed(headers, &names.signature)?;
        let signs_id = match &self.scheme.proof {
            Proof::Hmac(proof) => proof.message.contains(&Piece::Id),
            Proof::Token => false,
        };
        let id = match &names.id {
            Some(name) if signs_id => Some(header::needed(headers, name)?),
            Some(name) => header::one(headers, name)?,
            None => None,
        };
        let id = id.map(header::id).transpose()?;
        let event = names.event.as_ref().map(|name| header::one(headers, name));
        let event = event.transpose()?.flatten().map(header::id).transpose()?;
        let (proof, signed_at) = match &self.scheme.proof {
            Proof::Token => (Claimed::Token(value), None),
            Proof::Hmac(proof) => {
                let tags = Candidates::read(proof, value)?;
                let time = match (&names.time, &proof.list) {
                    (Some(name), _) => header::needed(headers, name)?,
                    (None, List::Pairs { time: Some(_), .. }) => tags
                        .time
                        .ok_or_else(|| Error::rejected(reason::MISSING_HEADER))?,
                    _ => &[],
                };
                let signed_at = proof.time.map(|of| of.check(time, now)).transpose()?;
                (Claimed::Hmac { proof, tags, time }, signed_at)
            }
        };
        Ok(Received {
            scheme: &self.scheme,
            proof,
            signed_at,
            id,
            event,
            now,
        })
    }
}

impl<'h, C: Coverage> Received<'h, C> {
    /// The longest body that is worth reading, in bytes.
    #[must_use]
    pub const fn body_limit(&self) -> usize {
        self.scheme.body_limit
    }

    /// Checks the proof. One MAC is made for each secret that has not ended, until one matches.
    ///
    /// # Errors
    /// `Rejected` where no secret matches, and for a body that is too long; `Misuse` for secrets
    /// of another scheme; `Unavailable` where every secret has ended or there is none: it is not
    /// the sender's fault, and he is to send again.
    pub fn verify<'s: 'h>(
        self,
        secrets: &'s Secrets,
        body: &'h [u8],
    ) -> Result<VerifiedWebhook<'h, C>> {
        if !secrets.are_of(&self.scheme.name) {
            return Err(Error::misuse(
                "these webhook secrets are of another scheme: the same text is another key there",
            ));
        }
        if body.len() > self.scheme.body_limit {
            return Err(Error::rejected(reason::BODY_TOO_LONG));
        }
        let now = self.now;
        let mut live = (secrets.keys.iter())
            .filter(|secret| secret.until.is_none_or(|until| now < until))
            .peekable();
        if live.peek().is_none() {
            return Err(Error::unavailable(
                "the endpoint has no webhook secret that has not ended: add one",
            ));
        }
        let matched = live
            .find(|secret| self.is_proved_by(secret, body))
            .ok_or_else(|| Error::rejected(Reason::NOT_AUTHENTIC))?;
        let delivery = match (self.id, self.signs_id()) {
            (Some(id), true) => Delivery::Signed(id),
            (Some(id), false) => Delivery::Unsigned(Unsigned::new(id)),
            (None, _) => Delivery::None,
        };
        Ok(VerifiedWebhook {
            body,
            key: &matched.id,
            signed_at: self.signed_at,
            delivery,
            event: self.event.map(Unsigned::new),
            coverage: self.scheme.coverage,
        })
    }

    fn signs_id(&self) -> bool {
        matches!(&self.proof, Claimed::Hmac { proof, .. } if proof.message.contains(&Piece::Id))
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
                key.verify_any(parts, tags.tags()).is_ok()
            }
            (Claimed::Token(shown), Kept::Token { key, tag }) => key.verify(&[shown], tag).is_ok(),
            _ => false,
        }
    }
}
