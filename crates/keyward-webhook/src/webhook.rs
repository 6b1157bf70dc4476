//! The door: an endpoint of a scheme, and what it makes of a request.

use std::sync::Arc;

use http::HeaderMap;
use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;

use crate::candidates::Candidates;
use crate::coverage::{Coverage, Covered};
use crate::header::{self, Lines, Names};
use crate::reason;
use crate::received::{Claimed, Received};
use crate::scheme::{List, Proof, Scheme};
use crate::secret::Secrets;

/// A scheme that was checked, ready to receive. One for each scheme serves all endpoints of it.
#[derive(Debug)]
pub struct Webhook<C> {
    scheme: Arc<Scheme<Covered>>,
    coverage: C,
    names: Vec<Names>,
    signs_id: bool,
    crypto: Provider,
    decoy: Arc<Secrets>,
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
            signs_id: scheme.signs_id(),
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
        let lines = self.find(headers)?;
        let value = header::needed(lines.signature)?;
        let (proof, signed_at) = match &self.scheme.proof {
            Proof::Token => (Claimed::Token(value), None),
            Proof::Hmac(proof) => {
                let tags = Candidates::read(proof, value)?;
                let time = match (proof.time, &proof.list) {
                    (None, _) => None,
                    (Some(of), List::Pairs { time: Some(_), .. }) => {
                        let missing = || Error::rejected(reason::MISSING_TIME);
                        Some((of, tags.time.ok_or_else(missing)?))
                    }
                    (Some(of), _) => Some((of, header::needed(lines.time)?)),
                };
                let signed_at = time.map(|(of, text)| of.check(text, now)).transpose()?;
                let time = time.map(|(_, text)| text).unwrap_or_default();
                (Claimed::Hmac { proof, tags, time }, signed_at)
            }
        };
        let id = if self.signs_id {
            Some(header::signed_id(header::needed(lines.id)?)?)
        } else {
            lines.id.map(header::unsigned_id).transpose()?
        };
        Ok(Received {
            scheme: &self.scheme,
            coverage: self.coverage,
            crypto: self.crypto,
            decoy: &self.decoy,
            proof,
            signed_at,
            id,
            id_is_signed: self.signs_id,
            event: lines.event.map(header::event).transpose()?,
            now,
        })
    }

    /// The lines of the set of names that the request is held to: the first set of which any came.
    fn find<'h>(&self, headers: &'h HeaderMap) -> Result<Lines<'h>> {
        for names in &self.names {
            let lines = names.find(headers)?;
            if !lines.are_none() {
                return Ok(lines);
            }
        }
        Err(Error::rejected(reason::MISSING_HEADER))
    }
}
