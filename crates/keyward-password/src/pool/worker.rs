//! The threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::slow::argon2::Arena;

use super::arenas::Lent;
use super::job::Job;
use super::shared::{Shared, Turn};

pub(super) fn spawn(shared: Arc<Shared>) -> Result<JoinHandle<()>> {
    let work = move || {
        // Work catches its own panics. What is left is a waker that panics as it is woken: its
        // permit goes back by `Permit`, and the thread goes on.
        while catch_unwind(AssertUnwindSafe(|| one(&shared))).unwrap_or(true) {}
        drop(shared.give_back());
    };
    let named = Builder::new().name("keyward-password".to_owned());
    named.spawn(work).map_err(no_thread)
}

pub(super) fn spawn_watch(shared: Arc<Shared>) -> Result<JoinHandle<()>> {
    let watch = move || while catch_unwind(AssertUnwindSafe(|| shared.watch())).unwrap_or(true) {};
    let named = Builder::new().name("keyward-watch".to_owned());
    named.spawn(watch).map_err(no_thread)
}

fn no_thread(e: io::Error) -> Error {
    Error::unavailable("the system gives no thread for passwords").with_source(e)
}

fn one(shared: &Shared) -> bool {
    match shared.turn() {
        Turn::Work(job, lent) => work(shared, job, lent),
        Turn::Wipe(mut arena) => {
            arena.wipe();
            shared.wiped(arena);
        }
        Turn::End => return false,
    }
    true
}

fn work(shared: &Shared, job: Job, mut lent: Lent) {
    let outgrown = std::mem::take(&mut lent.outgrown);
    let mut permit = Permit {
        shared,
        arena: None,
        charge: lent.charge,
        began: shared.now().ok(),
    };
    if !outgrown.is_empty() {
        drop(outgrown);
        permit.charge = job.charge(&lent.arena);
        shared.shrink(lent.charge, permit.charge);
    }
    let is_sound = job.run(&mut lent.arena);
    if is_sound {
        permit.arena = Some(lent.arena);
    }
}

/// What the work holds of the budget. It goes back when the work is over, by a panic too.
struct Permit<'a> {
    shared: &'a Shared,
    arena: Option<Arena>,
    charge: u64,
    began: Option<Timestamp>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let began = self.began.zip(self.shared.now().ok());
        let took = began.map_or(Duration::ZERO, |(began, now)| now.saturating_since(began));
        drop(self.shared.ended(self.arena.take(), self.charge, took));
    }
}
