//! A nonce for the scripts and styles of one page.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use keyward_base::encoding::base64;
use keyward_base::{Error, Result};
use keyward_crypto::Provider;

/// The bytes of a nonce: W3C *Content Security Policy Level 3*, section 7.1, asks for 128 bits.
const LEN: usize = 16;

/// A nonce of this response, 24 characters of base64: `<script nonce="…">`. A handler that takes it
/// has it in the Content-Security-Policy of its answer, for scripts and styles; no other answer allows
/// any inline. The answer is then `no-store`, whatever the handler says: a page that is shown again
/// would have the nonce again.
///
/// [`Nonce::of`] gives it for a request on which a [`crate::RoutePolicy::pages`] decided; with axum it
/// is an argument of handlers.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Arc<str>);

impl Nonce {
    /// That of a request. Asked for once or often, it is the same.
    ///
    /// # Errors
    /// `Misuse` if no [`crate::RoutePolicy::pages`] was asked about the request; `Unavailable` without
    /// randomness.
    pub fn of(request: &Parts) -> Result<Self> {
        let slot = request.extensions.get::<Slot>().ok_or_else(|| {
            Error::misuse("there is no nonce: put a RoutePolicy::pages before the route")
        })?;
        let mut bytes = [0; LEN];
        slot.provider.fill(&mut bytes)?;
        // The first that was asked for stays.
        let made = || Self(base64(&bytes).into());
        Ok(slot.nonce.get_or_init(made).clone())
    }

    /// The text for the attribute. It needs no escaping.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// Goes with a request, and has the nonce once it was asked for.
#[derive(Clone)]
pub(crate) struct Slot {
    nonce: Arc<OnceLock<Nonce>>,
    provider: Provider,
}

impl Slot {
    /// The one that goes with a request from now on: of two policies, one behind the other, both have
    /// the same nonce in what they answer.
    pub(crate) fn put(parts: &mut Parts, provider: Provider) -> Self {
        let new = || Self {
            nonce: Arc::default(),
            provider,
        };
        parts.extensions.get_or_insert_with(new).clone()
    }

    pub(crate) fn asked(&self) -> Option<&Nonce> {
        self.nonce.get()
    }
}
