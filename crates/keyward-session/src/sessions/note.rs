//! What the trail is told. No text that anybody chose is in it, but for checked ids.

use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Actor, ErrorKind, Event, Reason, RecordId, Result, Timestamp};
use keyward_store::Record;

use super::Sessions;
use super::start::Draft;
use crate::epoch::Scope;
use crate::live::{AnyLive, Started};
use crate::revoke::Revoke;

impl Sessions {
    /// A clock that cannot be read leaves the time of an event open, and the event is told.
    fn event(&self, action: &'static str, outcome: Outcome) -> Event {
        let at = self.now().unwrap_or(Timestamp::from_millis(0));
        Event::new(at, action, outcome)
    }

    pub(super) async fn note_start(&self, draft: &Draft, result: &Result<Started>) {
        let mut event = self.event("session.start", Event::outcome_of(result));
        event.tenant = Some(draft.tenant.clone());
        event.record = result.as_ref().ok().and_then(|made| made.id.record());
        event.detail = Detail::none().with("kind", Value::Word(draft.kind.as_str()));
        let actor = match &draft.behind {
            Some(acting) => Actor::new(acting.subject.clone())
                .staff()
                .on_behalf_of(draft.subject.clone()),
            None => Actor::new(draft.subject.clone()),
        };
        self.0.trail.acting_as(actor).note(event).await;
    }

    /// A session was ended by who has it, or from his list.
    pub(super) async fn note_end(&self, live: &AnyLive, ended: &AnyLive, result: &Result<()>) {
        let mut event = self.event("session.end", Event::outcome_of(result));
        event.tenant = Some(ended.tenant().clone());
        event.record = ended.id().record();
        event.detail = Detail::none().with("kind", Value::Word(ended.kind().as_str()));
        self.0.trail.acting_as(live.actor()).note(event).await;
    }

    /// All others of a person were ended by him.
    pub(super) async fn note_others(&self, live: &AnyLive, result: &Result<()>) {
        let mut event = self.event("session.end-others", Event::outcome_of(result));
        event.tenant = Some(live.tenant().clone());
        event.record = live.id().record();
        self.0.trail.acting_as(live.actor()).note(event).await;
    }

    pub(super) async fn note_revoke(&self, revoke: &Revoke, moved: &Result<Timestamp>) {
        let mut event = self.event("session.revoke", Event::outcome_of(moved));
        let (scope, tenant) = match &revoke.scope {
            Scope::All => ("all", None),
            Scope::Tenant(tenant) => ("tenant", Some(tenant)),
            Scope::User(tenant, _) => ("user", Some(tenant)),
        };
        event.tenant = tenant.cloned();
        if let Scope::User(_, subject) = &revoke.scope {
            event.record = RecordId::new(subject.as_str()).ok();
        }
        let kind = revoke.kind.map_or("all", |kind| kind.as_str());
        event.detail = Detail::none()
            .with("scope", Value::Word(scope))
            .with("kind", Value::Word(kind));
        if let Some(before) = revoke.before {
            event.detail = event.detail.with("before", Value::Time(before));
        }
        self.0.trail.note(event).await;
    }

    /// A row that a token of ours names is not what was written.
    pub(super) async fn note_damaged(&self, record: &Record) {
        let failed = Outcome::Failed(ErrorKind::Corrupt, Some(Reason::NOT_AUTHENTIC));
        let mut event = self.event("session.refused", failed);
        event.record = RecordId::new(&record.key.id).ok();
        self.0.trail.note(event).await;
    }
}
