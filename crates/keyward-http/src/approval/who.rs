//! Who is signed in, as a vote takes him.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use http::request::Parts;
use keyward_approval::Gates;
use keyward_base::{BoxFuture, Door, Evidence, Method, Subject, Tenant, Timestamp};
use keyward_session::OwnKind;

use crate::failure::Failure;
use crate::session::WebSessions;

/// How long ago who decides signed in, at most, unless the pages are told otherwise: a phone that lies
/// about is not always its owner's hand.
pub const FRESH: Duration = Duration::from_secs(15 * 60);

/// Whose session a request has.
#[derive(Debug)]
pub(super) struct SignedIn {
    tenant: Tenant,
    subject: Subject,
    door: Door,
    /// Before the session was looked up: an end of it that came later is not known.
    at: Timestamp,
    authenticated: Timestamp,
    /// What the service calls him, as the page shows it.
    pub(super) name: Option<String>,
}

impl SignedIn {
    /// What he is called: by the service, or else by his subject.
    pub(super) fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(self.subject.as_str())
    }

    pub(super) fn is_fresh(&self, within: Option<Duration>) -> bool {
        within.is_none_or(|span| self.at.saturating_since(self.authenticated) <= span)
    }
}

impl Evidence for SignedIn {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        Method::new("session")
    }

    fn door(&self) -> Door {
        self.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        // Such a session is of another kind, which is none of a person's own.
        false
    }
}

/// What a service calls its people: an address, or a name. A page shows it beside what the action itself
/// says, which has subjects alone.
pub trait Names: fmt::Debug + Send + Sync {
    /// What somebody is called; none if nothing is known of him, or he is no person. The page escapes
    /// it, and shows what of it cannot be seen.
    fn name<'a>(
        &'a self,
        tenant: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, keyward_base::Result<Option<String>>>;
}

/// What finds out who is signed in.
pub(super) trait People: fmt::Debug + Send + Sync {
    /// Who it is; none if nobody is, or by a door that nothing is decided through.
    fn who<'a>(
        &'a self,
        gates: &'a Gates,
        request: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<SignedIn>, Failure>>;
}

/// By sessions of kind `K`.
#[derive(Debug)]
pub(super) struct BySession<K>(WebSessions, PhantomData<fn() -> K>);

impl<K> BySession<K> {
    pub(super) const fn new(web: WebSessions) -> Self {
        Self(web, PhantomData)
    }
}

impl<K: OwnKind> People for BySession<K> {
    fn who<'a>(
        &'a self,
        gates: &'a Gates,
        request: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<SignedIn>, Failure>> {
        Box::pin(async move {
            let at = gates.clock().now()?;
            let Some(live) = self.0.live_if_any::<K>(request).await? else {
                return Ok(None);
            };
            let mut doors = gates.doors().iter();
            let door = doors.find(|door| door.as_str() == live.door());
            Ok(door.map(|door| SignedIn {
                tenant: live.tenant().clone(),
                subject: live.subject().clone(),
                door: *door,
                at,
                authenticated: live.authenticated_at(),
                name: None,
            }))
        })
    }
}
