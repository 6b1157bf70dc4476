//! The way to a sink: who acts is filled in, and what must be recorded is told from what should.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::{Actor, Event, EventId, Intent, Outcome, RunId, Sink};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// A sink, who acts, and how many events were dropped. A cheap clone; clones count together.
#[derive(Clone, Debug)]
pub struct Trail {
    sink: Arc<dyn Sink>,
    actor: Option<Actor>,
    run: Option<RunId>,
    optional: Arc<[&'static str]>,
    dropped: Arc<AtomicU64>,
}

impl Trail {
    /// A trail that ends in `sink`. The service itself acts.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self {
            sink,
            actor: None,
            run: None,
            optional: Arc::default(),
            dropped: Arc::default(),
        }
    }

    /// The same trail, on which `actor` acts.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            actor: Some(actor),
            ..self.clone()
        }
    }

    /// The same trail, whose events are those of `run`. A keyring and a vault say so themselves.
    #[must_use]
    pub fn in_run(&self, run: Option<RunId>) -> Self {
        Self {
            run,
            ..self.clone()
        }
    }

    /// The same trail, on which the events of these actions, such as `vault.open`, are recorded as
    /// well as can be: where the sink fails, the act is done all the same, and the drop counted.
    /// By default an opening, a write and a change of keys wait for their event, and are not done
    /// without it. In place of what was set so before.
    ///
    /// # Errors
    /// `Misuse` for an action of `keys.` or with `danger` in its name: what was done to keys must
    /// be told.
    pub fn best_effort(&self, actions: &[&'static str]) -> Result<Self> {
        let kept = |action: &&str| action.starts_with("keys.") || action.contains("danger");
        if let Some(action) = actions.iter().copied().find(kept) {
            return Err(Error::misuse(format!(
                "{action} is always recorded before it is done: leave it out of the best-effort actions"
            )));
        }
        Ok(Self {
            optional: actions.into(),
            ..self.clone()
        })
    }

    /// The sink that its events are recorded in.
    #[must_use]
    pub fn sink(&self) -> &Arc<dyn Sink> {
        &self.sink
    }

    /// How many events could not be recorded and did not have to be: best-effort ones, and
    /// outcomes, whose intents are then closed once this run is over.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Records an event without which what comes next must not happen, unless its action is one
    /// of [`Trail::best_effort`].
    ///
    /// # Errors
    /// `Unavailable` if it could not be recorded.
    pub async fn require(&self, mut event: Event) -> Result<()> {
        self.fill(&mut event);
        self.record(&event).await.map(|_| ())
    }

    /// Whether it was recorded; an error if it had to be.
    async fn record(&self, event: &Event) -> Result<bool> {
        match self.sink.record(event).await {
            Ok(()) => Ok(true),
            Err(_) if self.optional.contains(&event.action) => {
                self.count_drop();
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    /// Records an event as well as can be: one that cannot be recorded is counted. Nothing is
    /// queued, so that no more events wait than acts are going on.
    pub async fn note(&self, mut event: Event) {
        self.fill(&mut event);
        if self.sink.record(&event).await.is_err() {
            self.count_drop();
        }
    }

    /// Records that something is about to be done. The act is closed by [`Act::end`]; if that is
    /// never reached, a later start finds the intent and says what became of it.
    ///
    /// # Errors
    /// `Unavailable` if it could not be recorded and had to be: the act must not be done then.
    pub async fn intend(&self, id: EventId, mut event: Event) -> Result<Act> {
        event.id = Some(id);
        event.outcome = Outcome::Intended;
        self.fill(&mut event);
        if !self.record(&event).await? {
            event.id = None; // Its outcome stands alone.
        }
        Ok(Act {
            trail: self.clone(),
            event,
        })
    }

    /// Closes an intent that an earlier run left, as `outcome`. `action` is [`Intent::action`], by
    /// the word of the crate that closes it. The event names no actor: who acted stands with the
    /// intent, and whoever acts on this trail did not.
    ///
    /// # Errors
    /// `Unavailable` if it could not be recorded: the intent stays open.
    pub async fn close(
        &self,
        intent: Intent,
        action: &'static str,
        at: Timestamp,
        outcome: Outcome,
    ) -> Result<()> {
        let mut event = Event::new(at, action, outcome);
        event.id = Some(intent.id);
        event.run = self.run;
        event.tenant = intent.tenant;
        event.place = intent.place;
        event.record = intent.record;
        event.key = intent.key;
        event.found = intent.found;
        self.record(&event).await.map(|_| ())
    }

    fn fill(&self, event: &mut Event) {
        event.actor.clone_from(&self.actor);
        event.run = self.run;
    }

    fn count_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// An act whose intent is recorded. Dropped without an end, it stays open in the trail.
#[derive(Debug)]
#[must_use = "an act that does not end stays open in the trail"]
pub struct Act {
    trail: Trail,
    event: Event,
}

impl Act {
    /// The event, for what is only known once the act is done.
    pub const fn event_mut(&mut self) -> &mut Event {
        &mut self.event
    }

    /// Records how it ended. What is done stays done: an outcome that cannot be recorded is
    /// counted, and the intent closed once this run is over.
    pub async fn end(mut self, clock: &dyn Clock, outcome: Outcome) {
        // Without a clock, the time of the intent: what was done is not undone by it.
        self.event.at = clock.now().unwrap_or(self.event.at);
        self.event.outcome = outcome;
        if self.trail.sink.record(&self.event).await.is_err() {
            self.trail.count_drop();
        }
    }
}
