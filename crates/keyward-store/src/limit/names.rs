//! Under which names it is counted.

use std::fmt;

use keyward_base::Result;

/// Makes the names under which it is counted: by a MAC, so that whoever reads the table of attempts
/// learns nobody's address, and whoever sends requests cannot choose with whom he is counted where
/// there is no room. `keyward_keys::RingNames` makes them by a purpose of the ring.
pub trait Names: fmt::Debug + Send + Sync {
    /// The names of `whom` under `limit`, of 32 bytes each: under the active key first, and then under
    /// each other one under which another process may count, or counted within the span. It is counted
    /// under each of the first four.
    ///
    /// # Errors
    /// `Unavailable` if there is no key to be relied on.
    fn names(&self, limit: &str, whom: &[u8]) -> Result<Vec<[u8; 32]>>;
}
