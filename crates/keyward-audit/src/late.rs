//! A sink that is there before the logs are.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use keyward_base::audit::Intent;
use keyward_base::{BoxFuture, Error, Event, Result, Sink};

use crate::audit::{Audit, Inner};

/// What a keyring records into whose own keys vouch for the logs: the keyring is opened first, then
/// the logs, and then they are bound to this, once. A clone is the same sink.
///
/// Until then nothing is recorded, and nothing told: each event and each question is refused as
/// `Unavailable`, so that what must be recorded is not done, and no act that was left open is taken
/// for one that is closed. The keyring is opened with
/// [`settle_later`](keyward_keys::KeyringBuilder::settle_later).
///
/// The logs hold the keyring, so this does not hold them: once they are dropped, it refuses again.
#[derive(Clone, Default)]
pub struct LateSink(Arc<OnceLock<Bound>>);

enum Bound {
    Logs(Weak<Inner>),
    Other(Arc<dyn Sink>),
}

impl LateSink {
    /// One that is not bound.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Events go into these logs from now on, for as long as somebody holds them.
    ///
    /// # Errors
    /// `Misuse` if it is bound already.
    pub fn bind(&self, audit: &Audit) -> Result<()> {
        self.set(Bound::Logs(audit.downgrade()))
    }

    /// Events go into that sink from now on.
    ///
    /// # Errors
    /// `Misuse` if it is bound already.
    pub fn bind_to(&self, sink: Arc<dyn Sink>) -> Result<()> {
        self.set(Bound::Other(sink))
    }

    /// Whether it is bound, be it to logs that are dropped by now.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.0.get().is_some()
    }

    fn set(&self, bound: Bound) -> Result<()> {
        let set = self.0.set(bound);
        set.map_err(|_| Error::misuse("the sink is bound already: each is bound once"))
    }

    fn bound(&self) -> Result<Arc<dyn Sink>> {
        match self.0.get() {
            None => Err(Error::unavailable(
                "the audit log is not open yet: nothing is recorded before it is",
            )),
            Some(Bound::Logs(logs)) => match Audit::upgrade(logs) {
                Some(audit) => Ok(Arc::new(audit)),
                None => Err(Error::unavailable(
                    "the audit log is closed: open the home anew, and keep it while its keys are used",
                )),
            },
            Some(Bound::Other(sink)) => Ok(Arc::clone(sink)),
        }
    }
}

impl Sink for LateSink {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.bound()?.record(event).await })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(async move { self.bound()?.open_intents().await })
    }
}

impl fmt::Debug for LateSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.0.get() {
            None => "nothing yet",
            Some(Bound::Logs(_)) => "logs",
            Some(Bound::Other(_)) => "another sink",
        };
        f.debug_tuple("LateSink").field(&bound).finish()
    }
}
