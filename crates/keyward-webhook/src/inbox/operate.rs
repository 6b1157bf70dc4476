//! What operators do, and what is done regularly.

use keyward_base::audit::Outcome as Ended;
use keyward_base::{Error, Event, Reason, RecordId, Result, Tenant, Timestamp};
use keyward_store::{Applied, Find, Outline, Record, RecordKey, Scan, Words, Write};

use super::accept::contended;
use super::list::first;
use super::row::{Head, INBOX, Place, RowId};
use super::state::{Fault, Progress, State, word};
use super::{Inbox, MAX_TRIES};
use crate::endpoint::Endpoint;
use crate::once::record::{COLLECTION, PURGED};

/// Rows of one page of a purge, which reads a part of each body.
const PAGE: usize = 64;

impl Inbox {
    /// Has a dead letter, or a delivery that was handled, handled again: once, however often this
    /// is called meanwhile. No: it waits or is being handled.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NOT_FOUND`]; `Corrupt` for a row that is none; `Unavailable` if
    /// the store cannot be reached, or the intent not recorded.
    pub async fn replay(&self, endpoint: &Endpoint, row: RowId) -> Result<bool> {
        let key = first(endpoint, row).key();
        for _ in 0..MAX_TRIES {
            let found = self.inner.store.fetch(&key).await?;
            let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
            let head = Head::parse(&found.data)?;
            if matches!(head.progress.state, State::Waiting | State::Taken) {
                return Ok(false);
            }
            let act = self.intend("webhook.replay", endpoint, Some(found.version));
            let act = act.await?;
            let now = self.now()?;
            let waiting = Progress {
                state: State::Waiting,
                fault: Fault::None,
                attempts: 0,
                since: now,
                due: now,
                token: [0; 16],
            };
            let swapped = self.swap(found, &head, &waiting).await;
            let outcome = match &swapped {
                Ok(Some(_)) => Ended::Done,
                Ok(None) => Ended::NotDone,
                Err(_) => Ended::Unknown,
            };
            act.end(self.inner.clock.as_ref(), outcome).await;
            if swapped?.is_some() {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// After a change of an endpoint's secret, where the claims of the scheme `provider` are kept
    /// until then ([`OnceTerms::keep_until_secret_changes`](crate::OnceTerms)): forgets those of
    /// before `since`, at most 4096, and says how many. `since` is when the new secret came into
    /// use, and is told once the old one has ended.
    ///
    /// # Errors
    /// `Misuse` for a scheme that this inbox does not take, or whose claims are not kept so;
    /// `Unavailable` if the store cannot be reached.
    pub async fn secret_changed(
        &self,
        provider: &str,
        endpoint: &Endpoint,
        since: Timestamp,
    ) -> Result<u64> {
        let kind = self.inner.providers.get(provider).ok_or_else(|| {
            Error::misuse("the inbox takes no scheme of that name: name one of its providers")
        })?;
        let (collection, since) = kind.terms.kept_before(endpoint, since)?;
        self.inner
            .store
            .purge_once(&collection, since, PURGED)
            .await
    }

    /// Forgets a delivery and its claim, so that it is taken anew when its sender sends it again.
    /// A worker that is at it records nothing. Says whether there was one.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached, or the intent not recorded: call it again.
    pub async fn forget(&self, endpoint: &Endpoint, row: RowId) -> Result<bool> {
        let key = first(endpoint, row).key();
        let Some(found) = self.inner.store.fetch(&key).await? else {
            return Ok(false);
        };
        let act = self.intend("webhook.forget", endpoint, Some(found.version));
        let act = act.await?;
        let gone = self.forget_row(found).await;
        act.end(self.inner.clock.as_ref(), Event::outcome_of(&gone))
            .await;
        gone
    }

    /// Forgets all deliveries of an endpoint, and says how many.
    ///
    /// # Errors
    /// As [`Inbox::forget`].
    pub async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<u64> {
        let act = self.intend("webhook.forget", endpoint, None).await?;
        let gone = self.forget_all(&endpoint.tenant, Some(&endpoint.id)).await;
        act.end(self.inner.clock.as_ref(), Event::outcome_of(&gone))
            .await;
        gone
    }

    /// Forgets all deliveries of a tenant, and says how many.
    ///
    /// # Errors
    /// As [`Inbox::forget`].
    pub async fn forget_tenant(&self, tenant: &Tenant) -> Result<u64> {
        let all = Endpoint {
            tenant: tenant.clone(),
            id: RecordId::new("*")?,
        };
        let act = self.intend("webhook.forget", &all, None).await?;
        let gone = self.forget_all(tenant, None).await;
        act.end(self.inner.clock.as_ref(), Event::outcome_of(&gone))
            .await;
        gone
    }

    async fn forget_all(&self, tenant: &Tenant, endpoint: Option<&RecordId>) -> Result<u64> {
        let owner = tenant.as_str();
        let front = endpoint.map(|id| format!("{id}/"));
        let after = front.clone().map(|front| (owner.to_owned(), front));
        let scan = Scan::of(INBOX).owner(owner).after(after);
        let mut pages = scan.pages(self.inner.store.as_ref());
        let mut gone = 0_u64;
        while let Some(page) = pages.next_outlines(0).await? {
            for outline in page {
                if front
                    .as_ref()
                    .is_some_and(|front| !outline.key.id.starts_with(front))
                {
                    return Ok(gone);
                }
                let of_other = match (Place::of(&outline.key).ok(), endpoint) {
                    (Some(place), Some(id)) => place.endpoint.id != *id,
                    // What cannot be read is forgotten with its tenant.
                    (None, Some(_)) => true,
                    (_, None) => false,
                };
                // A further record is gone with its first by now, or is all that is left.
                if !of_other && self.forget_outline(outline).await? {
                    gone = gone.saturating_add(1);
                }
            }
        }
        Ok(gone)
    }

    async fn forget_outline(&self, outline: Outline) -> Result<bool> {
        match self.inner.store.fetch(&outline.key).await? {
            Some(found) => self.forget_row(found).await,
            None => Ok(false),
        }
    }

    /// The claim first: if this is cut short, the row is still there to be forgotten.
    async fn forget_row(&self, mut row: Record) -> Result<bool> {
        if let (Ok(place), Ok(head)) = (Place::of(&row.key), Head::parse(&row.data))
            && let Ok(kind) = self.kind(&head.facts.provider)
        {
            let claim = kind.terms.key(&place.endpoint, head.facts.claim)?;
            self.inner.store.forget(&claim).await?;
        }
        for _ in 0..MAX_TRIES {
            if self.delete(&row).await? {
                return Ok(true);
            }
            match self.inner.store.fetch(&row.key).await? {
                Some(newer) => row = newer,
                None => return Ok(false),
            }
        }
        Err(contended())
    }

    /// Deletes a row with all its records, if it is as it was read.
    async fn delete(&self, row: &Record) -> Result<bool> {
        let read = Place::of(&row.key).and_then(|place| Ok((place, Head::parse(&row.data)?)));
        let mut batch = vec![delete(row)];
        let keys = match &read {
            Ok((place, head)) => {
                let count = head.facts.pieces().unwrap_or(1);
                (1..count).map(|piece| place.piece(piece).key()).collect()
            }
            // How many there are, it does not say any more.
            Err(_) => self.parts_of(&row.key).await?,
        };
        if !keys.is_empty() {
            let found = self.inner.store.fetch_many(&keys).await?;
            batch.extend(found.iter().flatten().map(delete));
        }
        let Applied::Done(_) = self.inner.store.apply(batch).await? else {
            return Ok(false);
        };
        if let Ok((place, head)) = read {
            let usage = &self.inner.usage;
            usage.take(&place.endpoint.tenant, head.facts.body_len);
        }
        Ok(true)
    }

    /// The keys of the further records behind a first one, in the order of the store.
    async fn parts_of(&self, first: &RecordKey) -> Result<Vec<RecordKey>> {
        let front = format!("{}/", first.id);
        let after = (first.owner.clone(), first.id.clone());
        let scan = Scan::of(INBOX).owner(&first.owner).after(Some(after));
        let mut pages = scan.pages(self.inner.store.as_ref());
        let mut keys = Vec::new();
        while let Some(page) = pages.next_outlines(0).await? {
            for outline in page {
                if !outline.key.id.starts_with(&front) {
                    return Ok(keys);
                }
                let is_part = |place: Place| place.piece(0).key() == *first;
                if Place::of(&outline.key).is_ok_and(is_part) {
                    keys.push(outline.key);
                }
            }
        }
        Ok(keys)
    }

    /// Removes the deliveries that were handled long enough ago, and claims that lapsed; ends what
    /// handlers that were dropped left open; counts the rows anew, where that is due. Says how many
    /// deliveries it removed. Call it every minute or so.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn tidy(&self) -> Result<u64> {
        self.end_dropped().await;
        let (now, store) = (self.now()?, &self.inner.store);
        let keep = self.inner.policy.keep_finished;
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let mut gone = 0_u64;
        // Those finished at that time or before.
        if let Some(before) = now.as_millis().checked_sub(keep) {
            let before = Timestamp::from_millis(before.saturating_add(1));
            let over = Words::Range {
                from: "f".to_owned(),
                until: Some(word('f', before)),
            };
            let mut find = Find::of(INBOX, over).limit(PAGE);
            loop {
                let page = store.find(find.clone()).await?;
                for row in page.items {
                    // One that was replayed meanwhile stays.
                    if self.delete(&row).await? {
                        gone = gone.saturating_add(1);
                    }
                }
                match page.next {
                    Some(next) => find = find.after(Some(next)),
                    None => break,
                }
            }
        }
        store.purge_once(&COLLECTION, now, PURGED).await?;
        if self.inner.usage.is_older(now, &self.inner.policy) {
            self.inner.usage.recount(store.as_ref(), now).await?;
        }
        Ok(gone)
    }
}

fn delete(row: &Record) -> Write {
    Write::Delete {
        key: row.key.clone(),
        version: row.version,
    }
}
