//! What the trail is told. No text that anybody chose is in it, but for checked ids, and nothing of a
//! key but its public name.

use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Actor, ErrorKind, Event, Result, Tenant};

use super::ApiKeys;
use super::end::End;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{IssuedKey, Notice};
use crate::api_key::row::Row;
use crate::danger::Operator;
use crate::epoch::Scope;
use crate::reason;

impl ApiKeys {
    fn event(&self, action: &'static str, outcome: Outcome, tenant: &Tenant) -> Event {
        let mut event = self.inner.ground.event(action, outcome);
        event.tenant = Some(tenant.clone());
        event
    }

    pub(super) async fn note_made(
        &self,
        action: &'static str,
        actor: Actor,
        tenant: &Tenant,
        result: &Result<IssuedKey>,
    ) {
        let mut event = self.event(action, Event::outcome_of(result), tenant);
        if let Ok(made) = result {
            event.record = made.info.id.record();
            event.key = Some(made.info.mac_key);
            if let Some(expires) = made.info.expires {
                event.detail = Detail::none().with("expires", Value::Time(expires));
            }
        }
        self.trail.acting_as(actor).note(event).await;
    }

    /// What an operator is about to do, without which it is not done.
    pub(super) async fn require_operator(
        &self,
        action: &'static str,
        by: &Operator,
        id: Option<ApiKeyId>,
    ) -> Result<()> {
        let mut event = self.event(action, Outcome::Granted, by.tenant());
        event.record = id.and_then(ApiKeyId::record);
        let actor = Actor::new(by.subject().clone()).staff();
        self.trail.acting_as(actor).require(event).await
    }

    /// A key was narrowed or revoked.
    pub(super) async fn note_changed<T>(
        &self,
        action: &'static str,
        tenant: &Tenant,
        id: ApiKeyId,
        result: &Result<T>,
    ) {
        let mut event = self.event(action, Event::outcome_of(result), tenant);
        event.record = id.record();
        self.trail.note(event).await;
    }

    pub(super) async fn note_end(&self, end: &End, result: &Result<()>) {
        let outcome = Event::outcome_of(result);
        let mut event = self.inner.ground.event("api-key.end", outcome);
        let (scope, tenant) = match &end.scope {
            Scope::Tenant(tenant) | Scope::User(tenant, _) => ("tenant", Some(tenant)),
            Scope::All => ("all", None),
        };
        event.tenant = tenant.cloned();
        event.detail = Detail::none().with("scope", Value::Word(scope));
        if let Some(before) = end.before {
            event.detail = event.detail.with("before", Value::Time(before));
        }
        self.trail.note(event).await;
    }

    /// A key was reported: it is to be deleted, or was by this report.
    pub(super) async fn note_leaked(
        &self,
        id: ApiKeyId,
        tenant: Option<&Tenant>,
        outcome: Outcome,
    ) {
        let mut event = self.inner.ground.event("api-key.leaked", outcome);
        event.tenant = tenant.cloned();
        event.record = id.record();
        self.trail.note(event).await;
    }

    /// A genuine key was used from where it may not be: somebody has it.
    pub(super) async fn note_elsewhere(&self, row: &Row) {
        let refused = Outcome::Failed(ErrorKind::Rejected, Some(reason::ADDRESS));
        let mut event = self.event("api-key.refused", refused, &row.tenant);
        event.record = row.id.record();
        self.trail.note(event).await;
    }

    /// The owner of a key is told that it expires.
    pub(super) async fn note_expires(&self, notice: &Notice) {
        let mut event = self.event("api-key.expires", Outcome::Done, &notice.key.tenant);
        event.record = notice.key.id.record();
        if let Some(expires) = notice.key.expires {
            event.detail = Detail::none().with("expires", Value::Time(expires));
        }
        self.trail.note(event).await;
    }
}
