//! What the routes work with, and who is behind a request.
//!
//! | proof | who |
//! |---|---|
//! | [`Office`] | one of an organisation's people, or staff who act for him |
//! | [`Own`] | one of an organisation's people himself |
//! | [`Administrator`] | an administrator of the service |
//!
//! Each is found out once for a request, by the guard before a group of routes.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use keyward_axum::api_key::WebKeys;
use keyward_axum::approval::{AgentDesk, TokioPause};
use keyward_axum::danger::loopback_cookies;
use keyward_axum::internal::WebInternal;
use keyward_axum::session::{LiveSession, WebSessions};
use keyward_axum::{Failure, WebGuard};
use keyward_base::{Error, Reason, Result};
use keyward_session::{AnyLive, Cookie, Kind, OwnKind, Staff, danger};

use crate::desk::{Administrator, Desk, Office, Own, Which, names, of_agents};

/// The state of the routes.
#[derive(Clone, Debug)]
pub(crate) struct App {
    desk: Arc<Desk>,
    pub(crate) web: WebSessions,
    keys: WebKeys,
    internal: WebInternal,
    pub(crate) agents: AgentDesk,
    pub(crate) guard: WebGuard,
}

impl App {
    /// Of a service that answers as `guard` says.
    pub(crate) fn new(desk: Arc<Desk>, guard: &WebGuard) -> Result<Self> {
        let sessions = desk.doors().sessions.clone();
        let web = match desk.settings().origin.is_loopback() {
            true => loopback_cookies(sessions, guard)?,
            false => WebSessions::new(sessions, guard)?,
        };
        let internal = match desk.settings().cron.clone() {
            Some(secrets) => WebInternal::new(secrets, guard, "internal")?,
            None => WebInternal::none(),
        };
        let agents = AgentDesk::new(
            desk.held().gates.clone(),
            of_agents()?,
            names()?,
            *desk.crypto(),
            Arc::clone(desk.clock()),
            Arc::new(TokioPause),
        );
        Ok(Self {
            agents,
            keys: WebKeys::new(desk.api_keys().clone(), guard, "api")?,
            desk,
            web,
            internal,
            guard: guard.clone(),
        })
    }

    pub(crate) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// As cookies are named where the service answers.
    fn cookie(&self, cookie: Cookie) -> Cookie {
        match self.desk.settings().origin.is_loopback() {
            true => danger::loopback_cookie(cookie),
            false => cookie,
        }
    }

    /// That by which a device is known at a door.
    pub(crate) fn device_cookie(&self, which: Which) -> Cookie {
        self.cookie(match which {
            Which::Users => Cookie::DEVICE,
            Which::Admins => Cookie::ADMIN_DEVICE,
        })
    }

    /// Whether a browser says that staff act, be that so or not: then nobody acts as himself.
    pub(crate) fn says_staff(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let read = self.cookie(Cookie::of(Kind::Staff)).read(lines);
        !matches!(read, Ok(None))
    }
}

impl Deref for App {
    type Target = Arc<Desk>;

    fn deref(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl FromRef<App> for WebSessions {
    fn from_ref(app: &App) -> Self {
        app.web.clone()
    }
}

impl FromRef<App> for WebKeys {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

impl FromRef<App> for AgentDesk {
    fn from_ref(app: &App) -> Self {
        app.agents.clone()
    }
}

impl FromRef<App> for WebInternal {
    fn from_ref(app: &App) -> Self {
        app.internal.clone()
    }
}

/// The session of kind `K` behind a request.
async fn live<K: OwnKind>(parts: &mut Parts, app: &App) -> Result<LiveSession<K>, Failure> {
    <LiveSession<K> as FromRequestParts<App>>::from_request_parts(parts, app).await
}

/// Who has a session and belongs nowhere.
fn nobody() -> Failure {
    Failure::forbidden(Error::rejected(Reason::NOT_FOUND))
}

impl Office {
    async fn of(app: &App, live: &AnyLive) -> Result<Self, Failure> {
        let found = Self::find(Arc::clone(app), live).await?;
        found.ok_or_else(nobody)
    }
}

impl FromRequestParts<App> for Office {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if app.says_staff(&parts.headers) {
            let found =
                <LiveSession<Staff> as FromRequestParts<App>>::from_request_parts(parts, app);
            let found = found.await?;
            return Self::of(app, &found).await;
        }
        let found = live::<keyward_session::User>(parts, app).await?;
        Self::of(app, &found).await
    }
}

impl FromRequestParts<App> for Own {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if app.says_staff(&parts.headers) {
            return Err(nobody());
        }
        let live = live::<keyward_session::User>(parts, app).await?;
        let office = Office::of(app, &live).await?;
        Ok(Self::new(office, live.into_inner()))
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let live = live::<keyward_session::Admin>(parts, app).await?;
        let found = Self::find(Arc::clone(app), live.into_inner()).await?;
        found.ok_or_else(nobody)
    }
}
