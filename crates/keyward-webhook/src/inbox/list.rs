//! What is in the inbox, without opening any of it.

use std::collections::VecDeque;

use keyward_base::{Error, RecordId, Result, Tenant, Timestamp};
use keyward_store::{Find, Found, Place as After, Scan, Words};

use super::Inbox;
use super::row::{Head, INBOX, Id, Place, RowId};
use super::state::{Fault, State};
use crate::coverage::{Covered, Unsigned};
use crate::endpoint::Endpoint;
use crate::once::ClaimId;
use crate::verified::Delivery;

/// In milliseconds.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Rows of one step of [`Inbox::newest`].
const NEWEST: usize = 512;

/// A delivery in the inbox, as its row says. Nothing of it is verified until a worker opens it.
#[derive(Clone, Debug)]
pub struct Listed {
    place: Place,
    head: Head,
}

/// A part of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<N> {
    /// The deliveries, in order.
    pub items: Vec<Listed>,
    /// How many rows of this part cannot be read.
    pub damaged: usize,
    /// Where to go on; none: this is the end.
    pub next: Option<N>,
}

/// How many deliveries there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Those that wait for a worker, or are with one.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// Those that were handled, and are kept.
    pub finished: u64,
}

impl Inbox {
    /// Lists the deliveries of a tenant, in the order of endpoint and arrival, at most `limit` (1
    /// to 4096) after that place: [`Page::next`] of the part before.
    ///
    /// # Errors
    /// `Misuse` for another limit; `Unavailable` if the store cannot be reached.
    pub async fn list(
        &self,
        tenant: &Tenant,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<String>> {
        let after = after.map(|id| (tenant.as_str().to_owned(), id));
        let scan = Scan::of(INBOX)
            .owner(tenant.as_str())
            .after(after)
            .limit(limit);
        let page = self.outlines(scan).await?;
        Ok(Page {
            items: page.items,
            damaged: page.damaged,
            next: page.next.map(|(_, id)| id),
        })
    }

    /// Lists the deliveries of one endpoint, as [`Inbox::list`].
    ///
    /// # Errors
    /// As [`Inbox::list`].
    pub async fn list_endpoint(
        &self,
        endpoint: &Endpoint,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<String>> {
        let front = format!("{}/", endpoint.id);
        let from = after.unwrap_or_else(|| front.clone());
        let owner = endpoint.tenant.as_str();
        let after = Some((owner.to_owned(), from));
        let scan = Scan::of(INBOX).owner(owner).after(after).limit(limit);
        let page = self.outlines(scan).await?;
        let mut items = page.items;
        items.retain(|listed| listed.place.endpoint == *endpoint);
        // Where the next part would begin behind the endpoint's rows, this is the end.
        let more = page.next.filter(|(_, id)| id.starts_with(&front));
        Ok(Page {
            items,
            damaged: page.damaged,
            next: more.map(|(_, id)| id),
        })
    }

    /// The newest deliveries of one endpoint, newest first, at most `limit`. It looks at the last
    /// hour, then at the last day, and at all of them only if those hold fewer.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn newest(&self, endpoint: &Endpoint, limit: usize) -> Result<Vec<Listed>> {
        let now = self.now()?.as_millis();
        let mut newest = VecDeque::new();
        for span in [HOUR, DAY, u64::MAX] {
            newest.clear();
            // Ids begin with the time of arrival.
            let from = now.saturating_sub(span);
            let mut after = Some(format!("{}/{from:016x}", endpoint.id));
            while after.is_some() {
                let page = self.list_endpoint(endpoint, after, NEWEST).await?;
                for listed in page.items {
                    if newest.len() >= limit {
                        newest.pop_back();
                    }
                    newest.push_front(listed);
                }
                after = page.next;
            }
            if newest.len() >= limit {
                break;
            }
        }
        newest.truncate(limit);
        Ok(newest.into())
    }

    async fn outlines(&self, scan: Scan) -> Result<Page<After>> {
        let page = self.inner.store.outline(scan, 0).await?;
        let mut damaged = 0_usize;
        let mut items = Vec::with_capacity(page.items.len());
        for outline in page.items {
            let place = Place::of(&outline.key);
            if place.as_ref().is_ok_and(|place| place.piece > 0) {
                continue;
            }
            match place.and_then(|place| Ok((place, Head::parse(&outline.data)?))) {
                Ok((place, head)) => items.push(Listed { place, head }),
                Err(_) => damaged = damaged.saturating_add(1),
            }
        }
        Ok(Page {
            items,
            damaged,
            next: page.next,
        })
    }

    /// Lists dead letters, of one tenant or of all, oldest first, at most `limit` (1 to 4096) after
    /// that place.
    ///
    /// # Errors
    /// As [`Inbox::list`].
    pub async fn dead_letters(
        &self,
        tenant: Option<&Tenant>,
        after: Option<Found>,
        limit: usize,
    ) -> Result<Page<Found>> {
        let mut find = Find::of(INBOX, words(State::Dead))
            .after(after)
            .limit(limit);
        find.owner = tenant.map(|tenant| tenant.as_str().to_owned());
        let page = self.inner.store.find(find).await?;
        let mut damaged = 0_usize;
        let mut items = Vec::with_capacity(page.items.len());
        for row in page.items {
            let read = Place::of(&row.key).and_then(|place| Ok((place, Head::parse(&row.data)?)));
            match read {
                Ok((place, head)) => items.push(Listed { place, head }),
                Err(_) => damaged = damaged.saturating_add(1),
            }
        }
        Ok(Page {
            items,
            damaged,
            next: page.next,
        })
    }

    /// How many deliveries there are, of one tenant or of all.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn counts(&self, tenant: Option<&Tenant>) -> Result<Counts> {
        let owner = tenant.map(Tenant::as_str);
        let count = async |state| {
            let words = words(state);
            self.inner.store.count_words(&INBOX, owner, &words).await
        };
        Ok(Counts {
            waiting: count(State::Waiting).await?,
            dead: count(State::Dead).await?,
            finished: count(State::Finished).await?,
        })
    }

