//! One piece of work: done on a worker's thread, or refused, and answered either way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::slow::argon2::Arena;
use tokio::sync::oneshot;

use super::arenas::bytes_of;

/// What work takes of the budget, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    pub(super) arena: u64,
    pub(super) budget: u64,
}

impl Need {
    /// It works in an arena of so many bytes.
    #[must_use]
    pub const fn arena(bytes: u64) -> Self {
        Self {
            arena: bytes,
            budget: bytes,
        }
    }

    /// It has so many bytes from the allocator and gives them back.
    #[must_use]
    pub const fn elsewhere(bytes: u64) -> Self {
        Self {
            arena: 0,
            budget: bytes,
        }
    }

    pub(crate) const fn budget_bytes(self) -> u64 {
        self.budget
    }

    /// It does the one and then the other, in one arena that is there from the beginning.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        const fn larger(one: u64, other: u64) -> u64 {
            if one < other { other } else { one }
        }
        let one_beside = self.budget.saturating_sub(self.arena);
        let other_beside = other.budget.saturating_sub(other.arena);
        let arena = larger(self.arena, other.arena);
        Self {
            arena,
            budget: arena.saturating_add(larger(one_beside, other_beside)),
        }
    }

    /// It takes at least so much of the budget, whatever it uses.
    #[must_use]
    pub const fn at_least(mut self, bytes: u64) -> Self {
        if self.budget < bytes {
            self.budget = bytes;
        }
        self
    }
}

/// What becomes of a job.
pub(super) enum Fate<'a> {
    Do(&'a mut Arena),
    Refuse(Error),
}

/// Answers, and says whether the arena may be used again: not after a panic.
type Task = Box<dyn FnOnce(Fate<'_>) -> bool + Send>;

pub(super) struct Job {
    pub(super) id: u64,
    pub(super) need: Need,
    pub(super) until: Timestamp,
    task: Task,
}

impl Job {
    pub(super) fn new<T: Send + 'static>(
        id: u64,
        need: Need,
        until: Timestamp,
        work: impl FnOnce(&mut Arena) -> Result<T> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T>>) {
        let (told, hears) = oneshot::channel();
        let task = Box::new(move |fate: Fate<'_>| {
            let done = match fate {
                Fate::Do(arena) => catch_unwind(AssertUnwindSafe(|| work(arena))),
                Fate::Refuse(e) => {
                    // What it holds of a password goes before its caller hears of it.
                    drop(work);
                    Ok(Err(e))
                }
            };
            let is_sound = done.is_ok();
            let panicked = |_| Err(Error::unavailable("work on a password panicked"));
            // Whoever hung up is told nothing.
            let _ = told.send(done.unwrap_or_else(panicked));
            is_sound
        });
        let job = Self {
            id,
            need,
            until,
            task,
        };
        (job, hears)
    }

    /// What it takes of the budget in this arena.
    pub(super) fn charge(&self, arena: &Arena) -> u64 {
        self.need.budget.max(bytes_of(arena))
    }

    pub(super) fn run(self, arena: &mut Arena) -> bool {
        (self.task)(Fate::Do(arena))
    }

    pub(super) fn refuse(self, e: Error) {
        (self.task)(Fate::Refuse(e));
    }
}
