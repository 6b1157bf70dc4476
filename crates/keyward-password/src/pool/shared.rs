//! What the callers, the workers and the watch share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_base::{Clock, Error, Result, Retry, Tenant, Timestamp};
use keyward_crypto::slow::argon2::Arena;

use super::Admission;
use super::answer::{Answer, Ticket};
use super::arenas::{Arenas, Lent};
use super::job::{Job, Need};
use super::queue::Queue;
use crate::reason;

/// What a pool does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Work that runs, wiping included.
    pub running: usize,
    /// Work that waits.
    pub waiting: usize,
    /// Memory that is in use, in bytes.
    pub used_bytes: u64,
    /// The same and what is kept for the next: never above the budget.
    pub held_bytes: u64,
    /// What was turned away since the start because too much waited, or its turn did not come in time.
    pub turned_away: u64,
}

pub(super) struct Shared {
    state: Mutex<State>,
    admission: Admission,
    clock: Arc<dyn Clock>,
    /// Something waits that may fit, or it is over.
    work: Condvar,
    /// There is a deadline.
    deadline: Condvar,
    /// Nothing is left to do.
    rest: Condvar,
}

struct State {
    queue: Queue,
    arenas: Arenas,
    running: usize,
    next_id: u64,
    is_closed: bool,
    /// How long work takes, in microseconds, weighted towards the newest.
    mean: u64,
    turned_away: u64,
}

/// What a worker is to do.
pub(super) enum Turn {
    Work(Job, Lent),
    Wipe(Arena),
    End,
}

impl Shared {
    pub(super) fn new(admission: Admission, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Queue::default(),
                arenas: Arenas::new(admission.budget),
                running: 0,
                next_id: 0,
                is_closed: false,
                mean: 50_000,
                turned_away: 0,
            }),
            admission,
            clock,
            work: Condvar::new(),
            deadline: Condvar::new(),
            rest: Condvar::new(),
        }
    }

    /// Nothing that can panic is done under the lock but what the standard library does.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Result<Timestamp> {
        self.clock.now()
    }

    /// How long work waits for its turn.
    pub(super) const fn longest_wait(&self) -> Duration {
        self.admission.wait
    }

    pub(super) fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        tenant: &Tenant,
        need: Need,
        work: impl FnOnce(&mut Arena) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let now = match self.now() {
            Ok(now) => now,
            Err(e) => return Answer::ready(Err(e)),
        };
        let until = now.saturating_add(self.admission.wait);
        self.refuse_late(now);
        let mut state = self.state();
        let pushed_out = match state.admits(tenant, need, &self.admission) {
            Ok(pushed_out) => pushed_out,
            Err(e) => return Answer::ready(Err(e)),
        };
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        let (job, hears) = Job::new(id, need, until, work);
        let is_first = state.queue.is_empty();
        state.queue.push(tenant, job);
        drop(state);
        self.work.notify_one();
        if is_first {
            self.deadline.notify_one();
        }
        if let Some(job) = pushed_out {
            job.refuse(self.busy());
        }
        Answer::waiting(
            hears,
            Ticket {
                shared: Arc::clone(self),
                tenant: tenant.clone(),
                id,
                until,
                is_answered: false,
            },
        )
    }

    /// Takes out what has not begun.
    pub(super) fn remove(&self, tenant: &Tenant, id: u64) -> Option<Job> {
        let mut state = self.state();
        let job = state.queue.remove(tenant, id)?;
        // What comes next may fit, or there is time to wipe.
        drop(state);
        self.work.notify_all();
        Some(job)
    }

    pub(super) fn busy(&self) -> Error {
        self.state().busy(&self.admission)
    }

    /// Answers those whose deadline has passed.
    pub(super) fn refuse_late(&self, now: Timestamp) {
        let late = self.state().queue.take_late(now);
        if late.is_empty() {
            return;
        }
        for job in late {
            job.refuse(self.busy());
        }
        self.work.notify_all();
    }

    /// Waits until there is something to do.
    pub(super) fn turn(&self) -> Turn {
        loop {
            if let Ok(now) = self.now() {
                self.refuse_late(now);
            }
            let mut state = self.state();
            if let Some(need) = state.queue.next().map(|job| job.need) {
                if let Some(lent) = state.arenas.lend(need) {
                    if let Some(job) = state.queue.pop() {
                        state.running = state.running.saturating_add(1);
                        return Turn::Work(job, lent);
                    }
                    state.arenas.release(lent.charge);
                }
            } else if let Some(arena) = state.arenas.take_dirty() {
                state.running = state.running.saturating_add(1);
                return Turn::Wipe(arena);
            } else if state.is_closed {
                return Turn::End;
            } else if state.running == 0 {
                self.rest.notify_all();
            }
            drop(self.work.wait(state));
        }
    }

    pub(super) fn shrink(&self, from: u64, to: u64) {
        self.state().arenas.shrink(from, to);
        self.work.notify_all();
    }

    /// What ran has ended. An arena that comes out is to be dropped.
    pub(super) fn ended(&self, arena: Option<Arena>, charge: u64, took: Duration) -> Option<Arena> {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        state.mean = (state.mean / 8).saturating_mul(7).saturating_add(took / 8);
        let left = match arena {
            Some(arena) => state.arenas.take_back(arena, charge),
            None => {
                state.arenas.release(charge);
                None
            }
        };
        drop(state);
        self.work.notify_all();
        left
    }

    pub(super) fn wiped(&self, arena: Arena) {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        state.arenas.put_clean(arena);
        drop(state);
        self.work.notify_all();
    }

    /// For the watch: waits for the first deadline by the system's time, then asks the clock that it
    /// was given. `false` when it is over.
    pub(super) fn watch(&self) -> bool {
        let state = self.state();
        if state.is_closed {
            return false;
        }
        let Some(first) = state.queue.first_deadline() else {
            drop(self.deadline.wait(state));
            return true;
        };
        // A clock that fails says nothing of deadlines: asked again a little later.
        let left = self
            .now()
            .map_or(Duration::from_secs(1), |now| first.saturating_since(now));
        if !left.is_zero() {
            drop(self.deadline.wait_timeout(state, left));
        } else {
            drop(state);
        }
        if let Ok(now) = self.now() {
            self.refuse_late(now);
        }
        true
    }

    pub(super) fn load(&self) -> Load {
        let state = self.state();
        Load {
            running: state.running,
            waiting: state.queue.len(),
            used_bytes: state.arenas.used(),
            held_bytes: state.arenas.held(),
            turned_away: state.turned_away,
        }
    }

    pub(super) fn settle(&self) {
        let mut state = self.state();
        while !state.is_at_rest() {
            // A worker that finds nothing to do says so.
            self.work.notify_all();
            state = self
                .rest
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let waiting = state.queue.take_all();
        drop(state);
        for job in waiting {
            job.refuse(closed());
        }
        self.work.notify_all();
        self.deadline.notify_all();
    }

    /// What is kept goes with the last worker.
    pub(super) fn give_back(&self) -> Vec<Arena> {
        let all = self.state().arenas.take_all();
        self.rest.notify_all();
        all
    }
}

