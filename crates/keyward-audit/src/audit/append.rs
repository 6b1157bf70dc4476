//! Appending: the entries and the head in one batch.

use keyward_base::{Error, Event, KeyId, Result, Timestamp};
use keyward_keys::Barrier;
use keyward_store::{Committed, Content, Refusal, Step, Stepped, Write};
use tokio::sync::oneshot::error::TryRecvError;

use super::lane::{Known, Lane, Waiting, dropped};
use super::{Audit, ENTRIES, HEADS, Of, contended};
use crate::entry::{Entry, MAX_LEN};
use crate::head::Head;
use crate::leaf::{Class, Header, Leaf, LogId};
use crate::tree::leaf;

/// How often a batch is tried anew that another process was faster than.
const MAX_TRIES: u32 = 100;

/// What the actions of a log itself begin with.
const OWN: &str = "audit.";

/// The most bytes of a text that waits: it grows by what says how far the clock went back.
const MAX_TEXT: usize = MAX_LEN - 64;

/// The steps of a batch before the entries: the barrier, and the head.
const HEAD_STEP: usize = 1;

impl Audit {
    /// Appends an event to the log it belongs to: that of its tenant, or the service's. It is there,
    /// durably, when this returns its number. Events that wait at the same time are committed
    /// together.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on, or others write without end:
    /// then it may have been recorded, or not; `Corrupt` if the log is not what was written;
    /// `Misuse` for an event of more than 64 KiB, and for an action that begins with `audit.`, which
    /// are a log's own.
    pub async fn append(&self, event: Event) -> Result<u64> {
        if event.action.starts_with(OWN) {
            return Err(Error::misuse(
                "actions of audit. are those of the log itself",
            ));
        }
        let of = Of::event(&event);
        let entry = Entry::of(&event, event.at);
        self.append_entry(&of, entry, self.0.class.clone()).await
    }

    /// [`Audit::append`], of an entry of any class.
    pub(super) async fn append_entry(&self, of: &Of, entry: Entry, class: Class) -> Result<u64> {
        // Refused before it waits: it would take others of its batch with it.
        let text = entry.text()?;
        if text.len() > MAX_TEXT {
            return Err(Error::misuse("an event has more than 64 KiB"));
        }
        let lane = self.lane(of);
        let mut hears = lane.wait(entry, text, class);
        loop {
            let mut turn = lane.turn.lock().await;
            match hears.try_recv() {
                Ok(told) => return told,
                Err(TryRecvError::Closed) => return Err(dropped()),
                Err(TryRecvError::Empty) => {}
            }
            self.commit_waiting(of, &lane, &mut turn).await;
        }
    }

    /// Commits what waits, and tells whoever waits for it.
    async fn commit_waiting(&self, of: &Of, lane: &Lane, known: &mut Option<Known>) {
        let waiting = lane.take();
        let first = self.commit(of, &waiting, known).await;
        if first.is_err() {
            // Whatever it was, what is known may be old.
            *known = None;
        }
        for (one, nth) in waiting.into_iter().zip(0_u64..) {
            let Waiting { told, .. } = one;
            let seq = first.as_ref().map(|first| first.saturating_add(nth));
            // Whoever does not wait any more is told nothing.
            let _unheard = told.send(seq.map_err(same));
        }
    }

    /// Appends these events to one log; gives the number of the first.
    async fn commit(&self, of: &Of, events: &[Waiting], known: &mut Option<Known>) -> Result<u64> {
        let mut barrier = self.barrier(false).await?;
        for _ in 0..MAX_TRIES {
            let now = match known.take() {
                Some(now) => now,
                None => self.read_head(of).await?,
            };
            let first = now.head.size();
            let (head, entries) = self.grown(&now.head, events)?;
            let head_step = Step::Write(self.put(of, &head, &now, &barrier)?);
            let steps = vec![
                Step::Write(barrier.require()),
                head_step,
                Step::Append {
                    log: of.key(ENTRIES),
                    expected: first,
                    entries,
                },
            ];
            match self.0.store.commit(steps).await? {
                Committed::Done(done) => {
                    let version = done.get(HEAD_STEP).and_then(|step| match step {
                        Stepped::Written(version) => *version,
                        _ => None,
                    });
                    // Without a version, the head is read anew the next time.
                    *known = version.map(|version| Known {
                        head,
                        version: Some(version),
                    });
                    return Ok(first);
                }
                Committed::Refused {
                    because: Refusal::Append { head },
                    ..
                } => return Err(off(head, first)),
                // The barrier moved.
                Committed::Refused { index, .. } if index < HEAD_STEP => {
                    barrier = self.barrier(true).await?;
                }
                // Another was faster.
                _ => {}
            }
        }
        Err(contended())
    }

    /// The head with these events, and the entries.
    fn grown(&self, head: &Head, events: &[Waiting]) -> Result<(Head, Vec<Vec<u8>>)> {
        let provider = self.0.keyring.provider();
        let mut head = head.clone();
        let mut entries = Vec::with_capacity(events.len());
        for Waiting {
            entry, text, class, ..
        } in events
        {
            let at = Timestamp::from_millis(entry.at.0);
            let late = (at < head.latest).then(|| entry.clone().after(head.latest).text());
            let late = late.transpose()?;
            let text = late.as_ref().unwrap_or(text);
            head.latest = head.latest.max(at);
            let header = Header {
                log: head.log,
                day: Header::day_of(head.latest),
                class: class.clone(),
            };
            let salt = Leaf::salt(provider)?;
            let mut bytes = Leaf::of(provider, header, &salt, text).bytes();
            head.tree.push(provider, leaf(provider, &bytes), |_| ())?;
            bytes.extend_from_slice(&salt);
            bytes.extend_from_slice(text.as_bytes());
            entries.push(bytes);
        }
        Ok((head, entries))
    }

    /// The write of a head, in the place of the one that is known.
    fn put(&self, of: &Of, head: &Head, now: &Known, barrier: &Barrier) -> Result<Write> {
        let mac = self.0.keyring.mac(&self.0.purpose)?;
        if mac.promoted_epoch() < barrier.promoted_epoch() {
            return Err(Error::unavailable(
                "this process knows an older key than audit logs are to be under: try again",
            ));
        }
        let content = Content {
            data: head.seal(of.owner(), &mac),
            mac_key: mac.tag(),
            ..Content::default()
        };
        let key = of.key(HEADS);
        Ok(match now.version {
            Some(version) => Write::Swap {
                key,
                version,
                content,
            },
            None => Write::Insert { key, content },
        })
    }

    /// The head of a log, as it lies in the store; that of a new log, if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is not what was written, or if there are entries and no head.
    pub(super) async fn read_head(&self, of: &Of) -> Result<Known> {
        let (key, store) = (of.key(HEADS), &self.0.store);
        let Some(record) = store.fetch(&key).await? else {
            let entries = store.head(&of.key(ENTRIES)).await?;
            if entries > 0 {
                return Err(off(entries, 0));
            }
            let mut log: LogId = [0; 16];
            self.0.keyring.provider().fill(&mut log)?;
            return Ok(Known {
                head: Head::new(log),
                version: None,
            });
        };
        let (keyring, purpose) = (&self.0.keyring, &self.0.purpose);
        let find = |id| keyring.find_mac(purpose, KeyId::from_bytes(id));
        Ok(Known {
            head: Head::open(of.owner(), &record.content.data, find).await?,
            version: Some(record.version),
        })
    }
}

/// The log has another number of entries than its head says.
fn off(entries: u64, head: u64) -> Error {
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
