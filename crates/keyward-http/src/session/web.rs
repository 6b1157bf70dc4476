//! Sessions, and where the service answers.

use std::sync::Arc;

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use keyward_base::{Error, Result};
use keyward_session::cookie::MAX_AGE;
use keyward_session::{
    Cookie, Fresh, LiveSession, OwnKind, SessionKind, Sessions, Started, danger,
};

use crate::challenge::Challenge;
use crate::failure::Failure;
use crate::guard::WebGuard;
use crate::peer::Peer;
use crate::session::answer::SessionCookie;
use crate::{loopback, reason, same_origin, seen};

/// Sessions, and where the service answers: what finds out whose a request is. A cheap clone, and part of
/// an application's state.
#[derive(Clone, Debug)]
pub struct WebSessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sessions: Sessions,
    guard: WebGuard,
    challenge: Challenge,
    is_secure: bool,
}

impl WebSessions {
    /// Sessions of a service that answers as `guard` says.
    ///
    /// # Errors
    /// `Misuse` if its origins are plain HTTP and not on loopback: browsers keep the cookies of
    /// sessions over TLS only.
    pub fn new(sessions: Sessions, guard: &WebGuard) -> Result<Self> {
        if !guard.origins.is_secure() {
            return Err(Error::misuse(
                "browsers keep a session's cookie over TLS only: the origins must be https, here \
                 or at a proxy in front, or on loopback",
            ));
        }
        Self::of(sessions, guard, true)
    }

    /// For [`crate::danger::loopback_cookies`].
    pub(crate) fn on_loopback(sessions: Sessions, guard: &WebGuard) -> Result<Self> {
        Self::of(sessions, guard, false)
    }

    fn of(sessions: Sessions, guard: &WebGuard, is_secure: bool) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            sessions,
            guard: guard.clone(),
            challenge: Challenge::scheme("Cookie", "session")?,
            is_secure,
        })))
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The cookie of a session that was started, for the answer: [`SessionCookie`] is a part of one.
    /// It is set here and never again.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn begin(&self, started: &Started) -> Result<SessionCookie> {
        let cookie = self.cookie(Cookie::of(started.kind()));
        let header = cookie.set(started.token().expose(), started.max_age())?;
        Ok(SessionCookie::of(header))
    }

    /// Has the browser forget the cookie of sessions of kind `K`: where one ended that another took
    /// the place of, such as [`keyward_session::Pending`].
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn forget<K: SessionKind>(&self) -> Result<SessionCookie> {
        self.cookie(Cookie::of(K::KIND))
            .clear()
            .map(SessionCookie::of)
    }

    /// The same at log-out: what pages kept in the browser goes too (`Clear-Site-Data: "storage"`,
    /// OWASP ASVS 5.0, 14.3.1). Other cookies stay, those of other kinds and of the device among
    /// them. It ends no session: [`Sessions::end`] does.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn log_out<K: SessionKind>(&self) -> Result<SessionCookie> {
        self.forget::<K>().map(SessionCookie::and_storage)
    }

    /// A cookie as it is named and written here: what [`keyward_session::Cookie`] says, or on
    /// loopback what [`crate::danger::loopback_cookies`] made of it.
    #[must_use]
    pub fn cookie(&self, cookie: Cookie) -> Cookie {
        match self.0.is_secure {
            true => cookie,
            false => danger::loopback_cookie(cookie),
        }
    }

    /// What a request has in a cookie that is of no session, such as [`Cookie::DEVICE`]. None if it is
    /// not there, or not of its form: it then says nothing.
    #[must_use]
    pub fn read<'a>(&self, headers: &'a HeaderMap, cookie: Cookie) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter();
        let read = self.cookie(cookie).read(lines.map(HeaderValue::as_bytes));
        read.ok().flatten()
    }

    /// Sets a cookie that is of no session, for as long as browsers keep any.
    ///
    /// # Errors
    /// `Misuse` unless the value is 1 to 512 characters of base64url.
    pub fn keep(&self, cookie: Cookie, token: &str) -> Result<SessionCookie> {
        let header = self.cookie(cookie).set(token, Some(MAX_AGE))?;
        Ok(SessionCookie::of(header))
    }

    /// That a request may have a session at all, whoever it is of: its host is one of the service's,
    /// and what may change something comes from a page of it. For the forms that start a session, and
    /// for those that anybody may send; [`WebSessions::live`] asks it too.
    ///
    /// # Errors
    /// A refusal: 403, or 421 for a host that is none of the service's.
    pub fn own_page(&self, request: &Parts) -> Result<(), Failure> {
        let guard = &self.0.guard;
        let own = guard.origins.addressed(request)?;
        if !self.0.is_secure {
            let peer = request.extensions.get().map(|Peer(peer)| *peer);
            loopback::check(guard, request, peer).map_err(|error| match error.reason() {
                Some(reason::NOT_LOOPBACK) => Failure::forbidden(error),
                _ => Failure::from(error),
            })?;
        }
        same_origin::check(request, &own, guard.referrer)?;
        Ok(())
    }

    /// The session of kind `K` that a request has in its cookie, if it lives.
    ///
    /// The answer is then kept by no cache (see [`crate::session`]), if `request` are the parts on which
    /// a [`crate::RoutePolicy`] decided.
    ///
    /// # Errors
    /// A refusal, as [`crate::session`] says.
    pub async fn live<K: SessionKind>(&self, request: &Parts) -> Result<LiveSession<K>, Failure> {
        seen::mark(request);
        self.own_page(request)?;
        let checked = match self.token::<K>(request) {
            Ok(Some(token)) => self.sessions().check::<K>(token).await,
            Ok(None) => Err(Error::rejected(reason::NO_COOKIE)),
            Err(error) => Err(error),
        };
        checked.map_err(|error| self.refused(error))
    }

    /// The same, and none where it would be 401. All else is refused.
    ///
    /// # Errors
    /// A refusal, as [`crate::session`] says, but no 401.
    pub async fn live_if_any<K: SessionKind>(
        &self,
        request: &Parts,
    ) -> Result<Option<LiveSession<K>>, Failure> {
        match self.live(request).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if failure.status() == StatusCode::UNAUTHORIZED => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// That the owner of a session showed who he is at most `MINUTES` ago.
    ///
    /// # Errors
    /// A refusal: 401 if it is too long ago ([`keyward_session::reason::NOT_FRESH`]).
    pub fn fresh<K: OwnKind, const MINUTES: u32>(
        &self,
        live: LiveSession<K>,
    ) -> Result<Fresh<LiveSession<K>, MINUTES>, Failure> {
        let fresh = self.sessions().fresh::<_, MINUTES>(live);
        fresh.map_err(|error| self.refused(error))
    }

    /// The token that a request has for sessions of kind `K`.
    fn token<'a, K: SessionKind>(&self, request: &'a Parts) -> Result<Option<&'a str>> {
        let lines = request.headers.get_all(COOKIE).iter();
        self.cookie(Cookie::of(K::KIND))
            .read(lines.map(HeaderValue::as_bytes))
    }

    /// A refusal: 401 where the sender is at fault.
    fn refused(&self, error: Error) -> Failure {
        match error.kind() {
            keyward_base::ErrorKind::Rejected => Failure::unauthenticated(&self.0.challenge, error),
            _ => Failure::from(error),
        }
    }
}
