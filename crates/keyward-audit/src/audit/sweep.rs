//! Retention: all logs, one after the other, once a day, a bounded piece at a time.

use std::collections::VecDeque;
use std::time::Duration;

use keyward_base::{Error, ErrorKind, Result, Timestamp};
use keyward_store::Erased;

use super::retention::{Claimed, Erasure, Plan};
use super::wait::{Leapt, STEP};
use super::{Audit, Of, costs_itself};
use crate::keep::{Erasing, State};
use crate::leaf::Header;

/// Among how many entries one record erases, at most.
const SPAN: u64 = 65_536;

/// How many erasures of a log wait for the store's files to be cleared, at most.
const MAX_WAITING: usize = 64;

/// How long a store's file is left alone that others use.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// How long after a look at a clock that leapt the next one is.
const LOOK: Duration = Duration::from_secs(60);

/// How far the retention of this process is.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The day that it is for; none before the first.
    day: Option<u32>,
    /// The logs that it has not come to the end of.
    todo: VecDeque<Of>,
    /// How far it is in the first of them.
    at: u64,
    /// What is erased, and may still lie in the store's files.
    done: Vec<(Of, Erasing, Erasure)>,
    /// Whether something was erased that was stopped then: it may still lie there, too.
    stopped: bool,
    /// What is remembered of the clock where the service has no log.
    pub(super) clock: State,
    /// When the clock was looked at that nothing is erased by.
    looked: Option<(Timestamp, Leapt)>,
    /// When this process looked at its clock last.
    heard: Option<Timestamp>,
    /// When the files are tried again.
    files_at: Option<Timestamp>,
}

impl Sweep {
    /// What is set was changed: all is looked through anew.
    pub(super) const fn again(&mut self) {
        self.day = None;
        self.looked = None;
    }
}

/// Whether that was less than `time` ago.
fn is_within(at: Option<Timestamp>, time: Duration, now: Timestamp) -> bool {
    at.is_some_and(|at| now >= at && now.saturating_since(at) < time)
}

/// What [`Audit::retain`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Retained {
    /// What was erased, from the store's files too.
    pub erased: Vec<(Of, Erasure)>,
    /// The logs that are under legal hold: nothing of them is erased.
    pub held: Vec<Of>,
    /// The logs that were passed over, and why: one that is not what was written, or under a key that
    /// is disabled, costs its owner only.
    pub failed: Vec<(Of, Error)>,
    /// The clock is more than [`LEAP`](super::LEAP) ahead of what retention went by last: nothing is
    /// erased until it stayed so for [`WAIT`](super::WAIT), or
    /// [`believe_clock`](crate::danger::believe_clock).
    pub leapt: Option<Leapt>,
    /// Whether there is more to do: call it again.
    pub more: bool,
}

