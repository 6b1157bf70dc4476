//! That a request comes from a page of the service, where there is no session yet.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use crate::failure::Failure;
use crate::peer;
use crate::session::WebSessions;

/// That a request may change something: it comes from a page of the service, or its method is one
/// that changes nothing. What a [`LiveSession`](crate::session::LiveSession) asks, without one: for
/// the forms that start a session, and for those that anybody may send.
///
/// [`RoutePolicy::pages`](crate::RoutePolicy::pages) asks the same of all its routes. Taken as an
/// argument, it holds for a handler wherever it is put.
#[derive(Debug)]
#[non_exhaustive]
pub struct OwnPage;

impl<S> FromRequestParts<S> for OwnPage
where
    S: Send + Sync,
    WebSessions: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        peer::tell(&mut parts.extensions);
        WebSessions::from_ref(state).own_page(parts).map(|()| Self)
    }
}
