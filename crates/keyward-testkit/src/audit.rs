//! A sink that keeps its events, and can be made to fail.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::audit::{Intent, Outcome};
use keyward_base::{BoxFuture, Error, Event, EventId, Result, Sink, Timestamp};

type Refuses = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// Keeps every event in memory, in order. A clone keeps the same ones.
#[derive(Clone, Default)]
pub struct RecordingAudit(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    events: Vec<Event>,
    left: HashSet<EventId>,
    refuses: Option<Refuses>,
}

impl RecordingAudit {
    /// A sink without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every event is refused as `Unavailable`, or accepted again.
    pub fn set_failing(&self, failing: bool) {
        self.refuse(move |_| failing);
    }

    /// From now on events for which `refuses` says so are refused as `Unavailable`.
    pub fn refuse(&self, refuses: impl Fn(&Event) -> bool + Send + Sync + 'static) {
        self.held().refuses = Some(Arc::new(refuses));
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.held().events.clone()
    }

    /// All events so far, which are then forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.held().events)
    }

    /// The latest event.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        self.held().events.last().cloned()
    }

    /// Intents that no outcome was recorded for, oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<Intent> {
        open(&self.held().events)
    }

    /// From now on it is another run that records, long after: what is open was left by one that
    /// is over.
    pub fn restart(&self) {
        let mut held = self.held();
        held.left = open(&held.events).iter().map(|left| left.id).collect();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(events: &[Event]) -> Vec<Intent> {
    let ended = |event: &&Event| event.outcome != Outcome::Intended;
    let ended: HashSet<EventId> = events
        .iter()
        .filter(ended)
        .filter_map(|event| event.id)
        .collect();
    let intents = events.iter().filter_map(Intent::of);
    intents
        .filter(|intent| !ended.contains(&intent.id))
        .collect()
}

impl std::fmt::Debug for RecordingAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordingAudit({} events)", self.held().events.len())
    }
}

impl Sink for RecordingAudit {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut held = self.held();
            if held.refuses.as_ref().is_some_and(|refuses| refuses(event)) {
                return Err(Error::unavailable("the audit sink was told to fail"));
            }
            held.events.push(event.clone());
            Ok(())
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        let held = self.held();
        let mut found = open(&held.events);
        for intent in &mut found {
            if held.left.contains(&intent.id) {
                (intent.at, intent.run) = (Timestamp::from_millis(0), None);
            }
        }
        Box::pin(std::future::ready(Ok(found)))
    }
}
