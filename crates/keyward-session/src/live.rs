//! A session that was found to live, and what is made of it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use keyward_base::{Actor, Method, Subject, Tenant, Timestamp};

use crate::id::SessionId;
use crate::kind::{Kind, SessionKind};
use crate::row::Row;
use crate::token::SessionToken;

/// A session of any kind that lived when it was checked. Only the check makes one; it cannot be
/// cloned, and is good for the request that it was made in.
pub struct AnyLive {
    pub(crate) row: Box<Row>,
}

impl AnyLive {
    /// The tenant that the subject belongs to: from the row, whose MAC covers it.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.row.tenant
    }

    /// Whose session it is; of one of staff: for whom they act.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.row.subject
    }

    /// Its public name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.row.id
    }

    /// What it is good for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.row.kind
    }

    /// The door it was started at.
    #[must_use]
    pub fn door(&self) -> &str {
        &self.row.door
    }

    /// How who it is was shown: the words of the [`Method`]s.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.row.methods.iter().map(String::as_str)
    }

    /// Whether it was shown by this method.
    #[must_use]
    pub fn has_method(&self, method: Method) -> bool {
        self.methods().any(|word| word == method.as_str())
    }

    /// When it was shown: the earliest of its methods.
    #[must_use]
    pub const fn authenticated_at(&self) -> Timestamp {
        self.row.authenticated
    }

    /// When the session began.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.row.created
    }

    /// When it ends unless it is used, or at all, whichever is sooner. It slides in steps of a
    /// fourteenth of its window.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.row.idle
    }

    /// Of a session of staff: who acts in truth, and why.
    #[must_use]
    pub fn staff(&self) -> Option<StaffActing<'_>> {
        let behind = self.row.behind.as_ref()?;
        Some(StaffActing {
            tenant: &behind.tenant,
            subject: &behind.subject,
            reason: &behind.reason,
        })
    }

    /// Who acts in it, for the trail: staff are flagged, and name for whom they act.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.row.behind {
            Some(behind) => Actor::new(behind.subject.clone())
                .staff()
                .on_behalf_of(self.row.subject.clone()),
            None => Actor::new(self.row.subject.clone()),
        }
    }
}

impl fmt::Debug for AnyLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession")
            .field("id", &self.row.id)
            .field("kind", &self.row.kind)
            .field("tenant", &self.row.tenant)
            .field("subject", &self.row.subject)
            .finish_non_exhaustive()
    }
}

/// Who acts for a user.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StaffActing<'a> {
    /// The tenant of the administrator.
    pub tenant: &'a Tenant,
    /// The administrator.
    pub subject: &'a Subject,
    /// Why, as he said.
    pub reason: &'a str,
}

/// A session of kind `K` that lived when it was checked. See [`AnyLive`].
pub struct LiveSession<K: SessionKind>(AnyLive, PhantomData<K>);

impl<K: SessionKind> LiveSession<K> {
    /// None if it is of another kind.
    pub(crate) fn of(live: AnyLive) -> Option<Self> {
        (live.row.kind == K::KIND).then_some(Self(live, PhantomData))
    }
}

impl<K: SessionKind> Deref for LiveSession<K> {
    type Target = AnyLive;

    fn deref(&self) -> &AnyLive {
        &self.0
    }
}

impl<K: SessionKind> fmt::Debug for LiveSession<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session whose owner showed who he is at most `MINUTES` ago, when it was asked.
pub struct Fresh<S, const MINUTES: u32>(pub(crate) S);

impl<S, const MINUTES: u32> Fresh<S, MINUTES> {
    /// The session.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S, const MINUTES: u32> Deref for Fresh<S, MINUTES> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: fmt::Debug, const MINUTES: u32> fmt::Debug for Fresh<S, MINUTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fresh").field(&self.0).finish()
    }
}

/// A session that was just started.
#[derive(Debug)]
#[must_use = "nobody has the session until its token is sent"]
pub struct Started {
    pub(crate) token: SessionToken,
    pub(crate) id: SessionId,
    pub(crate) kind: Kind,
    pub(crate) max_age: Option<Duration>,
}

impl Started {
    /// What goes into the cookie, once: renewals send none.
    #[must_use]
    pub const fn token(&self) -> &SessionToken {
        &self.token
    }

    /// Its public name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// What it is good for: [`Kind::Pending`] where a second factor is due.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How long the browser keeps the cookie, from now on: until the session ends at the latest.
    /// None: until it is closed.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
}
