//! Keys that expire soon.

use std::time::Duration;

use keyward_base::{ErrorKind, Result, Timestamp};
use keyward_store::{Record, Scan, Version};

use super::ApiKeys;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{DuePage, KeyInfo, KeyState, Notice};
use crate::api_key::row::{API_KEYS, Row};
use crate::format::is_of_record;
use crate::ground::epochs::Keys;

/// How many rows are looked at at a time.
const PAGE: usize = 256;

impl ApiKeys {
    /// The keys, of every tenant, whose owner is to be told that they expire: every hour or day, for
    /// all pages. A notice is given once, whatever number of processes ask: it is on record that it
    /// was before this returns, so that one which is lost after it is lost; the next of the policy's
    /// is given, and the event `api-key.expires` tells of each. A key that has a successor gives none.
    ///
    /// It reads every row, 256 at a time: the first, or those after `after`. One that
    /// cannot be judged now is counted, and keeps no other's owner from hearing.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring or clock cannot be relied on; not, if notices were given before
    /// that came up: the page ends with them then, and the next one says so.
    pub async fn due(&self, after: Option<ApiKeyId>) -> Result<DuePage> {
        let now = self.now()?;
        let after = after.map(|id| (String::new(), id.to_string()));
        let scan = Scan::of(API_KEYS).owner("").after(after).limit(PAGE);
        let page = self.inner.ground.store.scan(scan).await?;
        let mut due = DuePage {
            notices: Vec::new(),
            unavailable: 0,
            next: page.next.and_then(|(_, id)| ApiKeyId::parse(&id).ok()),
        };
        for record in &page.items {
            let of = match self.next_of(record, now).await {
                Ok(of) => Ok(of),
                Err(e) if !is_of_record(&e) => Err(e),
                Err(e) => {
                    let is_open = e.kind() == ErrorKind::Unavailable;
                    due.unavailable = due.unavailable.saturating_add(u64::from(is_open));
                    continue;
                }
            };
            let given = match of {
                Ok(Some((told, version, ahead))) => self.give(told, version, ahead).await,
                Ok(None) => continue,
                Err(e) => Err(e),
            };
            match given {
                Ok(notice) => due.notices.extend(notice),
                // The notices that were given are not lost by what comes after them.
                Err(e) if due.notices.is_empty() => return Err(e),
                Err(_) => {
                    due.next = due.notices.last().map(|notice| notice.key.id);
                    return Ok(due);
                }
            }
        }
        Ok(due)
    }

    /// The row of a key that is due a notice, as it is once that was given; with the version that it
    /// has, and how long ahead it is.
    async fn next_of(
        &self,
        record: &Record,
        now: Timestamp,
    ) -> Result<Option<(Row, Version, Duration)>> {
        let mut keys = Keys::default();
        let row = self.open_row(record, &mut keys).await?;
        if !self.is_own(&row) || row.overlap.is_some() {
            return Ok(None);
        }
        let Some((ahead, told)) = self.next_notice(&row, now) else {
            return Ok(None);
        };
        self.beside(&row.tenant, &mut keys)
            .await?
            .judge(&row, now)?;
        let row = Row { told, ..*row };
        Ok(Some((row, record.version, ahead)))
    }

    /// The notice of a key, which is on record as given.
    async fn give(&self, row: Row, version: Version, ahead: Duration) -> Result<Option<Notice>> {
        // Somebody else was faster, or has changed the key: the next time it is looked at again.
        if !self.swap_row(&row, version, Vec::new()).await? {
            return Ok(None);
        }
        let key = KeyInfo::of(row, KeyState::Live);
        let notice = Notice { key, ahead };
        self.note_expires(&notice).await;
        Ok(Some(notice))
    }

    /// Which notice of the policy a key is due: the nearest, if it was not given.
    fn next_notice(&self, row: &Row, now: Timestamp) -> Option<(Duration, u64)> {
        let left = row.expires?.saturating_since(now);
        let ahead = self.inner.policy.notices.iter().rev();
        let ahead = *ahead.into_iter().find(|ahead| left <= **ahead)?;
        let told = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        (row.told == 0 || told < row.told).then_some((ahead, told))
    }
}
