//! A session, as an argument.

use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use keyward_base::Error;
use keyward_session::SessionKind;

use crate::failure::Failure;
use crate::session::web::{self, WebSessions};
use crate::{proof, reason, seen};

/// A session of kind `K` that lives, of a request that may have one. See [`crate::session`].
///
/// As `Option`, it is none where it would be 401; all else is refused as ever, and so is what comes
/// from another page, which would otherwise be done as if nobody was logged in.
///
/// Behind a [`guard`](proof::guard) of the same type it is what the guard found out, and costs no
/// second check.
pub struct LiveSession<K: SessionKind>(keyward_session::LiveSession<K>);

impl<K: SessionKind> LiveSession<K> {
    /// The session, for what takes it, such as [`keyward_session::Sessions::reauthenticate`].
    #[must_use]
    pub fn into_inner(self) -> keyward_session::LiveSession<K> {
        self.0
    }
}

impl<K: SessionKind> Deref for LiveSession<K> {
    type Target = keyward_session::LiveSession<K>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: SessionKind> fmt::Debug for LiveSession<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S, K> FromRequestParts<S> for LiveSession<K>
where
    S: Send + Sync,
    K: SessionKind,
    WebSessions: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        seen::mark(parts);
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(proved);
        }
        let web = WebSessions::from_ref(state);
        web.admit(parts)?;
        let checked = match web.token::<K>(parts) {
            Ok(Some(token)) => web.sessions().check::<K>(token).await,
            Ok(None) => Err(Error::rejected(reason::NO_COOKIE)),
            Err(error) => Err(error),
        };
        checked.map(Self).map_err(|error| web.refused(error))
    }
}

impl<S, K> OptionalFromRequestParts<S> for LiveSession<K>
where
    S: Send + Sync,
    K: SessionKind,
    WebSessions: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Failure> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if web::is_none(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
