//! What is set of a log, in a record beside its head: the head has its digest, and both are written
//! in one batch with the entry that says so. So no hold is lifted and no rule changed by who writes
//! to the store, and whatever erases requires the record at the version that it read.

use keyward_base::audit::Outcome;
use keyward_base::{Error, Event, Result};
use keyward_store::{Committed, Content, RecordKey, Step, Version, Write};

use super::append::{mark, put};
use super::lane::Known;
use super::{Audit, CHANGED, Fence, OWN_CLASS, Of, STATES, contended};
use crate::entry::{Entry, Number, Typed};
use crate::erased::Rule;
use crate::keep::{Hold, HoldName, Keep, MAX_HOLDS, State};
use crate::leaf::Class;

/// What the record of a hold that was set is called.
pub const HOLD: &str = "audit.hold";

/// What the record of rules of retention that were set is called.
pub const KEEP: &str = "audit.keep";

/// What the record of a hold that was lifted is called.
pub const LIFT: &str = "audit.lift";

/// What the record of an erasure is called that is not gone on with, since the rules that it went by
/// are others now.
pub const STOP: &str = "audit.stop";

/// How often a change is tried anew that another write was faster than.
const MAX_TRIES: u32 = 100;

/// What was read of a log: its head, what is set of it, and the version of the record of that.
pub(super) struct Found {
    pub(super) known: Known,
    pub(super) state: State,
    pub(super) version: Option<Version>,
}

impl Found {
    /// That it is still so.
    pub(super) fn require(&self, of: &Of) -> Step {
        Step::Write(Write::Require {
            key: of.whose().key(STATES),
            version: self.version,
        })
    }
}

/// A change of what is set, and what the log says of it.
pub(super) struct Change {
    pub(super) state: State,
    /// None: the log says nothing of it.
    pub(super) entry: Option<Entry>,
    /// What else must be so for it.
    pub(super) requires: Vec<Step>,
}

impl Audit {
    /// Sets a legal hold on a log: from then on nothing of it is erased, by a rule or by hand, until
    /// the hold is lifted. An erasure that goes on is stopped. The log says so, and once this returns
    /// the root log and every anchor have it: no older database that is put back lifts it unseen.
    /// Gives whether there was none of that name.
    ///
    /// # Errors
    /// `Misuse` if nothing was ever recorded in the log, or it has [`MAX_HOLDS`] holds; `Corrupt` if
    /// the log is not what was written; `Unavailable` if the store or the keyring cannot be relied
    /// on, or an anchor cannot be written: then it may be set, or not, and can be set again.
    pub async fn hold(&self, of: &Of, name: &HoldName) -> Result<bool> {
        let now = self.0.keyring.clock().now()?;
        let make = |found: &Found| {
            let mut state = found.state.clone();
            let Err(at) = state.holds.binary_search_by(|hold| hold.name.cmp(name)) else {
                return Ok(None);
            };
            if found.known.version.is_none() {
                return Err(nothing_recorded());
            }
            if state.holds.len() >= MAX_HOLDS {
                return Err(Error::misuse("a log has at most 32 legal holds"));
            }
            let hold = Hold {
                name: name.clone(),
                since: now,
            };
            state.holds.insert(at, hold);
            let mut entry = self.own_entry(HOLD)?;
            entry.detail.push(word("name", name.as_str()));
            stop(&mut state, &mut entry);
            Ok(Some(Change::said(state, entry)))
        };
        let set = self.change(of, make).await?.is_some();
        self.stands(of).await?;
        Ok(set)
    }

    /// Lifts a hold. The log says so. Gives whether there was one of that name.
    ///
    /// # Errors
    /// As [`Audit::hold`].
    pub async fn lift(&self, of: &Of, name: &HoldName) -> Result<bool> {
        let make = |found: &Found| {
            let mut state = found.state.clone();
            let Ok(at) = state.holds.binary_search_by(|hold| hold.name.cmp(name)) else {
                return Ok(None);
            };
            state.holds.remove(at);
            let mut entry = self.own_entry(LIFT)?;
            entry.detail.push(word("name", name.as_str()));
            Ok(Some(Change::said(state, entry)))
        };
        let lifted = self.change(of, make).await?;
        self.0.sweep.lock().await.again();
        Ok(lifted.is_some())
    }

    /// The holds of a log, in the order of their names.
    ///
    /// # Errors
    /// `Corrupt` if the log is not what was written; `Unavailable` if the store or the keyring
    /// cannot be relied on.
    pub async fn holds(&self, of: &Of) -> Result<Vec<Hold>> {
        Ok(self.found(of).await?.state.holds)
    }

