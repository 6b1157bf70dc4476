//! A session, as an argument.

use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use keyward_session::SessionKind;

use crate::failure::Failure;
use crate::session::WebSessions;
use crate::{peer, proof};

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
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(proved);
        }
        peer::tell(&mut parts.extensions);
        let web = WebSessions::from_ref(state);
        web.live(parts).await.map(Self)
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
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(Some(proved));
        }
        peer::tell(&mut parts.extensions);
        let web = WebSessions::from_ref(state);
        let live = web.live_if_any(parts).await?;
        Ok(live.map(Self))
    }
}
