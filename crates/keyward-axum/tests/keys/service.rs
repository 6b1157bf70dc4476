//! A small service with API keys.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use keyward_axum::api_key::{AnyKey, Key, KeyScope, WebKeys};
use keyward_axum::leak::{self, LeakReports, PublishedKeys};
use keyward_axum::proof::{Proved, guard};
use keyward_axum::{Origins, Proxies, RoutePolicy, WebGuard};
use keyward_base::{ManualClock, Purpose, Subject, Tenant, Timestamp, Trail};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::api_key::{ApiKeys, IssuedKey, NewKey, Ranges, Scope, Scopes};
use keyward_session::danger::Operator;
use keyward_store::MemoryStore;
use keyward_testkit::{RecordingAudit, Staged};
use tokio::runtime::{Builder, Runtime};

use crate::web::{Answer, send, send_from, serve, serve_with_peers};

/// The address of the proxy in front.
pub(crate) const PROXY: &str = "127.0.0.9";

pub(crate) struct Read;
impl KeyScope for Read {
    const SCOPE: Scope = Scope::named("servers:read");
}
pub(crate) struct Write;
impl KeyScope for Write {
    const SCOPE: Scope = Scope::named("servers:write");
}

#[derive(Clone)]
struct App {
    keys: WebKeys,
    reports: LeakReports,
    ran: Arc<AtomicUsize>,
}

impl FromRef<App> for WebKeys {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

impl FromRef<App> for LeakReports {
    fn from_ref(app: &App) -> Self {
        app.reports.clone()
    }
}

async fn read(State(app): State<App>, key: Key<Read>, headers: HeaderMap) -> String {
    app.ran.fetch_add(1, Ordering::Relaxed);
    assert!(!headers.contains_key("cookie"));
    format!("read for {}", key.tenant())
}

async fn write(State(app): State<App>, key: Key<Write>) -> String {
    app.ran.fetch_add(1, Ordering::Relaxed);
    format!("written for {}", key.tenant())
}

async fn whoami(key: AnyKey) -> String {
    format!("{} {}", key.name(), key.scopes())
}

pub(crate) struct Service {
    pub(crate) to: SocketAddr,
    pub(crate) keys: ApiKeys,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Staged>,
    pub(crate) audit: RecordingAudit,
    pub(crate) published: PublishedKeys,
    pub(crate) told: Arc<Mutex<Vec<String>>>,
    ring: Keyring,
    runtime: Runtime,
    ran: Arc<AtomicUsize>,
}

/// Whether the service knows where a connection comes from, and which proxies there are.
pub(crate) enum Peers {
    Unknown,
    Known(Proxies),
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(&Peers::Known(Proxies::none()))
    }

    pub(crate) fn with(peers: &Peers) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let audit = RecordingAudit::new();
        let store = Staged::over(Arc::new(MemoryStore::new(10_000)));
        let (ring, keys) = runtime.block_on(async {
            let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
            let stored = Arc::new(MemoryStore::new(1_000));
            let ring = Keyring::builder(stored, root).clock(clock.clone());
            let vault = Purpose::new("vault").unwrap();
            let ring = ring.create(&[vault], &[]).await.unwrap();
            let keys = ApiKeys::builder(ring.clone(), store.clone())
                .prefix("acme_live_")
                .trail(Trail::new(Arc::new(audit.clone())));
            let keys = keys.install().await.unwrap().build().await.unwrap();
            (ring, keys)
        });
        let told = Arc::<Mutex<Vec<String>>>::default();
        let listener = told.clone();
        let web = WebGuard::new(Origins::loopback())
            .report(move |error| listener.lock().unwrap().push(format!("{error:?}")));
        let web = match peers {
            Peers::Known(proxies) => web.proxies(proxies.clone()),
            Peers::Unknown => web,
        };
        let published = PublishedKeys::new();
        let app = App {
            keys: WebKeys::new(keys.clone(), &web, "api").unwrap(),
            reports: LeakReports::new(keys.clone(), published.clone()),
            ran: Arc::default(),
        };
        let ran = app.ran.clone();
        let routes = routes(&app, &web).with_state(app);
        Self {
            to: match peers {
                Peers::Known(_) => serve_with_peers("0.0.0.0:0", routes),
                Peers::Unknown => serve(routes),
            },
            keys,
            clock,
            store,
            audit,
            published,
            told,
            ring,
            runtime,
            ran,
        }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A key of that tenant.
    pub(crate) fn issue(&self, of: &str, scopes: &str, ranges: &str) -> IssuedKey {
        let by = Operator::of(Tenant::new(of).unwrap(), Subject::new("root").unwrap());
        let new = NewKey::new("build")
            .unwrap()
            .scopes(Scopes::parse(scopes).unwrap())
            .ranges(Ranges::parse(ranges).unwrap());
        self.run(self.keys.issue_as_operator(&by, new)).unwrap()
    }

    /// Time goes by, in which the keyring is read anew as it is by a process that serves.
    pub(crate) fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.run(self.ring.refresh()).unwrap();
    }

    pub(crate) fn at(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.to.port()))
    }

    fn head(&self, line: &str, more: &str) -> String {
        format!(
            "{line} HTTP/1.1\nHost: {}\nContent-Length: 0\n{more}",
            self.at()
        )
    }

    pub(crate) fn send(&self, line: &str, more: &str) -> Answer {
        send(self.at(), &self.head(line, more), b"")
    }

    pub(crate) fn with_key(&self, line: &str, key: &IssuedKey) -> Answer {
        self.send(line, &bearer(key))
    }

    pub(crate) fn send_from(&self, from: &str, line: &str, more: &str) -> Answer {
        send_from(from, self.at(), &self.head(line, more), b"")
    }

    pub(crate) fn ran(&self) -> usize {
        self.ran.load(Ordering::Relaxed)
    }
}

pub(crate) fn bearer(key: &IssuedKey) -> String {
    format!("Authorization: Bearer {}", key.key().expose())
}

fn routes(app: &App, web: &WebGuard) -> Router<App> {
    let group = Router::new()
        .route("/whoami", get(whoami))
        .route("/read", get(read))
        .route("/write", post(write))
        .route("/forgot", get(async || "forgot its argument"));
    let readers = Router::new()
        .route("/a", get(read))
        .route(
            "/b",
            get(async |key: Proved<Key<Read>>| key.0.name().to_owned()),
        )
        .route("/c", get(async || "forgot its argument"));
    let machines = Router::new()
        .route("/whoami", get(whoami))
        .route("/read", get(read))
        .route("/write", post(write))
        .route("/leaks", post(leak::receive))
        .nest("/group", guard::<AnyKey, _>(group, app).into())
        .nest("/readers", guard::<Key<Read>, _>(readers, app).into());
    let pages = Router::new().route("/page", get(whoami).post(write));
    let bare = Router::new().route("/bare", get(whoami));
    machines
        .layer(RoutePolicy::machines(web))
        .merge(pages.layer(RoutePolicy::pages(web)))
        .merge(bare)
}