    /// What is set of a log of how long it keeps entries. That of [`Of::Service`] is for all logs.
    ///
    /// # Errors
    /// As [`Audit::holds`].
    pub async fn keeps(&self, of: &Of) -> Result<Vec<Keep>> {
        Ok(self.found(of).await?.state.keeps)
    }

    /// Sets how long a log keeps entries, in place of what was set: see [`Keep::rules`]. That of
    /// [`Of::Service`] is for all logs. The log says so, and once this returns the root log and every
    /// anchor have it. Gives whether that is a change.
    ///
    /// # Errors
    /// As [`Audit::hold`], and [`Keep::check`].
    pub async fn keep(&self, of: &Of, keeps: &[Keep]) -> Result<bool> {
        self.keep_as(of, |_| keeps.to_vec()).await
    }

    /// Sets how long a log keeps entries of a class, or those that no other rule is about (none);
    /// `set` none: there is no rule about them any more. Whatever others set at the same time stays.
    /// Gives whether that is a change.
    ///
    /// # Errors
    /// As [`Audit::keep`].
    pub async fn keep_class(
        &self,
        of: &Of,
        class: Option<&Class>,
        set: Option<Option<u32>>,
    ) -> Result<bool> {
        self.keep_as(of, |keeps| {
            let mut keeps = keeps.to_vec();
            let is_of = |keep: &Keep| keep.class.as_ref() == class;
            match (set, keeps.iter_mut().find(|keep| is_of(keep))) {
                // In its place: their order says nothing.
                (Some(days), Some(keep)) => keep.days = days,
                (Some(days), None) => {
                    let class = class.cloned();
                    keeps.push(Keep { class, days });
                }
                (None, _) => keeps.retain(|keep| !is_of(keep)),
            }
            keeps
        })
        .await
    }

    /// Sets what `to` makes of what is set.
    async fn keep_as(
        &self,
        of: &Of,
        to: impl Fn(&[Keep]) -> Vec<Keep> + Send + Sync,
    ) -> Result<bool> {
        let make = |found: &Found| {
            let keeps = to(&found.state.keeps);
            Keep::check(&keeps)?;
            if found.state.keeps == keeps {
                return Ok(None);
            }
            if found.known.version.is_none() && *of != Of::Service {
                return Err(nothing_recorded());
            }
            let mut state = found.state.clone();
            let mut entry = self.own_entry(KEEP)?;
            for keep in &keeps {
                let class = keep.class.as_ref().map_or("*", Class::as_str);
                let days = match keep.days {
                    Some(days) => Typed::Number(Number(days.into())),
                    None => Typed::Word("for-good".to_owned()),
                };
                entry.detail.push((class.to_owned(), days));
            }
            state.keeps = keeps;
            stop(&mut state, &mut entry);
            Ok(Some(Change::said(state, entry)))
        };
        let kept = self.change(of, make).await?;
        self.0.sweep.lock().await.again();
        self.stands(of).await?;
        Ok(kept.is_some())
    }

    /// Has the root log and every anchor take what was set.
    async fn stands(&self, of: &Of) -> Result<()> {
        self.checkpoint_beside(of).await.map(|_| ())
    }

    /// What is erased now of a log by what is set.
    ///
    /// # Errors
    /// As [`Audit::holds`].
    pub async fn rules(&self, of: &Of) -> Result<Vec<Rule>> {
        let terms = self.terms(of, self.0.keyring.clock().now()?).await?;
        Ok(terms.due(&self.found(of).await?))
    }

    /// The head of a log and what is set of it, which the head vouches for.
    ///
    /// # Errors
    /// `Corrupt` if one is not what was written.
    pub(super) async fn found(&self, of: &Of) -> Result<Found> {
        let mut before = None;
        for _ in 0..MAX_TRIES {
            let known = self.read_head(of.whose()).await?;
            let record = self.0.store.fetch(&of.whose().key(STATES)).await?;
            let data = record.as_ref().map(|record| record.content.data.as_slice());
            if self.digest(data) == known.head.state {
                let state = data.map(State::parse).transpose()?;
                return Ok(Found {
                    known,
                    state: state.unwrap_or_default(),
                    version: record.map(|record| record.version),
                });
            }
            // Both may have been written between the two reads; not twice with the same head.
            if before.replace(known.version) == Some(known.version) {
                return Err(Error::corrupt(
                    "the holds and rules of an audit log are not those that its head vouches for: nothing of it is erased; `keyward doctor` says which log",
                ));
            }
        }
        Err(contended())
    }

    /// What a head has of this state.
    pub(super) fn digest(&self, data: Option<&[u8]>) -> [u8; 32] {
        let provider = self.0.keyring.provider();
        data.map_or([0; 32], |data| provider.sha256(&[data]))
    }

