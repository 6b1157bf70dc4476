//! An event of an application's own kind.

use keyward_base::audit::{Outcome, RunId};
use keyward_base::{Actor, Event, KeyId, Place, RecordId, Tenant, Timestamp};

use super::Kinds;
use crate::entry::{Entry, Typed};

/// An event that its kind allows: [`Kinds::event`](super::Kinds::event). Who acted, and on what, is
/// set on it; when, by the clock of the logs that record it.
#[derive(Clone, Debug)]
#[must_use = "an event is recorded by `Audit::require_own` or `Audit::note_own`"]
pub struct OwnEvent {
    action: String,
    detail: Vec<(String, Typed)>,
    /// The rest. Its action is none that is written.
    event: Event,
}

impl OwnEvent {
    pub(super) const fn new(
        action: String,
        outcome: Outcome,
        detail: Vec<(String, Typed)>,
    ) -> Self {
        let event = Event::new(Timestamp::from_millis(0), "", outcome);
        Self {
            action,
            detail,
            event,
        }
    }

    /// The same, done by that actor. Without one, the service itself acted.
    pub fn by(mut self, actor: Actor) -> Self {
        self.event.actor = Some(actor);
        self
    }

    /// The same, of that tenant: it goes into his log.
    pub fn of(mut self, tenant: Tenant) -> Self {
        self.event.tenant = Some(tenant);
        self
    }

    /// The same, about that record of that place.
    pub fn about(mut self, place: Place, record: RecordId) -> Self {
        self.event.place = Some(place);
        self.event.record = Some(record);
        self
    }

    /// The same, with that key.
    pub fn with_key(mut self, key: KeyId) -> Self {
        self.event.key = Some(key);
        self
    }

    /// The same, recorded by that run of a process.
    pub fn in_run(mut self, run: Option<RunId>) -> Self {
        self.event.run = run;
        self
    }

    /// Its kind.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Whether it is one of [`Kinds::approvals`](super::Kinds::approvals).
    pub(crate) fn is_approval(&self) -> bool {
        let of = [Kinds::PROPOSE, Kinds::DECIDE, Kinds::RESULT, Kinds::NOTE];
        of.contains(&self.action.as_str())
    }

    pub(crate) const fn event(&self) -> &Event {
        &self.event
    }

    /// The entry of it, at that time.
    #[must_use]
    pub fn entry(&self, at: Timestamp) -> Entry {
        let mut entry = Entry::of(&self.event, Timestamp::from_millis(0));
        entry.at = crate::entry::Number(at.as_millis());
        entry.action.clone_from(&self.action);
        entry.detail.clone_from(&self.detail);
        entry
    }
}