    /// One delivery, as its row says.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NOT_FOUND`](keyward_base::Reason::NOT_FOUND); `Corrupt` for a row
    /// that is none; `Unavailable` if the store cannot be reached.
    pub async fn look(&self, endpoint: &Endpoint, row: RowId) -> Result<Listed> {
        let place = first(endpoint, row);
        let found = self.inner.store.fetch(&place.key()).await?;
        let found = found.ok_or_else(|| Error::rejected(keyward_base::Reason::NOT_FOUND))?;
        Ok(Listed {
            head: Head::parse(&found.data)?,
            place,
        })
    }
}

/// The words of rows in a state.
pub(super) fn words(state: State) -> Words {
    let (from, until) = match state {
        State::Waiting | State::Taken => ("w", "x"),
        State::Finished => ("f", "g"),
        // A digit follows: `damaged` is no dead letter.
        State::Dead => ("d0", "d1"),
    };
    Words::Range {
        from: from.to_owned(),
        until: Some(until.to_owned()),
    }
}

/// The place of a row's first record.
pub(super) fn first(endpoint: &Endpoint, row: RowId) -> Place {
    Place {
        endpoint: endpoint.clone(),
        row,
        piece: 0,
    }
}

impl Listed {
    /// The endpoint it came to.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.place.endpoint
    }

    /// The tenant whose endpoint that is.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.place.endpoint.tenant
    }

    /// The id of that endpoint.
    #[must_use]
    pub const fn endpoint_id(&self) -> &RecordId {
        &self.place.endpoint.id
    }

    /// Its id in the inbox.
    #[must_use]
    pub const fn row(&self) -> RowId {
        self.place.row
    }

    /// Where it is on its way.
    #[must_use]
    pub const fn state(&self) -> State {
        self.head.progress.state
    }

    /// Since when.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.head.progress.since
    }

    /// When a worker may take it, or when the lease of the one that has it is over.
    #[must_use]
    pub const fn due(&self) -> Timestamp {
        self.head.progress.due
    }

    /// How many attempts there were.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.head.progress.attempts
    }

    /// What went wrong last.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.head.progress.fault
    }

    /// Which claim it holds.
    #[must_use]
    pub const fn claim(&self) -> ClaimId {
        self.head.facts.claim
    }

    /// The name of the provider's scheme.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.head.facts.provider
    }

    /// The id of the secret that matched.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.head.facts.key
    }

    /// When it came.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        self.head.facts.received
    }

    /// When it was signed, if the scheme signs a time.
    #[must_use]
    pub const fn signed(&self) -> Option<Timestamp> {
        self.head.facts.signed
    }

    /// The id of the delivery.
    #[must_use]
    pub fn delivery(&self) -> Delivery<'_> {
        match &self.head.facts.id {
            Id::None => Delivery::None,
            Id::Signed(id) => Delivery::Signed(id),
            Id::Unsigned(id) => Delivery::Unsigned(Unsigned::new(id)),
        }
    }

    /// The name of the event, which no proof covers.
    #[must_use]
    pub fn event(&self) -> Option<Unsigned<&str>> {
        self.head.facts.event.as_deref().map(Unsigned::new)
    }

    /// What the proof covered.
    #[must_use]
    pub const fn coverage(&self) -> Covered {
        self.head.facts.coverage
    }

    /// Whether its body was handled before, under another unsigned id.
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.head.facts.repeated
    }

    /// How many bytes its body has.
    #[must_use]
    pub const fn body_len(&self) -> u64 {
        self.head.facts.body_len
    }

    /// SHA-256 of its body.
    #[must_use]
    pub const fn body_digest(&self) -> [u8; 32] {
        self.head.facts.digest
    }
}