impl Audit {
    /// Erases what is due by what is set ([`Audit::keep`]), or is older than 90 days; and goes on
    /// with what an erasure that was cut short left. Reads about `most` entries at a time (and up to
    /// 65,536 beyond), so that it can be called from a timer; once a day's work is done, it reads
    /// what is remembered of the clock once an hour, and nothing else until the next day. Several processes may call it: what is due is recorded and erased
    /// once.
    ///
    /// Clearing the store's files is done once at the end, for all logs: SQLite writes its file anew
    /// for it.
    ///
    /// # Errors
    /// `Corrupt` if what is set of all logs is not what was written, or the service's log, which has
    /// it, was put back or dropped: nothing is erased then;
    /// `Unavailable` if the store or the keyring cannot be relied on. What was done stays done.
    pub async fn retain(&self, most: u64) -> Result<Retained> {
        let mut sweep = self.0.sweep.lock().await;
        let now = self.0.keyring.clock().now()?;
        let today = Some(Header::day_of(now));
        let mut told = Retained::default();
        let idle = sweep.todo.is_empty() && sweep.done.is_empty() && !sweep.stopped;
        // Between days too: a process whose clock is wrong waits for nothing while another looks.
        let looks = sweep.day != today || !is_within(sweep.heard, STEP, now);
        if idle && !looks {
            return Ok(told);
        }
        if let Some((at, leapt)) = sweep.looked
            && is_within(Some(at), LOOK, now)
        {
            told.leapt = Some(leapt);
        } else if looks {
            told.leapt = self.leapt(&mut sweep, now).await?;
            sweep.looked = told.leapt.map(|leapt| (now, leapt));
            sweep.heard = Some(now);
        }
        if told.leapt.is_some() {
            // It may have leapt between one log and the next.
            (sweep.day, sweep.at) = (None, 0);
            sweep.todo.clear();
        }
        if idle {
            if told.leapt.is_some() || sweep.day == today {
                return Ok(told);
            }
            let mut all = self.all_logs(None).await?;
            all.retain(|of| *of.whose() != Of::Root);
            sweep.todo = all.into();
            sweep.day = today;
            sweep.at = 0;
        }
        // Where what is set of all logs cannot be relied on, nothing is erased.
        self.found_of_all().await?;
        let mut left = most.max(1);
        while left > 0
            && let Some(of) = sweep.todo.front().cloned()
        {
            let next = match self.sweep_log(&of, now, &mut sweep, &mut told).await {
                Ok((next, read)) => {
                    left = left.saturating_sub(read.max(1));
                    next
                }
                Err(e) if costs_itself(&e) || e.kind() == ErrorKind::Misuse => {
                    told.failed.push((of, e));
                    None
                }
                Err(e) => {
                    // The others first, the next time.
                    told.failed.push((of, e));
                    sweep.todo.rotate_left(1);
                    sweep.at = 0;
                    break;
                }
            };
            sweep.at = next.unwrap_or(0);
            if next.is_none() {
                sweep.todo.pop_front();
            }
            if sweep.done.len() >= MAX_WAITING {
                break;
            }
        }
        let whole = sweep.todo.is_empty() || sweep.done.len() >= MAX_WAITING;
        let unclear = !sweep.done.is_empty() || sweep.stopped;
        if whole && unclear && sweep.files_at.is_none_or(|at| now >= at) {
            self.sweep_files(now, &mut sweep, &mut told).await?;
        }
        told.more = !sweep.todo.is_empty() || !sweep.done.is_empty() || sweep.stopped;
        Ok(told)
    }

    /// A piece of one log: where to go on in it, if that is not its end, and how many entries were
    /// looked at.
    async fn sweep_log(
        &self,
        of: &Of,
        now: Timestamp,
        sweep: &mut Sweep,
        told: &mut Retained,
    ) -> Result<(Option<u64>, u64)> {
        let found = self.found(of).await?;
        if !found.state.holds.is_empty() {
            told.held.push(of.clone());
            return Ok((None, 0));
        }
        // By the clock that was looked at.
        let terms = self.terms(of, now).await?;
        let (mut further, mut all) = (None, 0_u64);
        for rule in &terms.due(&found) {
            loop {
                let here = sweep.done.iter().filter(|(other, _, _)| other == of);
                let seen_to: Vec<u64> = here.map(|(_, erasing, _)| erasing.record).collect();
                let plan = Plan {
                    rule,
                    asked: false,
                    from: sweep.at,
                    span: SPAN,
                    seen_to: &seen_to,
                };
                match self.claim(of, &terms, &plan).await? {
                    Claimed::Nothing { next, read } => {
                        further = further.max(next);
                        all = all.saturating_add(read);
                        break;
                    }
                    Claimed::Erasing(erasing) | Claimed::GoesOn(erasing) => {
                        let texts = self.erase_texts(of, &terms, &erasing).await;
                        sweep.stopped |= !matches!(texts, Ok(Some(_)));
                        let Some(erasure) = texts? else {
                            // Others see to it, or what is set was changed.
                            return Ok((Some(sweep.at), all));
                        };
                        sweep.done.push((of.clone(), erasing, erasure));
                    }
                }
            }
        }
        Ok((further, all))
    }

    async fn sweep_files(
        &self,
        now: Timestamp,
        sweep: &mut Sweep,
        told: &mut Retained,
    ) -> Result<()> {
        if self.0.store.erase().await? != Erased::Done {
            sweep.files_at = Some(now.saturating_add(LEFT_ALONE));
            return Ok(());
        }
        sweep.stopped = false;
        for (of, erasing, erasure) in std::mem::take(&mut sweep.done) {
            match self.finish(&of, &erasing).await {
                Ok(true) => told.erased.push((of, erasure)),
                // Another process put it down as done, or a hold stopped it after it was.
                Ok(false) => {}
                // It goes on the next time.
                Err(e) => told.failed.push((of, e)),
            }
        }
        Ok(())
    }
}
