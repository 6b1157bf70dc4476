//! A sink that keeps its events, and can be made to fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{Error, Event, Result, Sink};

/// Keeps every event in memory, in order.
#[derive(Debug, Default)]
pub struct RecordingAudit {
    events: Mutex<Vec<Event>>,
    failing: AtomicBool,
}

impl RecordingAudit {
    /// A sink without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every event is refused as `Unavailable`, or accepted again.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.held().clone()
    }

    /// All events so far, which are then forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.held())
    }

    /// The latest event.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        self.held().last().cloned()
    }

    fn held(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for RecordingAudit {
    fn record(&self, event: &Event) -> Result<()> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the audit sink was told to fail"));
        }
        self.held().push(event.clone());
        Ok(())
    }
}