    /// Changes what is set of a log as `make` says, and has the log say so, in one batch. Gives how
    /// many entries the log had before: the number of the one that says so. None without a change.
    pub(super) async fn change(
        &self,
        of: &Of,
        make: impl Fn(&Found) -> Result<Option<Change>> + Send,
    ) -> Result<Option<u64>> {
        if matches!(of, Of::Root | Of::Earlier(_)) {
            return Err(Error::misuse(
                "holds and times to keep are set of a tenant's log or of the service's, not of the root log or of one that ended",
            ));
        }
        let lane = self.lane(of);
        // Whoever appends here waits meanwhile, and reads the head anew.
        let mut turn = lane.turn.lock().await;
        turn.known = None;
        let Fence {
            mut barrier,
            mut era,
        } = self.fence(false).await?;
        // Of a log that is lost a mark may be left, and some changes are made once, without a second
        // try. One that cannot be read refuses the batch.
        let left = self.0.store.fetch(&of.key(CHANGED)).await.ok().flatten();
        let mut marker = left.map(|left| left.version);
        for _ in 0..MAX_TRIES {
            let mut found = self.found(of).await?;
            if found.known.version.is_none() {
                found.known.head.era = era;
            } else if found.known.head.era != era && self.go_on_from(of, &found.known).await? {
                continue;
            }
            let Some(change) = make(&found)? else {
                return Ok(None);
            };
            let Found { known, version, .. } = found;
            // Once there is a record, it stays, though nothing is set any more: so a version of it
            // is never that of another time.
            let has_one = version.is_some() || change.state != State::default();
            let text = has_one.then(|| change.state.text()).transpose()?;
            let text = text.map(String::into_bytes);
            let (head_version, first) = (known.version, known.head.size());
            let marked = known.head.marked;
            // Nobody waits for it.
            let unheard = |entry| {
                let (waiting, _) = self.waiting(entry, Class::new(OWN_CLASS)?)?;
                Ok::<_, Error>(waiting)
            };
            let waiting = change.entry.map(unheard).transpose()?;
            let (mut grown, entries) = self.grown(known, waiting.as_slice())?;
            grown.head.state = self.digest(text.as_deref());
            // Where no entry comes, the log does not grow.
            grown.head.marked = marked || !entries.is_empty();
            let mac = self.mac(&barrier).await?;
            let mut steps = vec![
                Step::Write(barrier.require()),
                Step::Write(put(of, &grown.head, head_version, &mac)),
            ];
            let marks = grown.head.marked && !marked;
            steps.extend(marks.then(|| Step::Write(mark(of, &grown.head.log, marker))));
            steps.push(Step::Write(write(of.key(STATES), version, text)));
            if !entries.is_empty() {
                steps.push(Step::Append {
                    log: of.entries(&grown.head),
                    expected: first,
                    entries,
                });
            }
            steps.extend(change.requires);
            match self.0.store.commit(steps).await? {
                Committed::Done(_) => return Ok(Some(first)),
                Committed::Refused { index: 0, .. } => {
                    Fence { barrier, era } = self.fence(true).await?;
                }
                // Another was faster; or there is a mark that nobody of us made.
                _ => {
                    let found = self.0.store.fetch(&of.key(CHANGED)).await?;
                    marker = found.map(|found| found.version);
                }
            }
        }
        Err(contended())
    }

    /// An entry that the log makes of itself.
    pub(super) fn own_entry(&self, action: &'static str) -> Result<Entry> {
        let now = self.0.keyring.clock().now()?;
        let mut event = Event::new(now, action, Outcome::Done);
        event.actor.clone_from(&self.1);
        Ok(Entry::of(&event, now))
    }
}

impl Change {
    /// One that the log says.
    pub(super) const fn said(state: State, entry: Entry) -> Self {
        Self {
            state,
            entry: Some(entry),
            requires: Vec::new(),
        }
    }
}

/// Stops the erasures that go on, and has the entry say which.
pub(super) fn stop(state: &mut State, entry: &mut Entry) {
    for erasing in std::mem::take(&mut state.erasing) {
        let record = Typed::Number(Number(erasing.record));
        entry.detail.push(("stops".to_owned(), record));
    }
}

pub(super) fn word(name: &str, word: &str) -> (String, Typed) {
    (name.to_owned(), Typed::Word(word.to_owned()))
}

/// The write that makes the record this one, or has none stay none.
pub(super) fn write(key: RecordKey, version: Option<Version>, data: Option<Vec<u8>>) -> Write {
    let Some(data) = data else {
        return Write::Require { key, version };
    };
    let content = Content {
        data,
        ..Content::default()
    };
    Write::put(key, version, content)
}

fn nothing_recorded() -> Error {
    Error::misuse("nothing was ever recorded in that log: is the tenant the right one?")
}
