//! Appending: the entries and the head in one batch.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use keyward_base::audit::Outcome;
use keyward_base::{Error, Event, KeyId, Result};
use keyward_keys::{Barrier, MacHandle};
use keyward_store::{Committed, Content, Record, Refusal, Step, Stepped, Version, Write};
use tokio::sync::oneshot::error::TryRecvError;

use super::lane::{Hears, Known, Lane, Open, Tried, Turn, Waiting, dropped};
use super::many::check_action;
use super::{Audit, CHANGED, ENTRIES, Fence, HEADS, Of, contended};
use crate::entry::Entry;
use crate::head::Head;
use crate::leaf::{Class, LEN, LogId};

/// How often a batch is tried anew that another process was faster than.
pub(super) const MAX_TRIES: u32 = 100;

/// The steps of a batch before the entries: the barrier, and the head.
pub(super) const HEAD_STEP: usize = 1;

impl Audit {
    /// Appends an event to the log it belongs to: that of its tenant, or the service's, where a failure
    /// of a tenant goes who has no log yet. It is there, durably, when this returns its number. Events that wait at the same time are committed
    /// together, by one of those who wait: poll this to its end, or drop it. Dropped, the event may
    /// have been recorded, or not; the others are seen to by the next of them.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on, or others write without end:
    /// then it may have been recorded, or not; `Corrupt` if the log is not what was written;
    /// `Misuse` for an event of more than 64 KiB, and for an action that begins with `audit.`, which
    /// are a log's own.
    pub async fn append(&self, event: Event) -> Result<u64> {
        self.append_event(&event).await
    }

    /// [`Audit::append`].
    pub(super) async fn append_event(&self, event: &Event) -> Result<u64> {
        check_action(event)?;
        let of = self.log_of(event).await?;
        let entry = Entry::of(event, event.at);
        self.append_entry(&of, entry, self.0.class.clone()).await
    }

    /// The log that an event belongs to. What failed makes no log of a tenant: the name may be one
    /// that a stranger made up, and is on record with the service then.
    pub(super) async fn log_of(&self, event: &Event) -> Result<Of> {
        let of = Of::event(event);
        let failed = matches!(event.outcome, Outcome::Failed(..));
        if of == Of::Service || !failed || self.has_lane(&of) {
            return Ok(of);
        }
        let head = self.0.store.fetch(&of.key(HEADS)).await?;
        Ok(if head.is_some() { of } else { Of::Service })
    }

    /// [`Audit::append`], of an entry of any class.
    pub(super) async fn append_entry(&self, of: &Of, entry: Entry, class: Class) -> Result<u64> {
        // Refused before it waits: it would take others of its batch with it.
        let (waiting, mut hears) = self.waiting(entry, class)?;
        let lane = self.lane(of);
        lane.wait(waiting);
        self.told(of, &lane, &mut hears).await
    }

    /// Waits for what an entry is told that waits, and commits when it is its turn.
    pub(super) async fn told(&self, of: &Of, lane: &Lane, hears: &mut Hears) -> Result<u64> {
        loop {
            // Whoever commits for it tells it; or it is its turn.
            let mut turn = pin!(lane.turn.lock());
            let turn = poll_fn(|cx| {
                if let Poll::Ready(told) = Pin::new(&mut *hears).poll(cx) {
                    return Poll::Ready(Err(told.unwrap_or_else(|_| Err(dropped()))));
                }
                turn.as_mut().poll(cx).map(Ok)
            });
            let mut turn = match turn.await {
                Ok(turn) => turn,
                Err(told) => return told,
            };
            match hears.try_recv() {
                Ok(told) => return told,
                Err(TryRecvError::Closed) => return Err(dropped()),
                Err(TryRecvError::Empty) => {}
            }
            // Boxed, so that whoever only waits is small.
            Box::pin(self.commit_waiting(of, lane, &mut turn)).await;
        }
    }

    /// Commits what waits, and tells whoever waits for it.
    async fn commit_waiting(&self, of: &Of, lane: &Lane, turn: &mut Turn) {
        turn.begin(|| lane.take());
        let first = self.commit(of, turn).await;
        if first.is_err() {
            // Whatever it was, what is known may be old.
            turn.known = None;
        }
        turn.tried.clear();
        for (one, nth) in std::mem::take(&mut turn.batch).into_iter().zip(0_u64..) {
            let Waiting { told, with, .. } = one;
            if let (Err(_), Some(with)) = (&first, with) {
                with.give_up();
            }
            let seq = first.as_ref().map(|first| first.saturating_add(nth));
            // Whoever does not wait any more is told nothing.
            let _unheard = told.send(seq.map_err(same));
        }
    }

