//! A worker takes a delivery up.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::{Detail, Outcome as Ended, Value};
use keyward_base::{ErrorKind, KeyId, Result, Timestamp};
use keyward_crypto::sealed::Header;
use keyward_store::{Applied, Content, Find, Record, Version, Words, Write};

use super::row::{Head, INBOX, Place, parse_piece};
use super::sealing::Binding;
use super::state::{Fault, Progress, State, word};
use super::taken::{End, Taken, dead};
use super::{Inbox, Kind};
use crate::endpoint::Endpoint;
use crate::owned::OwnedWebhook;
use crate::reason;

/// Rows looked at in one step, and their bytes: few, since each holds a part of its body.
const PAGE: usize = 16;
const PAGE_BYTES: usize = 256 * 1024;

/// For how long a delivery is put off whose key cannot be had: it costs no attempt.
const PUT_OFF: Duration = Duration::from_secs(60);

impl Inbox {
    /// Takes up the delivery that has been due for longest, or one of those; none if none is due.
    /// Several workers, in several processes, may call it at once.
    ///
    /// A delivery whose body does not open becomes a dead letter, and one whose key cannot be had
    /// waits; neither keeps the others from being handled.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn next(&self) -> Result<Option<Taken>> {
        self.end_dropped().await;
        let now = self.now()?;
        let soon = Timestamp::from_millis(now.as_millis().saturating_add(1));
        let due = Words::Range {
            from: "w".to_owned(),
            until: Some(word('w', soon)),
        };
        let mut find = Find::of(INBOX, due).limit(PAGE).bytes(PAGE_BYTES);
        loop {
            let page = self.inner.store.find(find.clone()).await?;
            // Workers that look at once begin at different rows.
            let mut random = [0];
            self.inner.crypto.fill(&mut random)?;
            let first = usize::from(random[0])
                .checked_rem(page.items.len())
                .unwrap_or(0);
            let mut items = page.items;
            items.rotate_left(first);
            for row in items {
                if let Some(taken) = self.look_at(row, now).await? {
                    return Ok(Some(taken));
                }
            }
            match page.next {
                Some(next) => find = find.after(Some(next)),
                None => return Ok(None),
            }
        }
    }

    /// Takes a row that is due; none if another worker was faster, or it is for others, or it was
    /// put off or buried.
    async fn look_at(&self, row: Record, now: Timestamp) -> Result<Option<Taken>> {
        let read = Place::of(&row.key).and_then(|place| Ok((place, Head::parse(&row.data)?)));
        let (place, mut head) = match read {
            Ok(read) => read,
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                self.set_aside(row).await?;
                return Ok(None);
            }
            // A newer release's.
            Err(_) => return Ok(None),
        };
        let Ok(kind) = self.kind(&head.facts.provider) else {
            return Ok(None);
        };
        if head.progress.state == State::Taken {
            head.progress.fault = Fault::TimedOut;
        }
        let policy = &self.inner.policy;
        if head.progress.attempts >= policy.attempts {
            let dead = dead(&head.progress, head.progress.fault, now);
            return self.bury(&place, row, &head, dead).await;
        }
        match self.pieces(&place, &row, &head).await {
            Ok(pieces) => self.take(place, row, head, pieces, kind, now).await,
            Err(e) if e.kind() == ErrorKind::Unavailable => {
                // Its own key, or the store: the next one is told by its own look.
                let put_off = Progress {
                    state: State::Waiting,
                    fault: Fault::NoKey,
                    since: now,
                    due: now.saturating_add(PUT_OFF),
                    token: [0; 16],
                    ..head.progress
                };
                let _either_way = self.swap(row, &head, &put_off).await?;
                Ok(None)
            }
            Err(_) => {
                let dead = dead(&head.progress, Fault::Damaged, now);
                self.bury(&place, row, &head, dead).await
            }
        }
    }

    /// The further records of a row, all there, and the keys of all of them to be had.
    async fn pieces(&self, place: &Place, row: &Record, head: &Head) -> Result<Vec<Record>> {
        let count = head.facts.pieces()?;
        let keys: Vec<_> = (1..count).map(|piece| place.piece(piece).key()).collect();
        let found = match keys.is_empty() {
            true => Vec::new(),
            false => self.inner.store.fetch_many(&keys).await?,
        };
        let pieces: Option<Vec<Record>> = found.into_iter().collect();
        let pieces = pieces.ok_or_else(|| {
            keyward_base::Error::corrupt("a part of a delivery in the inbox is missing")
        })?;
        let bound = self.inner.crypto.sha256(&[&head.bound]);
        for piece in &pieces {
            if parse_piece(&piece.data)? != bound {
                return Err(keyward_base::Error::corrupt(
                    "a part of a delivery in the inbox is another's",
                ));
            }
        }
        let (keyring, tenant) = (&self.inner.keyring, &place.endpoint.tenant);
        for key in key_ids(row, &pieces)? {
            drop(
                keyring
                    .opening_key(&self.inner.purpose, tenant, key)
                    .await?,
            );
        }
        Ok(pieces)
    }

    async fn take(
        &self,
        place: Place,
        row: Record,
        head: Head,
        pieces: Vec<Record>,
        kind: &Kind,
        now: Timestamp,
    ) -> Result<Option<Taken>> {
        let mut token = [0; 16];
        self.inner.crypto.fill(&mut token)?;
        let until = now.saturating_add(self.inner.policy.lease);
        let attempt = head.progress.attempts.saturating_add(1);
        let taken = Progress {
            state: State::Taken,
            attempts: attempt,
            since: now,
            due: until,
            token,
            ..head.progress
        };
        let sealed = row.sealed.clone();
        let Some(version) = self.swap(row.clone(), &head, &taken).await? else {
            return Ok(None);
        };
        let body = match self.open(&place, &sealed, &row, &pieces, &head).await {
            Ok(body) => body,
            Err(e) => {
                // The key was withdrawn meanwhile, or the body is not what was sealed.
                let row = Record { version, ..row };
                if e.kind() == ErrorKind::Unavailable {
                    let _either_way = self.swap(row, &head, &head.progress).await?;
                    return Ok(None);
                }
                let dead = dead(&taken, Fault::Damaged, now);
                return self.bury(&place, row, &head, dead).await;
            }
        };
        let (claim, repeated) = (head.facts.claim, head.facts.repeated);
        let scheme = Arc::clone(&kind.scheme);
        let hook = OwnedWebhook::restored(scheme, self.inner.crypto, head.facts, body);
        Ok(Some(Taken {
            key: place.key(),
            inbox: self.clone(),
            place,
            token,
            attempt,
            until,
            claim,
            repeated,
            hook: Arc::new(hook),
            end: Some(End::Failed(Fault::Dropped)),
        }))
    }

    async fn open(
        &self,
        place: &Place,
        first: &str,
        row: &Record,
        pieces: &[Record],
        head: &Head,
    ) -> Result<Vec<u8>> {
        let (keyring, tenant) = (&self.inner.keyring, &place.endpoint.tenant);
        let facts = self.inner.crypto.sha256(&[&head.bound]);
        let mut body = Vec::new();
        let mut keys = key_ids(row, pieces)?.into_iter();
        let sealed = std::iter::once(first).chain(pieces.iter().map(|p| p.sealed.as_str()));
        for (piece, sealed) in (0_u16..).zip(sealed) {
            let Some(id) = keys.next() else { break };
            let key = keyring.opening_key(&self.inner.purpose, tenant, id).await?;
            let place = place.piece(piece);
            let binding = Binding {
                purpose: &self.inner.purpose,
                place: &place,
                facts,
            };
            body.extend_from_slice(binding.open(&key, sealed)?.expose());
        }
        // The facts are bound: this is what was sealed, whole.
        if u64::try_from(body.len()).ok() == Some(head.facts.body_len) {
            return Ok(body);
        }
        Err(keyward_base::Error::corrupt(
            "the body of a delivery in the inbox has another length than was written",
        ))
    }

    /// Makes a dead letter of a row, and notes it.
    async fn bury(
        &self,
        place: &Place,
        row: Record,
        head: &Head,
        dead: Progress,
    ) -> Result<Option<Taken>> {
        if self.swap(row, head, &dead).await?.is_some() {
            self.note_dead(&place.endpoint, &dead).await?;
        }
        Ok(None)
    }

    pub(super) async fn note_dead(&self, endpoint: &Endpoint, dead: &Progress) -> Result<()> {
        let outcome = Ended::Failed(ErrorKind::Unavailable, Some(reason::GIVEN_UP));
        let mut event = self.event("webhook.dead-letter", endpoint, outcome)?;
        let attempts = Value::Number(u64::from(dead.attempts));
        let fault = Value::Word(dead.fault.word());
        event.detail = Detail::none()
            .with("attempts", attempts)
            .with("fault", fault);
        self.trail.note(event).await;
        Ok(())
    }

    /// A row that cannot be read is left as it is, but is found no more.
    async fn set_aside(&self, row: Record) -> Result<()> {
        let outcome = Ended::Failed(ErrorKind::Corrupt, Some(keyward_base::Reason::MALFORMED));
        let event = keyward_base::Event::new(self.now()?, "webhook.quarantine", outcome);
        let swap = Write::Swap {
            key: row.key,
            version: row.version,
            content: Content {
                word: "damaged".to_owned(),
                ..row.content
            },
        };
        if let Applied::Done(_) = self.inner.store.apply(vec![swap]).await? {
            self.trail.note(event).await;
        }
        Ok(())
    }

    /// Puts a row into another state, if it is as it was read. The sealed text stays as it is.
    pub(super) async fn swap(
        &self,
        row: Record,
        head: &Head,
        progress: &Progress,
    ) -> Result<Option<Version>> {
        let swap = Write::Swap {
            key: row.key,
            version: row.version,
            content: Content {
                data: Head::bytes_of(progress, &head.bound),
                word: progress.word(),
                ..row.content
            },
        };
        Ok(match self.inner.store.apply(vec![swap]).await? {
            Applied::Done(versions) => versions.into_iter().flatten().next(),
            _ => None,
        })
    }
}

fn key_ids(row: &Record, pieces: &[Record]) -> Result<Vec<KeyId>> {
    std::iter::once(row)
        .chain(pieces)
        .map(|record| Ok(Header::peek(&record.sealed)?.key))
        .collect()
}
