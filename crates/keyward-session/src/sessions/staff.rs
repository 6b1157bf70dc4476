//! Staff act for a user.

use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Actor, Error, Event, Reason, Result, Subject, Tenant};

use super::Sessions;
use super::start::{Acting, Before, Draft};
use crate::kind::{Admin, Kind};
use crate::live::{Fresh, LiveSession, Started};
use crate::row::REASON;
use crate::text::typed;

impl Sessions {
    /// A session of [`Kind::Staff`]: an administrator acts for a user, for an hour at most and never
    /// longer than his own session. Whether he may, for this user, the application decides before.
    ///
    /// It is on record before it begins, and its token is for a cookie of its own. It ends with the
    /// administrator's session, and with whatever ends his sessions or the user's. The user sees it,
    /// and `why`, among his devices.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`], [`Reason::TOO_LONG`]) for a reason that is empty, has more
    /// than 200 bytes or characters that are not shown; as [`Sessions::check`] if the
    /// administrator's session has ended. `Unavailable` if a store, the keyring, the clock, the
    /// trail or randomness cannot be relied on.
    pub async fn act_as(
        &self,
        admin: Fresh<LiveSession<Admin>, 15>,
        tenant: &Tenant,
        subject: &Subject,
        why: &str,
    ) -> Result<Started> {
        let why = typed(why.trim(), REASON)?;
        if why.is_empty() {
            return Err(Error::rejected(Reason::MALFORMED));
        }
        let admin = admin.into_inner();
        let mut event = Event::new(self.now()?, "session.act-as", Outcome::Granted);
        event.tenant = Some(tenant.clone());
        event.record = admin.id().record();
        event.detail = Detail::none().with("kind", Value::Word(Kind::Staff.as_str()));
        let actor = Actor::new(admin.subject().clone()).staff();
        let trail = self
            .0
            .ground
            .trail
            .acting_as(actor.on_behalf_of(subject.clone()));
        trail.require(event).await?;
        let draft = Draft {
            kind: Kind::Staff,
            remember: false,
            tenant: tenant.clone(),
            subject: subject.clone(),
            door: admin.row.door.clone(),
            methods: admin.row.methods.clone(),
            authenticated: admin.row.authenticated,
            evidence: None,
            client: admin.row.client.clone(),
            name: String::new(),
            behind: Some(Acting {
                session: admin.id(),
                tenant: admin.tenant().clone(),
                subject: admin.subject().clone(),
                reason: why,
            }),
        };
        self.begin(draft, Before::None).await
    }
}
