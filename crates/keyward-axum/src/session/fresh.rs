//! A session whose owner showed who he is a short while ago.

use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use keyward_session::OwnKind;

use crate::failure::Failure;
use crate::session::WebSessions;
use crate::session::live::LiveSession;

/// A session of kind `K` whose owner showed who he is at most `MINUTES` ago: for what an unattended
/// browser must not do. Too long ago is 401 like no session at all; a handler that shows the page for
/// it takes `Result<Fresh<…>, Failure>` and asks for the reason
/// ([`keyward_session::reason::NOT_FRESH`]).
pub struct Fresh<K: OwnKind, const MINUTES: u32>(
    keyward_session::Fresh<keyward_session::LiveSession<K>, MINUTES>,
);

impl<K: OwnKind, const MINUTES: u32> Fresh<K, MINUTES> {
    /// The session, for what takes a fresh one.
    #[must_use]
    pub fn into_inner(self) -> keyward_session::Fresh<keyward_session::LiveSession<K>, MINUTES> {
        self.0
    }
}

impl<K: OwnKind, const MINUTES: u32> Deref for Fresh<K, MINUTES> {
    type Target = keyward_session::LiveSession<K>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: OwnKind, const MINUTES: u32> fmt::Debug for Fresh<K, MINUTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S, K, const MINUTES: u32> FromRequestParts<S> for Fresh<K, MINUTES>
where
    S: Send + Sync,
    K: OwnKind,
    WebSessions: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let live =
            <LiveSession<K> as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let web = WebSessions::from_ref(state);
        web.fresh(live.into_inner()).map(Self)
    }
}
