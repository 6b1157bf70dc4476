//! Keyed names: what a row is found by that must not say what it is of.

use std::fmt;
use std::sync::Arc;

use keyward_base::domain::Fields;
use keyward_base::key_tag::key_tag;
use keyward_base::{Domain, KeyId};
use keyward_crypto::MacKey;
use keyward_crypto::mac::TAG_LEN;

/// The name of the domain that is asked in, and the MAC of its fields: so no name is the MAC of
/// anything, and a key on its way out vouches for nothing by it.
const NAME: Domain<(&str, [u8; TAG_LEN])> = Domain::new("keyward/v1/keyed-name");

/// A key of a purpose that MACs, as far as rows are found by it: Active, Pending or Retired. What it
/// gives is no MAC: nothing that verifies takes it. Hold it for one call, as
/// [`MacHandle`](crate::MacHandle).
#[derive(Clone)]
pub struct Finder {
    pub(crate) id: KeyId,
    pub(crate) key: Arc<MacKey>,
}

impl Finder {
    /// The id of the ring key: 8 bytes.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// As [`MacHandle::tag`](crate::MacHandle::tag).
    #[must_use]
    pub fn tag(&self) -> String {
        key_tag(self.id)
    }

    /// The name of these fields under this key: 32 bytes, the same each time.
    #[must_use]
    pub fn name<F: Fields>(&self, domain: Domain<F>, fields: &F) -> [u8; TAG_LEN] {
        let of = self.key.sign(domain, fields);
        self.key.sign(NAME, &(domain.name(), of))
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({})", self.id)
    }
}
