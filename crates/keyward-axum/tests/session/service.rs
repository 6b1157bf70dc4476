//! A small service with sessions: a log-in that takes everybody at his word.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use keyward_axum::proof::{Proved, guard};
use keyward_axum::session::{Fresh, LiveSession, OwnPage, SessionCookie, WebSessions};
use keyward_axum::{Failure, Origins, RoutePolicy, SecretForm, WebGuard};
use keyward_base::{
    Clock as _, Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::{Admin, Kind, Pending, Sessions, Staff, Start, User};
use keyward_store::MemoryStore;
use keyward_testkit::Staged;

use crate::web::serve_at;

/// What a log-in would give.
#[derive(Debug)]
struct Shown {
    tenant: Tenant,
    subject: Subject,
    door: Door,
    at: Timestamp,
    factor_due: bool,
}

impl Evidence for Shown {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        self.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        self.factor_due
    }
}

/// The state of the routes.
#[derive(Clone)]
pub(crate) struct App {
    pub web: WebSessions,
    pub clock: Arc<ManualClock>,
    ring: Keyring,
    /// Of the sessions.
    pub store: Arc<Staged>,
    /// How often something was done that a session is needed for, or a log-in.
    pub acts: Arc<AtomicUsize>,
}

impl FromRef<App> for WebSessions {
    fn from_ref(app: &App) -> Self {
        app.web.clone()
    }
}

impl App {
    async fn new(make: impl FnOnce(Sessions) -> WebSessions) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let ring = Keyring::builder(Arc::new(MemoryStore::new(1000)), root).clock(clock.clone());
        let ring = ring
            .create(&[Purpose::new("vault").unwrap()], &[])
            .await
            .unwrap();
        let store = Staged::over(Arc::new(MemoryStore::new(1000)));
        let sessions = Sessions::builder(ring.clone(), store.clone())
            .opens(USERS, Kind::User)
            .opens(ADMINS, Kind::Admin);
        let sessions = sessions.install().await.unwrap().build().await.unwrap();
        Self {
            web: make(sessions),
            clock,
            ring,
            store,
            acts: Arc::default(),
        }
    }

    /// Time goes by, in which the keyring is read anew as it is by a process that serves.
    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(self.ring.refresh()).unwrap();
    }

    pub fn acts(&self) -> usize {
        self.acts.load(Ordering::Relaxed)
    }
}

const USERS: Door = Door::new("users");
const ADMINS: Door = Door::new("admins");

async fn log_in(
    State(app): State<App>,
    _: OwnPage,
    earlier: Option<LiveSession<User>>,
    mut form: SecretForm,
) -> Result<Response, Failure> {
    app.acts.fetch_add(1, Ordering::Relaxed);
    let door = form.text("door")?;
    let shown = Shown {
        tenant: Tenant::new("acme")?,
        subject: Subject::new(&form.text("name")?).map_err(Failure::input)?,
        door: if door == "admins" { ADMINS } else { USERS },
        at: app.clock.now()?,
        factor_due: door == "factor",
    };
    let start = Start::new()
        .remember(form.has("remember"))
        .replacing(earlier.as_deref().map(|live| &**live));
    let started = app.web.sessions().start(shown, start).await?;
    Ok((app.web.begin(&started)?, Redirect::to("/")).into_response())
}

async fn log_out(State(app): State<App>, live: LiveSession<User>) -> Result<Response, Failure> {
    app.web.sessions().end(&live).await?;
    Ok((app.web.log_out::<User>()?, Redirect::to("/login")).into_response())
}

async fn act_as(
    State(app): State<App>,
    admin: Fresh<Admin, 15>,
    mut form: SecretForm,
) -> Result<SessionCookie, Failure> {
    let (of, why) = (Tenant::new("acme")?, form.text("why")?);
    let who = Subject::new(&form.text("name")?).map_err(Failure::input)?;
    let sessions = app.web.sessions();
    let started = sessions.act_as(admin.into_inner(), &of, &who, &why).await?;
    Ok(app.web.begin(&started)?)
}

async fn act(State(app): State<App>, live: LiveSession<User>) -> String {
    app.acts.fetch_add(1, Ordering::Relaxed);
    format!("done by {}", live.subject())
}

