//! What only a check can make.

use keyward_base::Timestamp;

use crate::coverage::{Coverage, Unsigned};

/// A request whose proof was right. The body is had through it alone.
#[derive(Clone, Copy)]
pub struct VerifiedWebhook<'r, C> {
    pub(crate) body: &'r [u8],
    pub(crate) key: &'r str,
    pub(crate) signed_at: Option<Timestamp>,
    pub(crate) delivery: Delivery<'r>,
    pub(crate) event: Option<Unsigned<&'r str>>,
    pub(crate) coverage: C,
}

/// The id of a delivery, and whether the sender signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery<'r> {
    /// No header holds one.
    None,
    /// The signature covers it.
    Signed(&'r str),
    /// It came beside the signature.
    Unsigned(Unsigned<&'r str>),
}

impl<'r, C: Coverage> VerifiedWebhook<'r, C> {
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

    /// When it was signed, if the scheme signs a time. Without one, whoever captured the request
    /// may send it again at any time.
    #[must_use]
    pub const fn signed_at(&self) -> Option<Timestamp> {
        self.signed_at
    }

    /// The id of the delivery.
    #[must_use]
    pub const fn delivery(&self) -> Delivery<'r> {
        self.delivery
    }

    /// The name of the event, which no signature covers.
    #[must_use]
    pub const fn event(&self) -> Option<Unsigned<&'r str>> {
        self.event
    }

    /// What the proof covers.
    #[must_use]
    pub const fn coverage(&self) -> C {
        self.coverage
    }
}

impl<C: Coverage> std::fmt::Debug for VerifiedWebhook<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedWebhook")
            .field("coverage", &C::WORD)
            .field("key", &self.key)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
