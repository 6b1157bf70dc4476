//! Listing one place.

use keyward_base::{Place, RecordId, Result, Tenant};

use super::Vault;
use super::listing::Page;

impl Vault {
    /// Lists like [`Vault::list`] what lies in one place, in the order of the records, at most
    /// `limit` (1 to 4096) after the record `after`. [`Page::next`] is the id of the record that
    /// the part after this one begins behind.
    ///
    /// # Errors
    /// As [`Vault::list`].
    pub async fn list_place(
        &self,
        tenant: &Tenant,
        place: &Place,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Page> {
        // Records are listed in the order of place and record: a place is one stretch of them.
        let prefix = format!("{place}/");
        let after = match after {
            Some(record) => format!("{prefix}{record}"),
            None => prefix.clone(),
        };
        let mut page = self.list(tenant, Some(&after), limit).await?;
        page.items.retain(|listed| listed.slot.place == *place);
        page.refused.retain(|bad| bad.id.starts_with(&prefix));
        page.next = page
            .next
            .and_then(|next| next.strip_prefix(&prefix).map(str::to_owned));
        Ok(page)
    }
}
