//! Who may work on passwords, when, and in how much memory.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyward_base::{SystemClock, Tenant};
//! use keyward_password::pool::{Admission, Need, Pool};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let pool = Pool::new(Admission::default(), Arc::new(SystemClock::new()))?;
//! let tenant = Tenant::new("acme")?;
//! let answer = pool.run(&tenant, Need::elsewhere(1024), |_arena| Ok(1 + 1));
//! assert_eq!(answer.wait()?, 2);
//! # Ok(()) }
//! ```

mod answer;
mod arenas;
mod job;
mod permit;
mod queue;
mod shared;
mod worker;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_base::{Clock, Result, Tenant};
use keyward_crypto::slow::argon2::Arena;

pub use answer::Answer;
pub use job::Need;
pub use permit::Permit;
pub use shared::Load;
use shared::Shared;

/// The knobs of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    budget: u64,
    workers: usize,
    wait: Duration,
    waiting: usize,
    waiting_of_one: usize,
}

impl Admission {
    /// Memory that all hashes together may work in, in bytes: 256 MiB, which is what the ceiling lets
    /// one imported hash ask for. One worker with the default policy uses 19 MiB of it.
    #[must_use]
    pub const fn budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    /// Threads that hash: one less than the processors that this process may use, at least one, so
    /// that the service answers while all of them hash. At least one.
    #[must_use]
    pub const fn workers(mut self, count: usize) -> Self {
        self.workers = if count == 0 { 1 } else { count };
        self
    }

    /// How long work waits for its turn: 5 s, at least 1 ms. Then it is `Unavailable`
    /// ([`BUSY`](crate::reason::BUSY)).
    #[must_use]
    pub const fn wait(mut self, longest: Duration) -> Self {
        let least = Duration::from_millis(1);
        self.wait = if longest.as_millis() == 0 {
            least
        } else {
            longest
        };
        self
    }

    /// How much may wait, of all tenants and of one: 1,024 and 256. In 5 s a worker does some 300
    /// hashes of the default policy: what stands behind more than that waits in vain. When the line is
    /// full, a tenant with less in it still gets in, and the newest of the one with most is turned away.
    #[must_use]
    pub const fn waiting(mut self, of_all: usize, of_one: usize) -> Self {
        self.waiting = of_all;
        self.waiting_of_one = of_one;
        self
    }

    /// How many threads hash.
    #[must_use]
    pub const fn workers_count(&self) -> usize {
        self.workers
    }

    pub(crate) const fn budget_bytes(&self) -> u64 {
        self.budget
    }
}

impl Default for Admission {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            budget: 256 * 1024 * 1024,
            workers: cores.saturating_sub(1).max(1),
            wait: Duration::from_secs(5),
            waiting: 1024,
            waiting_of_one: 256,
        }
    }
}

/// Threads that do the slow work on passwords, within a budget of memory. Clones are the same pool.
///
/// Work is taken in turns of the tenants, each tenant's in the order it came. It begins when its part
/// of the budget is free and holds that until it has ended, whether or not somebody still waits for
/// it. Nothing here needs a runtime, and no call blocks but those that say so.
///
/// When the last clone is dropped, what waits is refused, what runs ends, the memory is wiped, and the
/// threads end by themselves; [`Pool::shut_down`] waits for that.
#[derive(Clone)]
pub struct Pool(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts the threads: the workers, and one that looks after the deadlines.
    ///
    /// # Errors
    /// `Unavailable` if the system gives no thread.
    pub fn new(admission: Admission, clock: Arc<dyn Clock>) -> Result<Self> {
        let shared = Arc::new(Shared::new(admission, clock));
        // Dropped on the way out, it ends those that have begun.
        let pool = Self(Arc::new(Running {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
        }));
        for _ in 0..admission.workers {
            let thread = worker::spawn(Arc::clone(&shared))?;
            pool.threads().push(thread);
        }
        pool.threads().push(worker::spawn_watch(shared)?);
        Ok(pool)
    }

    /// Gets in line at once, in the order of the calls, and does `work` when its turn comes. An answer
    /// that is dropped before that takes the work out of the line; later the work goes on to its end.
    ///
    /// # Errors
    /// The answer is:
    /// - what `work` returns; `Unavailable` if it panics;
    /// - `Rejected` ([`ABOVE_BUDGET`](crate::reason::ABOVE_BUDGET)) if it needs more than the whole
    ///   budget, so that waiting would not help;
    /// - `Unavailable` ([`BUSY`](crate::reason::BUSY)) with a time to try again if too much waits or
    ///   its turn did not come in time;
    /// - `Unavailable` if the clock cannot be relied on or the pool was shut down.
    pub fn run<T: Send + 'static>(
        &self,
        tenant: &Tenant,
        need: Need,
        work: impl FnOnce(&mut Arena) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        self.0.shared.submit(tenant, need, work)
    }

    /// What it does now.
    #[must_use]
    pub fn load(&self) -> Load {
        self.0.shared.load()
    }

    /// Blocks until nothing runs or waits and all memory that is kept has been wiped.
    pub fn settle(&self) {
        self.0.shared.settle();
    }

    /// Refuses what waits and all that comes, and blocks until what runs has ended, its memory is
    /// wiped and given back, and the threads are gone. Not to be called from work of the pool.
    pub fn shut_down(&self) {
        self.0.shared.close();
        // The lock is held meanwhile: whoever else shuts it down waits as well.
        for thread in self.threads().drain(..) {
            // What panics in work is caught; a thread has nothing else to say.
            let _ = thread.join();
        }
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.0
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not joined: the last clone may go within an async task, or within work of the pool.
        self.shared.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.load())
    }
}
