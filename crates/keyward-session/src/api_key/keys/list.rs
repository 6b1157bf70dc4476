//! The keys of a tenant, shown.

use keyward_base::{ErrorKind, Result, Tenant, Timestamp};
use keyward_store::{Find, Found, Version, Words};

use super::ApiKeys;
use super::check::state_at;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{KeyInfo, KeyPage, KeyState};
use crate::api_key::row::{API_KEYS, Row};
use crate::ground::epochs::Keys;

/// How many are shown at a time.
const PAGE: usize = 100;

impl ApiKeys {
    /// Some of the tenant's keys, those that live no more and were not purged among them, in the order
    /// of their ids as text: the first 100, or those after `after`. A row that is not what was written is
    /// counted, and nothing of it shown.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring or clock cannot be relied on.
    pub async fn list(&self, tenant: &Tenant, after: Option<ApiKeyId>) -> Result<KeyPage> {
        let now = self.now()?;
        let word = self.word(tenant)?;
        let after = after.map(|id| Found {
            word: word.clone(),
            owner: String::new(),
            id: id.to_string(),
        });
        let find = Find::of(API_KEYS, Words::Is(word)).owner("").after(after);
        let page = self.inner.ground.store.find(find.limit(PAGE)).await?;
        let mut shown = KeyPage {
            keys: Vec::new(),
            damaged: u64::try_from(page.damaged.len()).unwrap_or(u64::MAX),
            next: page.next.and_then(|next| ApiKeyId::parse(&next.id).ok()),
        };
        let mut keys = Keys::default();
        for record in &page.items {
            let row = match self.open_row(record, &mut keys).await {
                Ok(row) => row,
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    shown.damaged = shown.damaged.saturating_add(1);
                    continue;
                }
                Err(e) => return Err(e),
            };
            if row.tenant != *tenant || !self.is_own(&row) {
                continue;
            }
            shown.keys.push(self.shown(row, record.version, now).await?);
        }
        Ok(shown)
    }

    /// One key of the tenant.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`](keyward_base::Reason::NOT_FOUND)) for a key that was revoked or
    /// is another tenant's; else as [`ApiKeys::list`], and `Corrupt` if the row is not what was written.
    pub async fn info(&self, tenant: &Tenant, id: ApiKeyId) -> Result<KeyInfo> {
        let now = self.now()?;
        let (row, version) = self.own_row(tenant, id, &mut Keys::default()).await?;
        self.shown(row, version, now).await
    }

    /// A row with what decides whether it lives. Without an epoch it has ended.
    pub(super) async fn shown(
        &self,
        row: Box<Row>,
        version: Version,
        now: Timestamp,
    ) -> Result<KeyInfo> {
        let copy = Box::clone(&row);
        match self.state(row, version, &mut Keys::default()).await {
            Ok(state) => {
                let shown = state_at(&state, now)?;
                Ok(KeyInfo::of(*state.row, shown))
            }
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(KeyInfo::of(*copy, KeyState::Ended)),
        }
    }
}