    /// Appends the events of a turn to one log; gives the number of the first.
    async fn commit(&self, of: &Of, turn: &mut Turn) -> Result<u64> {
        let Fence {
            mut barrier,
            mut era,
        } = self.fence(false).await?;
        let mut marker = None;
        for _ in 0..MAX_TRIES {
            let mut now = match turn.known.take() {
                Some(now) => now,
                None => self.read_head(of).await?,
            };
            let first = now.head.size();
            if let Some(first) = self.landed(of, &now.head, &mut turn.tried).await? {
                turn.known = Some(now);
                return Ok(first);
            }
            if now.version.is_none() {
                now.head.era = era;
            } else if now.head.era != era && self.go_on_from(of, &now).await? {
                // What was not answered cannot come any more.
                turn.tried.clear();
                continue;
            }
            let (version, marked) = (now.version, now.head.marked);
            let (grown, entries) = self.grown(now, &turn.batch)?;
            let mac = self.mac(&barrier).await?;
            let mut steps = vec![
                Step::Write(barrier.require()),
                Step::Write(put(of, &grown.head, version, &mac)),
            ];
            steps.extend((!marked).then(|| Step::Write(mark(of, &grown.head.log, marker))));
            steps.push(Step::Append {
                log: of.entries(&grown.head),
                expected: first,
                entries,
            });
            turn.tried.extend(tried(first, &steps));
            let committed = self.0.store.commit(steps).await;
            // It was answered.
            turn.tried.pop();
            match committed? {
                Committed::Done(done) => {
                    let version = done.get(HEAD_STEP).and_then(|step| match step {
                        Stepped::Written(version) => *version,
                        _ => None,
                    });
                    // Without a version, the head is read anew the next time.
                    turn.known = version.map(|version| Known {
                        version: Some(version),
                        ..grown
                    });
                    return Ok(first);
                }
                Committed::Refused {
                    because: Refusal::Append { head },
                    ..
                } => return Err(off(head, first)),
                // The barrier moved.
                Committed::Refused { index, .. } if index < HEAD_STEP => {
                    Fence { barrier, era } = self.fence(true).await?;
                }
                // Another was faster; or there is a mark that nobody of us made.
                Committed::Refused { index, .. } if index > HEAD_STEP => {
                    let found = self.0.store.fetch(&of.key(CHANGED)).await?;
                    marker = found.map(|found| found.version);
                }
                _ => {}
            }
        }
        Err(contended())
    }

    /// Whether one of the batches is in the log that whoever committed them was not there to see:
    /// the number of its first entry. Those that cannot come any more are forgotten.
    async fn landed(&self, of: &Of, head: &Head, tried: &mut Vec<Tried>) -> Result<Option<u64>> {
        let mut may_come = Vec::new();
        for one in std::mem::take(tried) {
            if one.first >= head.size() {
                may_come.push(one);
                continue;
            }
            let page = self.0.store.read(&of.entries(head), one.first, 1).await;
            // Put back first: what failed is asked again.
            let Ok(page) = page else {
                may_come.push(one);
                *tried = may_come;
                return page.map(|_| None);
            };
            let bytes = page.items.first().and_then(|entry| entry.bytes.as_ref());
            if bytes.is_some_and(|bytes| bytes.starts_with(&one.leaf)) {
                return Ok(Some(one.first));
            }
        }
        *tried = may_come;
        Ok(None)
    }

    /// The head with these events, and the entries.
    pub(super) fn grown(&self, now: Known, events: &[Waiting]) -> Result<(Known, Vec<Vec<u8>>)> {
        let Known {
            mut head,
            version,
            mut open,
        } = now;
        let mut entries = Vec::with_capacity(events.len());
        for one in events {
            open.note(head.size(), one);
            entries.push(self.put_down(&mut head, one.at, &one.draft, &one.class)?);
        }
        head.settle(open.settled(head.size()));
        head.marked = true;
        let known = Known {
            head,
            version,
            open,
        };
        Ok((known, entries))
    }

