//! The door: an endpoint of a scheme, and what it makes of a request.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;

use crate::candidates::Candidates;
use crate::coverage::{Coverage, Covered};
use crate::header;
use crate::reason;
use crate::received::{Claimed, Received};
use crate::scheme::{Headers, List, Proof, Scheme, Text};
use crate::secret::Secrets;

/// A scheme that was checked, ready to receive. One for each scheme serves all endpoints of it.
#[derive(Debug)]
pub struct Webhook<C> {
    scheme: Arc<Scheme<Covered>>,
    coverage: C,
    names: Vec<Names>,
    crypto: Provider,
    decoy: Arc<Secrets>,
}

#[derive(Debug)]
struct Names {
    signature: HeaderName,
    time: Option<HeaderName>,
    id: Option<HeaderName>,
    event: Option<HeaderName>,
}

impl<C: Coverage> Webhook<C> {
    /// Checks a scheme.
    ///
    /// # Errors
    /// `Misuse` for a scheme that says nothing that could be verified, or says it ambiguously;
    /// `Unavailable` without randomness.
    pub fn new(scheme: Scheme<C>, crypto: Provider) -> Result<Self> {
        scheme.check()?;
        let names = scheme
            .headers
            .iter()
            .map(Names::of)
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Error::misuse(format!(
                    "the webhook scheme \"{}\" names a header that cannot be one",
                    scheme.name
                ))
            })?;
        let coverage = scheme.coverage;
        let scheme = scheme.covered();
        Ok(Self {
            decoy: Arc::new(Secrets::decoy(&scheme, crypto)?),
            scheme: Arc::new(scheme),
            coverage,
            names,
            crypto,
        })
    }

    pub(crate) fn shared_scheme(&self) -> Arc<Scheme<Covered>> {
        Arc::clone(&self.scheme)
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme<Covered> {
        &self.scheme
    }

    /// The secrets of an endpoint, none yet: nothing verifies under none.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets::new(&self.scheme, self.crypto)
    }

    /// A new secret of 256 random bits, written as the provider writes it: for an endpoint whose
    /// secret the receiver chooses.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub fn generate(&self) -> Result<SecretBytes> {
        self.scheme.key.generate(&self.crypto)
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
        let (names, value) = self.signature(headers)?;
        let (signed, proof, signed_at) = match &self.scheme.proof {
            Proof::Token => (false, Claimed::Token(value), None),
            Proof::Hmac(proof) => {
                let tags = Candidates::read(proof, value)?;
                let time = match (&names.time, &proof.list) {
                    (Some(name), _) => header::needed(headers, name)?,
                    (None, List::Pairs { time: Some(_), .. }) => tags
                        .time
                        .ok_or_else(|| Error::rejected(reason::MISSING_TIME))?,
                    _ => &[],
                };
                let signed_at = proof.time.map(|of| of.check(time, now)).transpose()?;
                (
                    self.scheme.signs_id(),
                    Claimed::Hmac { proof, tags, time },
                    signed_at,
                )
            }
        };
        let id = match &names.id {
            Some(name) if signed => Some(header::signed_id(header::needed(headers, name)?)?),
            Some(name) => header::one(headers, name)?
                .map(header::unsigned_id)
                .transpose()?,
            None => None,
        };
        let event = match &names.event {
            Some(name) => header::one(headers, name)?.map(header::event).transpose()?,
            None => None,
        };
        Ok(Received {
            scheme: &self.scheme,
            coverage: self.coverage,
            crypto: self.crypto,
            decoy: &self.decoy,
            proof,
            signed_at,
            id,
            id_is_signed: signed,
            event,
            now,
        })
    }

    /// The set of names that the request is held to, and its signature: the first set of which
    /// any line came.
    fn signature<'h>(&self, headers: &'h HeaderMap) -> Result<(&Names, &'h [u8])> {
        for names in &self.names {
            if let Some(value) = header::one(headers, &names.signature)? {
                return Ok((names, value));
            }
            let others = [names.time.as_ref(), names.id.as_ref()];
            if others
                .into_iter()
                .flatten()
                .any(|name| headers.contains_key(name))
            {
                break;
            }
        }
        Err(Error::rejected(reason::MISSING_HEADER))
    }
}

impl Names {
    fn of(set: &Headers) -> Option<Self> {
        let name = |text: &Text| HeaderName::from_bytes(text.as_bytes()).ok();
        let maybe = |text: &Option<Text>| match text {
            Some(text) => name(text).map(Some),
            None => Some(None),
        };
        Some(Self {
            signature: name(&set.signature)?,
            time: maybe(&set.time)?,
            id: maybe(&set.id)?,
            event: maybe(&set.event)?,
        })
    }
}
