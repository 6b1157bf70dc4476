//! What names a claim.

use std::fmt;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Domain, Error, RecordId, Result, Tenant};
use keyward_crypto::Provider;

use crate::endpoint::Endpoint;

/// A claim: tenant, endpoint, provider, who says what tells the delivery apart, and SHA-256 of
/// that. Two endpoints of one provider share none.
const CLAIM: Domain<(&Tenant, &RecordId, &str, &str, [u8; 32])> = Domain::new("kw1/webhook-claim");

/// A claim beside another: the claim that was taken, and what differs from it.
const BESIDE: Domain<([u8; 32], [u8; 32])> = Domain::new("kw1/webhook-claim-beside");

/// The name of a claim: 32 bytes, shown as 64 digits of hexadecimal. Public: it is a digest of
/// what tells a delivery apart, and of the endpoint it came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId([u8; 32]);

impl ClaimId {
    pub(crate) fn of(
        crypto: &Provider,
        endpoint: &Endpoint,
        provider: &str,
        origin: &str,
        key: &[u8],
    ) -> Result<Self> {
        let key = crypto.sha256(&[key]);
        let fields = (&endpoint.tenant, &endpoint.id, provider, origin, key);
        let framed = CLAIM.encode(&fields)?;
        Ok(Self(crypto.sha256(&[framed.as_bytes()])))
    }

    pub(crate) fn beside(self, crypto: &Provider, differs: [u8; 32]) -> Result<Self> {
        let framed = BESIDE.encode(&(self.0, differs))?;
        Ok(Self(crypto.sha256(&[framed.as_bytes()])))
    }

    /// The claim of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads 64 digits of lower-case hexadecimal, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        from_hex(text)
            .map(Self)
            .map_err(|_| Error::misuse("a claim is 64 digits of lower-case hexadecimal"))
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimId({self})")
    }
}
