//! The ticks of a long-running process, on threads of their own.

use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use keyward_audit::Audit;
use keyward_audit::alert::Teller;
use keyward_base::{BoxFuture, Error, Result};
use keyward_keys::Keyring;
use keyward_vault::Vault;
use tokio::runtime::Handle;

/// Between two ticks: a fifth of the default refresh interval. A tick that has nothing to do
/// costs no read.
const EVERY: Duration = Duration::from_secs(1);

/// How long a drop waits for a tick that goes on, and for the lease to be given up. A root that is
/// asked over the very runtime that drops this would never answer.
const GRACE: Duration = Duration::from_secs(2);

/// In which pieces that is waited for, where several share it.
const STEP: Duration = Duration::from_millis(50);

/// Ticks until it is dropped, and then does what ends them.
#[derive(Debug)]
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Ticks,
    /// It is to end.
    Ends,
    /// It is to end, and was waited for in vain.
    Late,
    Ended,
}

#[derive(Debug, Default)]
struct State {
    stage: Mutex<Stage>,
    moved: Condvar,
    /// What the last tick failed with.
    failure: Mutex<Option<String>>,
}

/// What is done once a second, and at the end.
trait Ticks: Send + Sync + 'static {
    const THREAD: &'static str;

    fn tick(&mut self) -> BoxFuture<'_, Result<()>>;

    fn end(&self) -> BoxFuture<'_, ()>;
}

/// The lease is renewed, the keyring kept up with; and in the end the lease is given up.
struct Lease(Keyring, Vault);

impl Ticks for Lease {
    const THREAD: &'static str = "keyward-tick";

    fn tick(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.0.tick().await?;
            self.1.tick().await
        })
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // If this fails, the lease runs out by itself.
            let _given_up = self.0.leave().await;
        })
    }
}

/// Checkpoints: not on the thread of the lease, as a round over many logs takes longer than that may
/// wait.
struct Rounds(Audit);

impl Ticks for Rounds {
    const THREAD: &'static str = "keyward-rounds";

    fn tick(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.0.tick())
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How often a tick reads on while there is more: some 130,000 entries.
const LOOKS: usize = 8;

/// Anomalies: on a thread of their own, as whoever is told of them may take its time.
struct Alarms(Teller);

impl Ticks for Alarms {
    const THREAD: &'static str = "keyward-alerts";

    fn tick(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            for _ in 0..LOOKS {
                if !self.0.look().await? {
                    break;
                }
            }
            Ok(())
        })
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Ticker {
    /// Keeps a lease and the keyring.
    pub(crate) fn lease(keyring: Keyring, vault: Vault) -> Result<Self> {
        Self::start(Lease(keyring, vault))
    }

    /// Makes rounds of checkpoints.
    pub(crate) fn rounds(audit: Audit) -> Result<Self> {
        Self::start(Rounds(audit))
    }

    /// Follows the record, and tells anomalies.
    pub(crate) fn alarms(teller: Teller) -> Result<Self> {
        Self::start(Alarms(teller))
    }

    /// Starts the thread. Called within a tokio runtime, the ticks see that runtime, since the
    /// client of a root outside the process may need it.
    fn start<T: Ticks>(mut ticks: T) -> Result<Self> {
        let state = Arc::new(State::default());
        let (shared, runtime) = (Arc::clone(&state), Handle::try_current().ok());
        let thread = std::thread::Builder::new()
            .name(T::THREAD.into())
            .spawn(move || {
                let _within = runtime.as_ref().map(Handle::enter);
                let ending = Ending(shared);
                while !ending.0.waits() {
                    let ticked = wait_for(ticks.tick());
                    *lock(&ending.0.failure) = ticked.err().map(|e| e.to_string());
                }
                wait_for(ticks.end());
            })
            .map_err(|e| Error::unavailable("no thread for the ticks of a home").with_source(e))?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Ends the ticks, and gives the lease up if it is that. Says whether that came to its end in time.
    pub(crate) fn stop(&self) -> bool {
        self.state.end();
        self.state.is_over(GRACE)
    }

    pub(crate) fn failure(&self) -> Option<String> {
        lock(&self.state.failure).clone()
    }
}

/// What ticks for one home.
#[derive(Debug, Default)]
pub(crate) struct Tickers {
    pub(crate) lease: Option<Ticker>,
    pub(crate) rounds: Option<Ticker>,
    pub(crate) alarms: Option<Ticker>,
}

impl Tickers {
    /// Ends what reads and writes the record, at the same time; then gives the lease up, by whose keys
    /// it does.
    pub(crate) fn stop(&self) {
        let beside = [&self.rounds, &self.alarms].into_iter().flatten();
        beside.clone().for_each(|ticker| ticker.state.end());
        // What one took, the other does not have.
        let mut left = GRACE;
        for ticker in beside {
            while !left.is_zero() && ticker.state.while_at(Stage::Ends, STEP) == Stage::Ends {
                left = left.saturating_sub(STEP);
            }
            ticker.state.is_over(Duration::ZERO);
        }
        self.lease.iter().for_each(|lease| {
            lease.stop();
        });
    }

    pub(crate) fn failure(&self) -> Option<String> {
        let mut all = [&self.lease, &self.rounds, &self.alarms]
            .into_iter()
            .flatten();
        all.find_map(Ticker::failure)
    }
}

impl Drop for Tickers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Waits for the next tick. Says whether there is to be none.
    fn waits(&self) -> bool {
        self.while_at(Stage::Ticks, EVERY) != Stage::Ticks
    }

    /// Waits until `stage` is over, `most` at most, and says which it is then.
    fn while_at(&self, stage: Stage, most: Duration) -> Stage {
        let held = lock(&self.stage);
        let waited = self.moved.wait_timeout_while(held, most, |at| *at == stage);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks for the end, unless it has come.
    fn end(&self) {
        let mut held = lock(&self.stage);
        if *held == Stage::Ticks {
            *held = Stage::Ends;
        }
        drop(held);
        self.moved.notify_all();
    }

    /// Waits for the end that was asked for. Says whether it came.
    fn is_over(&self, most: Duration) -> bool {
        let stage = self.while_at(Stage::Ends, most);
        if stage == Stage::Ends {
            let mut held = lock(&self.stage);
            if *held == Stage::Ends {
                *held = Stage::Late;
            }
        }
        stage == Stage::Ended
    }

    fn enter(&self, stage: Stage) {
        *lock(&self.stage) = stage;
        self.moved.notify_all();
    }
}

/// However the thread ends, nobody waits for it longer, and a panic is told: of a clock, a root or
/// a sink that the application gave.
struct Ending(Arc<State>);

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = "a thread that ticks has panicked: open the home anew";
            *lock(&self.0.failure) = Some(told.to_owned());
        }
        self.0.enter(Stage::Ended);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let is_over = self.stop();
        if let Some(thread) = self.thread.take()
            && is_over
        {
            // A panic there ended the ticks; the lease ran out, and nothing opened since.
            let _ = thread.join();
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread, which sleeps while there is nothing to do.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
