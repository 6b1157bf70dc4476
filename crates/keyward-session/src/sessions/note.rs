//! What the trail is told. No text that anybody chose is in it, but for checked ids.

use keyward_base::audit::{Detail, Value};
use keyward_base::{Actor, Event, RecordId, Result, Timestamp};

use super::Sessions;
use super::start::Draft;
use crate::epoch::Scope;
use crate::live::{AnyLive, Started};
use crate::revoke::Revoke;

impl Sessions {
    pub(super) async fn note_start(&self, draft: &Draft, result: &Result<Started>) {
        let mut event = self
            .0
            .ground
            .event("session.start", Event::outcome_of(result));
        event.tenant = Some(draft.tenant.clone());
        event.record = result.as_ref().ok().and_then(|made| made.id.record());
        event.detail = Detail::none().with("kind", Value::Word(draft.kind.as_str()));
        let actor = match &draft.behind {
            Some(acting) => Actor::new(acting.subject.clone())
                .staff()
                .on_behalf_of(draft.subject.clone()),
            None => Actor::new(draft.subject.clone()),
        };
        self.0.ground.trail.acting_as(actor).note(event).await;
    }

    /// A session was ended by who has it, or from his list.
    pub(super) async fn note_end(&self, live: &AnyLive, ended: &AnyLive, result: &Result<()>) {
        let mut event = self
            .0
            .ground
            .event("session.end", Event::outcome_of(result));
        event.tenant = Some(ended.tenant().clone());
        event.record = ended.id().record();
        event.detail = Detail::none().with("kind", Value::Word(ended.kind().as_str()));
        self.0
            .ground
            .trail
            .acting_as(live.actor())
            .note(event)
            .await;
    }

    /// All others of a person were ended by him.
    pub(super) async fn note_others(&self, live: &AnyLive, result: &Result<()>) {
        let mut event = self
            .0
            .ground
            .event("session.end-others", Event::outcome_of(result));
        event.tenant = Some(live.tenant().clone());
        event.record = live.id().record();
        self.0
            .ground
            .trail
            .acting_as(live.actor())
            .note(event)
            .await;
    }

    pub(super) async fn note_revoke(&self, revoke: &Revoke, moved: &Result<Timestamp>) {
        let mut event = self
            .0
            .ground
            .event("session.revoke", Event::outcome_of(moved));
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
        self.0.ground.trail.note(event).await;
    }
}
