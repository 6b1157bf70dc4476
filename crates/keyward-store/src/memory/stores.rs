//! Batches over several stores in memory.

use keyward_base::{BoxFuture, Result, Timestamp};

use super::once::Held;
use super::{MemoryStore, State, full, records, spot};
use crate::limits::StoreLimits;
use crate::once::{Begun, Claim, Finished};
use crate::record::RecordKey;
use crate::stores::{Committed, Refusal, Step, Stepped, Stores};

/// What puts one step back.
enum Undo {
    Claim(RecordKey, Option<Held>),
    Erased(RecordKey, Vec<(usize, Vec<u8>)>),
    Log(RecordKey, usize),
    Record(records::Undo),
}

impl State {
    fn step(
        &mut self,
        capacity: usize,
        step: Step,
        undo: &mut Vec<Undo>,
    ) -> Result<Result<Stepped, Refusal>> {
        match step {
            Step::Append {
                log,
                expected,
                entries,
            } => {
                let all = self.logs.entry(log.clone()).or_default();
                let length = all.len();
                let head = u64::try_from(length).unwrap_or(u64::MAX);
                if head != expected {
                    return Ok(Err(Refusal::Append { head }));
                }
                self.entries = self.entries.saturating_add(entries.len());
                all.extend(entries.into_iter().map(Some));
                let head = u64::try_from(all.len()).unwrap_or(u64::MAX);
                undo.push(Undo::Log(log, length));
                Ok(Ok(Stepped::Appended { head }))
            }
            Step::Begin { key, claim, now } => {
                let before = self.held(&key);
                match self.begin(capacity, &key, claim, now)? {
                    Begun::Lease(token) => {
                        undo.push(Undo::Claim(key, before));
                        Ok(Ok(Stepped::Begun(token)))
                    }
                    other => Ok(Err(Refusal::Begin(other))),
                }
            }
            Step::Complete {
                key,
                digest,
                result,
                keep_until,
                now,
            } => {
                let before = self.held(&key);
                let claim = Claim::whole(digest, keep_until);
                let token = match self.begin(capacity, &key, claim, now)? {
                    Begun::Lease(token) => token,
                    other => return Ok(Err(Refusal::Begin(other))),
                };
                undo.push(Undo::Claim(key.clone(), before));
                match self.finish(&key, token, &result, keep_until) {
                    Finished::Lost => Ok(Err(Refusal::Finish)),
                    Finished::Recorded => Ok(Ok(Stepped::Finished)),
                }
            }
            Step::EraseEntries {
                log,
                from,
                until,
                keep,
            } => {
                let erased = self.erase_entries(&log, from..until, keep);
                let count = u64::try_from(erased.len()).unwrap_or(u64::MAX);
                undo.push(Undo::Erased(log, erased));
                Ok(Ok(Stepped::Erased { count }))
            }
            Step::Finish {
                key,
                token,
                result,
                keep_until,
            } => {
                let before = self.held(&key);
                match self.finish(&key, token, &result, keep_until) {
                    Finished::Lost => Ok(Err(Refusal::Finish)),
                    Finished::Recorded => {
                        undo.push(Undo::Claim(key, before));
                        Ok(Ok(Stepped::Finished))
                    }
                }
            }
            Step::Write(write) => {
                let mut written = Vec::new();
                let version = self.write(write, &mut written)?;
                undo.extend(written.into_iter().map(Undo::Record));
                Ok(version.map(Stepped::Written).ok_or(Refusal::Write))
            }
        }
    }

    fn steps(
        &mut self,
        capacity: usize,
        steps: Vec<Step>,
        undo: &mut Vec<Undo>,
    ) -> Result<Committed> {
        let mut done = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            match self.step(capacity, step, undo)? {
                Ok(stepped) => done.push(stepped),
                Err(because) => return Ok(Committed::Refused { index, because }),
            }
        }
        if self.entries > capacity {
            return Err(full());
        }
        Ok(Committed::Done(done))
    }

    fn held(&self, key: &RecordKey) -> Option<Held> {
        self.claims.get(&key.collection)?.get(&spot(key)).cloned()
    }

    fn put_back(&mut self, undo: Undo) {
        match undo {
            Undo::Claim(key, before) => {
                self.hold(&key, before);
            }
            Undo::Erased(log, before) => {
                let mut all = self.logs.get_mut(&log);
                for (at, bytes) in before {
                    if let Some(entry) = all.as_mut().and_then(|all| all.get_mut(at)) {
                        *entry = Some(bytes);
                    }
                }
            }
            Undo::Log(log, length) => {
                if let Some(all) = self.logs.get_mut(&log) {
                    let more = all.len().saturating_sub(length);
                    all.truncate(length);
                    self.entries = self.entries.saturating_sub(more);
                }
            }
            Undo::Record((key, before)) => {
                self.put(&key, before);
            }
        }
    }
}

impl Stores for MemoryStore {
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>> {
        Box::pin(async move {
            StoreLimits::check_steps(&steps)?;
            let mut state = self.state();
            let mut undo = Vec::new();
            let committed = state.steps(self.capacity, steps, &mut undo);
            if !matches!(committed, Ok(Committed::Done(_))) {
                for undo in undo.into_iter().rev() {
                    state.put_back(undo);
                }
            }
            committed
        })
    }

    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        Box::pin(async { Ok(None) })
    }
}
