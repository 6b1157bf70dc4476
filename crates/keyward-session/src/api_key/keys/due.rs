//! Keys that expire soon.

use keyward_base::{ErrorKind, Result, Timestamp};
use keyward_store::{Record, Scan};

use super::ApiKeys;
use super::check::judge;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{DuePage, KeyInfo, KeyState, Notice};
use crate::api_key::row::{API_KEYS, Row};
use crate::ground::epochs::Keys;

/// How many rows are looked at at a time.
const PAGE: usize = 256;

impl ApiKeys {
    /// The keys, of every tenant, whose owner is to be told that they expire: every hour or day, for
    /// all pages. A notice is given once, whatever number of processes ask: it is on record that it
    /// was before this returns, so that one which is lost after it is lost; the next of the policy's
    /// is given, and the event `api-key.expires` tells of each. A key that has a successor gives none.
    ///
    /// It reads every row, 256 at a time: the first, or those after `after`.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring or clock cannot be relied on.
    pub async fn due(&self, after: Option<ApiKeyId>) -> Result<DuePage> {
        let now = self.now()?;
        let after = after.map(|id| (String::new(), id.to_string()));
        let scan = Scan::of(API_KEYS).owner("").after(after).limit(PAGE);
        let page = self.inner.ground.store.scan(scan).await?;
        let mut due = DuePage {
            notices: Vec::new(),
            next: page.next.and_then(|(_, id)| ApiKeyId::parse(&id).ok()),
        };
        for record in &page.items {
            match self.notice(record, now).await {
                Ok(notice) => due.notices.extend(notice),
                // The notices that were given are not lost by what comes after them.
                Err(e) if e.kind() == ErrorKind::Unavailable && due.notices.is_empty() => {
                    return Err(e);
                }
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    due.next = due.notices.last().map(|notice| notice.key.id);
                    return Ok(due);
                }
                Err(_) => {}
            }
        }
        Ok(due)
    }

    /// The notice of a key, which is on record as given.
    async fn notice(&self, record: &Record, now: Timestamp) -> Result<Option<Notice>> {
        let mut keys = Keys::default();
        let row = self.open_row(record, &mut keys).await?;
        if !self.is_own(&row) || row.overlap.is_some() {
            return Ok(None);
        }
        let Some((ahead, told)) = self.next_notice(&row, now) else {
            return Ok(None);
        };
        let state = self.state(row, record.version, &mut keys).await?;
        judge(&state, now)?;
        let row = Row {
            told,
            ..Row::clone(&state.row)
        };
        // Somebody else was faster, or has changed the key: the next time it is looked at again.
        if !self.swap_row(&row, state.version, Vec::new()).await? {
            return Ok(None);
        }
        let key = KeyInfo::of(row, KeyState::Live);
        let notice = Notice { key, ahead };
        self.note_expires(&notice).await;
        Ok(Some(notice))
    }

    /// Which notice of the policy a key is due: the nearest, if it was not given.
    fn next_notice(&self, row: &Row, now: Timestamp) -> Option<(std::time::Duration, u64)> {
        let left = row.expires?.saturating_since(now);
        let ahead = self.inner.policy.notices.iter().rev();
        let ahead = *ahead.into_iter().find(|ahead| left <= **ahead)?;
        let told = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        (row.told == 0 || told < row.told).then_some((ahead, told))
    }
}