impl State {
    /// What comes out had to make room, and is to be refused.
    fn admits(
        &mut self,
        tenant: &Tenant,
        need: Need,
        admission: &Admission,
    ) -> Result<Option<Job>> {
        if self.is_closed {
            return Err(closed());
        }
        if need.budget.max(need.arena) > self.arenas.budget() {
            return Err(Error::rejected(reason::ABOVE_BUDGET));
        }
        if self.queue.len_of(tenant) >= admission.waiting_of_one {
            return Err(self.busy(admission));
        }
        if self.queue.len() < admission.waiting {
            return Ok(None);
        }
        match self.queue.make_room(tenant) {
            Some(job) => Ok(Some(job)),
            None => Err(self.busy(admission)),
        }
    }

    fn is_at_rest(&self) -> bool {
        self.running == 0 && self.queue.is_empty() && !self.arenas.is_any_dirty()
    }

    /// What waits now will have had its turn after so long, between a second and a minute.
    fn busy(&mut self, admission: &Admission) -> Error {
        self.turned_away = self.turned_away.saturating_add(1);
        let ahead = self.queue.len().saturating_add(self.running);
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        let workers = u64::try_from(admission.workers).unwrap_or(1);
        let micros = self.mean.saturating_mul(ahead).checked_div(workers);
        let micros = micros.unwrap_or(u64::MAX);
        let seconds = micros.div_ceil(1_000_000).clamp(1, 60);
        Error::unavailable("too many passwords wait to be hashed")
            .because(reason::BUSY)
            .retry(Retry::After(Duration::from_secs(seconds)))
    }
}

fn closed() -> Error {
    Error::unavailable("passwords are no longer hashed: the pool was shut down")
}
