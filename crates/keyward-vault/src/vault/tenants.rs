//! Whose credentials there are.

use keyward_base::{Error, Result, Tenant};
use keyward_store::{Scan, StoreLimits};

use super::Vault;

/// A part of the tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenants {
    /// Tenants with at least one record, in the order of their bytes.
    pub items: Vec<Tenant>,
    /// Owners of records that are no tenants' names: somebody else wrote them. Anything may
    /// stand in them.
    pub strange: Vec<String>,
    /// After whom the next part begins; none after the last.
    pub next: Option<String>,
}

impl Vault {
    /// The tenants that have credentials here, at most `limit` (1 to 4096) of those after the
    /// owner `after`, which is the [`Tenants::next`] of the part before. Reads one record of
    /// each, without its sealed text, and opens nothing.
    ///
    /// # Errors
    /// `Misuse` for a limit out of bounds, or an `after` of more than 128 bytes; `Unavailable` if
    /// the store cannot be reached.
    pub async fn tenants(&self, after: Option<&str>, limit: usize) -> Result<Tenants> {
        /// No id is longer, and none is greater.
        const LAST: char = char::MAX;
        #[allow(clippy::arithmetic_side_effects)] // Constants.
        const LONGEST: usize = StoreLimits::ID / LAST.len_utf8();
        if !(1..=StoreLimits::SCAN).contains(&limit) {
            return Err(Error::misuse("a page holds 1 to 4096 tenants"));
        }
        let last: String = std::iter::repeat_n(LAST, LONGEST).collect();
        let mut page = Tenants {
            items: Vec::new(),
            strange: Vec::new(),
            next: after.map(str::to_owned),
        };
        for _ in 0..limit {
            let beyond = page.next.take().map(|owner| (owner, last.clone()));
            let scan = Scan::of(self.inner.collection.clone())
                .after(beyond)
                .limit(1);
            let found = self.inner.store.outline(scan, 0).await?;
            let Some(first) = found.items.into_iter().next() else {
                return Ok(page);
            };
            page.next = Some(first.key.owner.clone());
            match Tenant::new(&first.key.owner) {
                Ok(tenant) => page.items.push(tenant),
                Err(_) => page.strange.push(first.key.owner),
            }
        }
        Ok(page)
    }
}
