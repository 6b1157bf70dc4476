//! Names under which requests are counted.

use keyward_base::{Domain, Purpose, Result};
use keyward_store::limit::Names;

use crate::keyring::Keyring;

/// What is limited, and whom it is counted for.
const LIMITED: Domain<(&str, &[u8])> = Domain::new("keyward/v1/limit");

/// Names whom a [`Limiter`](keyward_store::limit::Limiter) counts, by the keys of a purpose that MACs:
/// so who reads the table of requests learns nobody's address, and who does not have the key cannot
/// choose with whom he is counted. All processes that share the table have the ring.
///
/// A purpose of its own, whose keys live as long as the longest span, is enough; the one of log-ins
/// does as well. A rotation of the keys lets none more through: it is counted under the active key, the
/// pending one, and the two that retired last. Who rotates three times within a span forgets what was
/// counted before the first. Where no key of the purpose is to be had, as when all are disabled, each
/// limit is `Unavailable`: it refuses, or lets through where a route says so.
#[derive(Clone, Debug)]
pub struct RingNames {
    keyring: Keyring,
    purpose: Purpose,
}

impl RingNames {
    /// Names under the keys of `purpose`.
    ///
    /// # Errors
    /// `Misuse` if the ring has no such purpose that MACs.
    pub fn new(keyring: Keyring, purpose: Purpose) -> Result<Self> {
        keyring.finders(&purpose)?;
        Ok(Self { keyring, purpose })
    }
}

impl Names for RingNames {
    fn names(&self, limit: &str, whom: &[u8]) -> Result<Vec<[u8; 32]>> {
        let finders = self.keyring.finders(&self.purpose)?;
        let name = |finder: &crate::Finder| finder.name(LIMITED, &(limit, whom));
        Ok(finders.iter().map(name).collect())
    }
}
