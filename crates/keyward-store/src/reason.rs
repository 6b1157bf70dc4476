//! The words by which a store says why it did not do something.

use keyward_base::Reason;

/// There is no room for one more entry. Every store says so by it, so that whoever can do with less
/// room tells it from a store that is down.
pub const FULL: Reason = Reason::new("store-full");
/// A limit admits no more requests for now.
pub const LIMITED: Reason = Reason::new("limited");