async fn home(live: LiveSession<User>) -> Html<String> {
    page(&format!(
        "<p>hello {}</p><form method=post action=/act><button>act</button></form>\
         <form method=post action=/logout><button id=out>log out</button></form>",
        live.subject()
    ))
}

async fn maybe(live: Option<LiveSession<User>>) -> String {
    live.map_or_else(|| "nobody".to_owned(), |live| live.subject().to_string())
}

async fn log_in_page() -> Html<String> {
    page(
        "<form method=post action=/login><input name=name><input name=door>\
         <input type=checkbox name=remember><button>log in</button></form>",
    )
}

fn page(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><title>small</title><link rel=stylesheet href=/style.css>{body}"
    ))
}

/// What is open to all, for users, for administrators, and for machines.
pub(crate) fn routes(app: &App, web: &WebGuard) -> Router {
    let admin = Router::new()
        .route(
            "/",
            get(|Proved(live): Proved<LiveSession<Admin>>| async move {
                format!("admin {}", live.subject())
            }),
        )
        .route(
            "/again",
            get(|live: LiveSession<Admin>| async move { live.subject().to_string() }),
        )
        .route("/act-as", post(act_as))
        .fallback(|| async { "an admin's nothing" });
    let cached = |said: &'static str| {
        get(move |_: Option<LiveSession<User>>| async move { ([(CACHE_CONTROL, said)], "cached") })
    };
    let pages = Router::new()
        .route("/", get(home))
        .route("/login", get(log_in_page).post(log_in))
        .route("/logout", post(log_out))
        .route("/act", post(act).get(act).put(act))
        .route("/maybe", get(maybe).post(maybe))
        .route("/fresh", get(|_: Fresh<User, 15>| async { "fresh" }))
        .route(
            "/pending",
            get(|live: LiveSession<Pending>| async move { live.subject().to_string() }),
        )
        .route("/staff", get(|_: LiveSession<Staff>| async { "staff" }))
        .route(
            "/style.css",
            get(|| async { ([(CONTENT_TYPE, "text/css")], "p { color: green }") }),
        )
        .route(
            "/open",
            get(|| async { ([(CACHE_CONTROL, "public, max-age=60")], "open") }),
        )
        .route("/public", cached("public, max-age=60"))
        .route("/private", cached("Private, max-age=60"))
        .route("/no-store", cached("no-store"))
        .route(
            "/headers",
            get(|headers: HeaderMap| async move { format!("{headers:?}") }),
        )
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .nest("/admin", guard::<LiveSession<Admin>, _>(admin, app).into());
    let machines = Router::new().route("/hook", get(maybe).post(maybe).put(act));
    // The same without any policy before it.
    let bare = Router::new()
        .route("/bare", post(act))
        .route("/bare-login", post(|_: OwnPage| async { "would log in" }));
    machines
        .layer(RoutePolicy::machines(web))
        .merge(pages.layer(RoutePolicy::pages(web)))
        .merge(bare)
        .with_state(app.clone())
}

/// Where the service listens, and what it is made of.
pub(crate) fn start() -> (SocketAddr, App) {
    let web = WebGuard::new(Origins::loopback());
    let of = web.clone();
    start_as(
        "127.0.0.1:0",
        |_| web,
        move |sessions, _| WebSessions::new(sessions, &of).unwrap(),
    )
}

pub(crate) fn start_as(
    address: &'static str,
    web: impl FnOnce(SocketAddr) -> WebGuard + Send + 'static,
    make: impl FnOnce(Sessions, &WebGuard) -> WebSessions + Send + 'static,
) -> (SocketAddr, App) {
    let kept = Arc::new(OnceLock::new());
    let keep = Arc::clone(&kept);
    let to = serve_at(address, async move |to| {
        let web = web(to);
        let app = App::new(|sessions| make(sessions, &web)).await;
        let routes = routes(&app, &web);
        assert!(keep.set(app).is_ok());
        routes
    });
    (to, kept.get().unwrap().clone())
}

/// The answer to `PUT /hook` on the machines' side, where no session reaches it.
pub(crate) const UNAUTHORIZED: u16 = StatusCode::UNAUTHORIZED.as_u16();

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
