//! Who asks at a door, and what is said to who is not let in.

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use keyward_axum::session::LiveSession;
use keyward_axum::{ClientIp, Failure, Shown};
use keyward_base::{Error, Reason, SecretBytes};
use keyward_password::{Attempt, Tried};
use keyward_session::{AnyLive, Fresh, OwnKind};

use crate::app::App;
use crate::client::client;
use crate::desk::{Own, Which};

pub(super) type Answer<T> = Result<T, Failure>;

/// What a 401 asks for: a session, which a browser's cookie names.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Cookie realm=\"session\"");

/// A session of whatever kind.
pub(super) fn any<K: keyward_session::SessionKind>(live: &LiveSession<K>) -> &AnyLive {
    live
}

/// Who asks, and from where.
#[derive(Debug)]
pub(super) struct Asker {
    from: ClientIp,
    pub(super) headers: HeaderMap,
}

impl FromRequestParts<App> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self {
            from: ClientIp::from_request_parts(parts, app).await?,
            headers: parts.headers.clone(),
        })
    }
}

impl Asker {
    /// Judges a password at a door.
    pub(super) async fn check(
        &self,
        app: &App,
        which: Which,
        identifier: &str,
        password: SecretBytes,
    ) -> Answer<Tried> {
        let lines = self.headers.get_all(COOKIE).iter();
        let device = app
            .device_cookie(which)
            .read(lines.map(HeaderValue::as_bytes));
        let tried = app.doors().of(which).login.check(Attempt {
            identifier,
            password,
            prefix: self.from.prefix(),
            // One that is no token is none.
            device: device.ok().flatten(),
        });
        Ok(tried.await?)
    }

    /// What the browser calls itself.
    pub(super) fn client(&self) -> String {
        client(&self.headers)
    }
}

/// Why a form goes no further: a page that says so, or a failure.
#[derive(Debug)]
pub(super) struct Stop(Box<Response>);

impl Stop {
    pub(super) fn with(page: impl IntoResponse) -> Self {
        Self(Box::new(page.into_response()))
    }
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::with(error.into())
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// How long ago who does what an unattended browser must not has shown who he is, in minutes.
pub(super) const FRESH: u32 = 15;

/// That whose session it is showed who he is within [`FRESH`]; none if that was before.
pub(super) fn fresh<'a, K: OwnKind>(
    app: &App,
    live: &'a keyward_session::LiveSession<K>,
) -> Answer<Option<Fresh<&'a keyward_session::LiveSession<K>, FRESH>>> {
    match app.doors().sessions.fresh_ref(live) {
        Ok(fresh) => Ok(Some(fresh)),
        Err(e) if e.reason() == Some(keyward_session::reason::NOT_FRESH) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The same, of a session that nothing else needs.
pub(super) fn take_fresh<K: OwnKind>(
    app: &App,
    live: keyward_session::LiveSession<K>,
) -> Answer<Option<Fresh<keyward_session::LiveSession<K>, FRESH>>> {
    match app.doors().sessions.fresh(live) {
        Ok(fresh) => Ok(Some(fresh)),
        Err(e) if e.reason() == Some(keyward_session::reason::NOT_FRESH) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// An owner of his organisation, or 403.
pub(super) fn owner(own: &Own) -> Answer<()> {
    match own.office.is_owners() {
        true => Ok(()),
        false => Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND))),
    }
}

/// 401, with a page of the service's own.
pub(super) fn wrong(page: Html<String>) -> Response {
    let mut response = Shown::new(StatusCode::UNAUTHORIZED, page).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    response
}

/// 429, and when to come again.
pub(super) fn too_soon(app: &App, blocked: keyward_password::Blocked) -> Failure {
    let wait = match app.clock().now() {
        Ok(now) => blocked.retry.wait(now),
        Err(error) => return error.into(),
    };
    Failure::too_many(wait, Error::rejected(Reason::NOT_FOUND))
}
