//! Entries and the writes that they tell of, in one step.

use keyward_base::{Result, Tenant};
use keyward_store::{Committed, Refusal, Step, Stepped, Stores, Write};

use super::append::{HEAD_STEP, MAX_TRIES, mark, off, put};
use super::lane::{Known, Turn, Waiting};
use super::{Audit, CHANGED, Fence, Of, contended};
use crate::kinds::OwnEvent;

impl Audit {
    /// The store that the logs lie in: what is written beside an entry lies in it too.
    #[must_use]
    pub fn store(&self) -> &std::sync::Arc<dyn Stores> {
        &self.0.store
    }

    /// Appends events to the log of a tenant, in their order, and makes writes in the same step: all
    /// of it is done, durably, or nothing is. So no write is without its entries, no entry without
    /// what it tells of, and none is there twice, whenever a process ends. `beside` gives the writes
    /// when it is told the number that the first event has; it may be asked again, with another.
    ///
    /// None if a condition of the writes did not hold: nothing was done then.
    ///
    /// # Errors
    /// As [`Audit::append`], and what `beside` fails with. After `Unavailable` all of it was done, or
    /// nothing: read the record that was to be written.
    pub async fn append_beside<F>(
        &self,
        tenant: &Tenant,
        events: Vec<OwnEvent>,
        beside: F,
    ) -> Result<Option<u64>>
    where
        F: Fn(u64) -> Result<Vec<Write>> + Send + Sync,
    {
        let of = Of::Tenant(tenant.clone());
        let now = self.0.keyring.clock().now()?;
        let mut waiting = Vec::with_capacity(events.len());
        for event in events {
            let class = self.class_of(&event);
            let entry = event.of(tenant.clone()).entry(now);
            waiting.push(self.waiting(entry, class)?.0);
        }
        let lane = self.lane(&of);
        // What another left unfinished in this turn is the next one's to see through.
        let mut turn = lane.turn.lock().await;
        Box::pin(self.commit_beside(&of, &mut turn, &waiting, &beside)).await
    }

    async fn commit_beside(
        &self,
        of: &Of,
        turn: &mut Turn,
        waiting: &[Waiting],
        beside: &(dyn Fn(u64) -> Result<Vec<Write>> + Send + Sync),
    ) -> Result<Option<u64>> {
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
            if now.version.is_none() {
                now.head.era = era;
            } else if now.head.era != era && self.go_on_from(of, &now).await? {
                continue;
            }
            let (version, marked) = (now.version, now.head.marked);
            let (grown, entries) = self.grown(now, waiting)?;
            let mac = self.mac(&barrier).await?;
            let mut steps = vec![
                Step::Write(barrier.require()),
                Step::Write(put(of, &grown.head, version, &mac)),
            ];
            let from = steps.len();
            steps.extend(beside(first)?.into_iter().map(Step::Write));
            let theirs = from..steps.len();
            steps.extend((!marked).then(|| Step::Write(mark(of, &grown.head.log, marker))));
            steps.push(Step::Append {
                log: of.entries(&grown.head),
                expected: first,
                entries,
            });
            match self.0.store.commit(steps).await? {
                Committed::Done(done) => {
                    let version = done.get(HEAD_STEP).and_then(|step| match step {
                        Stepped::Written(version) => *version,
                        _ => None,
                    });
                    turn.known = version.map(|version| Known {
                        version: Some(version),
                        ..grown
                    });
                    return Ok(Some(first));
                }
                Committed::Refused {
                    because: Refusal::Append { head },
                    ..
                } => return Err(off(head, first)),
                Committed::Refused { index, .. } if theirs.contains(&index) => return Ok(None),
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
}