    /// The key that MACs heads, as the barrier wants it: from the ring, read anew if this process
    /// knows an older one.
    pub(super) async fn mac(&self, barrier: &Barrier) -> Result<MacHandle> {
        let (keyring, purpose) = (&self.0.keyring, &self.0.purpose);
        let fits = |mac: &MacHandle| mac.promoted_epoch() >= barrier.promoted_epoch();
        let mac = keyring.mac(purpose)?;
        if fits(&mac) {
            return Ok(mac);
        }
        keyring.refresh().await?;
        let mac = keyring.mac(purpose)?;
        if fits(&mac) {
            return Ok(mac);
        }
        Err(Error::unavailable(
            "the barrier of audit logs is ahead of the keyring: an older keyring was put back; restore the newest, or rotate",
        ))
    }

    /// The head of a log, as it lies in the store; that of a new log, if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is not what was written, or if there are entries and no head.
    pub(super) async fn read_head(&self, of: &Of) -> Result<Known> {
        let (key, store) = (of.key(HEADS), &self.0.store);
        let mut record = store.fetch(&key).await?;
        if record.is_none() && of.whose() == of {
            let entries = store.head(&of.key(ENTRIES)).await?;
            if entries > 0 {
                // Another process may have begun the log meanwhile: the head came with the entries.
                record = store.fetch(&key).await?;
                if record.is_none() {
                    return Err(off(entries, 0));
                }
            }
        }
        if let Some(record) = record {
            return self.known(of, &record).await;
        }
        let mut log: LogId = [0; 16];
        self.0.keyring.provider().fill(&mut log)?;
        let head = Head::new(log);
        Ok(Known {
            open: Open::found(&head),
            head,
            version: None,
        })
    }

    /// The head that a record holds.
    ///
    /// # Errors
    /// `Corrupt` if it is not what was written.
    pub(super) async fn known(&self, of: &Of, record: &Record) -> Result<Known> {
        let (keyring, purpose) = (&self.0.keyring, &self.0.purpose);
        let find = |id| keyring.find_mac(purpose, KeyId::from_bytes(id));
        let head = Head::open(of.place(), &record.content.data, find).await?;
        // One that ended stands for no log that goes on.
        let fits = match of {
            Of::Earlier(earlier) => head.ended && head.log == *earlier.log(),
            _ => !head.ended,
        };
        if !fits {
            return Err(Error::corrupt(
                "the head of an audit log lies where that of another belongs: older rows were put back",
            ));
        }
        Ok(Known {
            open: Open::found(&head),
            head,
            version: Some(record.version),
        })
    }
}

/// The write of a head, in the place of the one of that version.
pub(super) fn put(of: &Of, head: &Head, version: Option<Version>, mac: &MacHandle) -> Write {
    let content = Content {
        data: head.seal(of.place(), mac),
        mac_key: mac.tag(),
        ..Content::default()
    };
    let key = of.key(HEADS);
    match version {
        Some(version) => Write::Swap {
            key,
            version,
            content,
        },
        None => Write::Insert { key, content },
    }
}

/// The write of the mark that this log grew, where one was found of that version or none. It names
/// the log, so that it can go with the loss of that one; nothing else is taken from it.
pub(super) fn mark(of: &Of, log: &LogId, found: Option<Version>) -> Write {
    let content = Content {
        data: log.to_vec(),
        ..Content::default()
    };
    Write::put(of.key(CHANGED), found, content)
}

/// What is remembered of a batch until it is answered.
fn tried(first: u64, steps: &[Step]) -> Option<Tried> {
    let entry = steps.iter().find_map(|step| match step {
        Step::Append { entries, .. } => entries.first(),
        _ => None,
    });
    let leaf = entry?.get(..LEN)?.to_vec();
    Some(Tried { first, leaf })
}

/// The log has another number of entries than its head says.
pub(super) fn off(entries: u64, head: u64) -> Error {
    Error::corrupt(format!(
        "an audit log has {entries} entries where its head vouches for {head}: it was edited; `keyward doctor` says which log"
    ))
}

/// The same failure for each that waited.
fn same(e: &Error) -> Error {
    let again = match e.kind() {
        keyward_base::ErrorKind::Corrupt => Error::corrupt(e.to_string()),
        keyward_base::ErrorKind::Misuse => Error::misuse(e.to_string()),
        keyward_base::ErrorKind::Rejected => {
            Error::rejected(e.reason().unwrap_or(keyward_base::Reason::MALFORMED))
        }
        _ => Error::unavailable(e.to_string()),
    };
    match e.reason() {
        Some(reason) => again.because(reason),
        None => again,
    }
}
