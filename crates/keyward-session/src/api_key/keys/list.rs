//! The keys of a tenant, shown.

use keyward_base::{ErrorKind, Reason, Result, Tenant, Timestamp};
use keyward_store::{Find, Found, Words};

use super::ApiKeys;
use super::check::Beside;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{KeyInfo, KeyPage, KeyState};
use crate::api_key::row::{API_KEYS, Row};
use crate::format::is_of_record;
use crate::ground::epochs::Keys;

/// How many are shown at a time.
const PAGE: usize = 100;

impl ApiKeys {
    /// Some of the tenant's keys, those that live no more and were not purged among them, in the order
    /// of their ids as text: the first 100, or those after `after`. A row that is not what was written
    /// is counted, and so is one that cannot be judged now; nothing of them is shown.
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
            unavailable: 0,
            next: page.next.and_then(|next| ApiKeyId::parse(&next.id).ok()),
        };
        let (mut keys, mut rows) = (Keys::default(), Vec::new());
        for record in &page.items {
            match self.open_row(record, &mut keys).await {
                Ok(row) if row.tenant == *tenant && self.is_own(&row) => rows.push(row),
                Ok(_) => {}
                Err(e) if !is_of_record(&e) => return Err(e),
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    shown.unavailable = shown.unavailable.saturating_add(1);
                }
                Err(_) => shown.damaged = shown.damaged.saturating_add(1),
            }
        }
        if rows.is_empty() {
            return Ok(shown);
        }
        let beside = self.beside_if_any(tenant).await?;
        let of = |row: Box<Row>| {
            let state = state_at(&row, beside.as_ref(), now);
            KeyInfo::of(*row, state)
        };
        shown.keys = rows.into_iter().map(of).collect();
        Ok(shown)
    }

    /// One key of the tenant.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`](keyward_base::Reason::NOT_FOUND)) for a key that was revoked or
    /// is another tenant's; `Corrupt` if the row is not what was written; `Unavailable` if store, keyring
    /// or clock cannot be relied on, or the row cannot be judged now ([`KeyPage::unavailable`]).
    pub async fn info(&self, tenant: &Tenant, id: ApiKeyId) -> Result<KeyInfo> {
        let now = self.now()?;
        let (row, _) = self.own_row(tenant, id, &mut Keys::default()).await?;
        self.shown(*row, now).await
    }

    /// A row with what decides whether it lives, which is read after it.
    pub(super) async fn shown(&self, row: Row, now: Timestamp) -> Result<KeyInfo> {
        let beside = self.beside_if_any(&row.tenant).await?;
        let state = state_at(&row, beside.as_ref(), now);
        Ok(KeyInfo::of(row, state))
    }

    /// None where an epoch is missing or is not what was written: then all that it was of has ended.
    async fn beside_if_any(&self, tenant: &Tenant) -> Result<Option<Beside>> {
        match self.beside(tenant, &mut Keys::default()).await {
            Ok(beside) => Ok(Some(beside)),
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(None),
        }
    }
}

/// How a key is shown. A clock that is behind the one by which it was changed shows it as what it is
/// beside that: nobody is kept by it from seeing his keys, or from taking from one.
fn state_at(row: &Row, beside: Option<&Beside>, now: Timestamp) -> KeyState {
    let Some(beside) = beside else {
        return KeyState::Ended;
    };
    match beside.judge(row, now) {
        Err(e) if e.reason() == Some(Reason::EXPIRED) => KeyState::Expired,
        _ if beside.has_ended(row) => KeyState::Ended,
        _ => KeyState::Live,
    }
}
