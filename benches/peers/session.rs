//! Sessions, keyward and tower-sessions in one run: `cargo bench --bench session` in this folder.
//!
//! Looking one up: tower-sessions' stores find a record by the id that the cookie holds, and verify
//! nothing; keyward checks the token, the row and three epochs. Through axum: the session, a check of
//! the origin and the same response headers, ours beside tower-sessions and tower-http, less what
//! the same router takes without any. By the processor time of all threads.
#![allow(
    dead_code, // Of what makes sessions, another bench uses the rest.
    clippy::unwrap_used,
    missing_docs
)]

#[path = "../session/world.rs"]
mod world;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::header::*;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use keyward_axum::session::{LiveSession, WebSessions};
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use keyward_benches::{Work, compare, finish, is_smoke, processor_time, rows};
use keyward_keys::Keyring;
use keyward_session::{Cookie, Kind, Sessions, User};
use keyward_store::MemoryStore;
use keyward_store::conformance::block_on;
use tower::Service as _;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_sessions::session::{Id, Record};
use tower_sessions::{SessionManagerLayer, SessionStore};
use tower_sessions_rusqlite_store::RusqliteStore;
use tower_sessions_rusqlite_store::tokio_rusqlite::Connection;

const ORIGIN: &str = "https://app.example.com";

fn by_all_threads<'a>(mut work: impl FnMut() + 'a) -> Work<'a> {
    Box::new(move |count| {
        let before = processor_time();
        (0..count).for_each(|_| work());
        processor_time().saturating_sub(before)
    })
}

/// Some of them in turn.
fn in_turn<T: Clone>(all: &[T]) -> impl Iterator<Item = T> + Clone {
    let each: Vec<T> = all.iter().step_by(97).take(1_000).cloned().collect();
    each.into_iter().cycle()
}

/// Sessions of tower-sessions, who it is as their only value.
async fn filled(store: &impl SessionStore, count: usize) -> Vec<Id> {
    let mut ids = Vec::with_capacity(count);
    for n in 0..count {
        let (tenant, subject) = world::person(n);
        let value = |text: &str| serde_json::Value::from(text);
        let data = [
            ("tenant".to_owned(), value(tenant.as_str())),
            ("subject".to_owned(), value(subject.as_str())),
        ];
        let mut record = Record {
            id: Id::default(),
            data: data.into_iter().collect(),
            expiry_date: time::OffsetDateTime::now_utc() + time::Duration::days(7),
        };
        store.create(&mut record).await.unwrap();
        ids.push(record.id);
    }
    ids
}

async fn on_sqlite(path: &Path) -> RusqliteStore {
    let conn = Connection::open(path).await.unwrap();
    conn.call(|conn| conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF"))
        .await
        .unwrap();
    let store = RusqliteStore::new(conn);
    store.migrate().await.unwrap();
    store
}

fn look_up(title: &str, ours: (&Sessions, &[String]), theirs: (&impl SessionStore, &[Id])) {
    let (mut tokens, mut ids) = (in_turn(ours.1), in_turn(theirs.1));
    let live = block_on(ours.0.check::<User>(&ours.1[0])).unwrap();
    let record = block_on(theirs.0.load(&theirs.1[0])).unwrap().unwrap();
    assert_eq!(record.data["subject"], live.subject().as_str());
    let theirs = by_all_threads(|| {
        let found = block_on(theirs.0.load(&black_box(ids.next().unwrap())));
        black_box(found.unwrap().unwrap());
    });
    let keyward = by_all_threads(|| {
        let token = tokens.next().unwrap();
        black_box(block_on(ours.0.check::<User>(black_box(&token))).unwrap());
    });
    compare(title, &mut [("tower-sessions", theirs), ("keyward", keyward)]);
}

#[derive(Clone)]
struct App {
    web: WebSessions,
}

impl FromRef<App> for WebSessions {
    fn from_ref(app: &App) -> Self {
        app.web.clone()
    }
}

async fn ours(live: LiveSession<User>) -> String {
    live.subject().to_string()
}

async fn theirs(session: tower_sessions::Session) -> Result<String, StatusCode> {
    let subject = session.get("subject").await;
    let subject = subject.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    subject.ok_or(StatusCode::UNAUTHORIZED)
}

async fn nobody() -> String {
    "user-00000000".to_owned()
}

fn of_ours(sessions: &Sessions) -> Router {
    let guard = WebGuard::new(Origins::only(&[ORIGIN]).unwrap());
    let web = WebSessions::new(sessions.clone(), &guard).unwrap();
    Router::new()
        .route("/", get(ours).post(ours))
        .layer(RoutePolicy::pages(&guard))
        .with_state(App { web })
}

/// The same headers as ours, each by its layer.
fn of_theirs(store: impl SessionStore + Clone, headers: &HeaderMap) -> Router {
    let mut router = Router::new()
        .route("/", get(theirs).post(theirs))
        .layer(SessionManagerLayer::new(store))
        .layer(CsrfLayer::new().add_trusted_origin(ORIGIN).unwrap());
    for (name, value) in headers {
        let layer = SetResponseHeaderLayer::overriding(name.clone(), value.clone());
        router = router.layer(layer);
    }
    router
}

fn request(post: bool, cookie: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(if post { "POST" } else { "GET" })
        .uri("/")
        .header(HOST, "app.example.com")
        .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .header(ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header(ACCEPT_LANGUAGE, "en-US,en;q=0.5")
        .header(ACCEPT_ENCODING, "gzip, deflate, br, zstd")
        .header(COOKIE, cookie)
        .header("sec-fetch-site", "same-origin");
    if post {
        request = request.header(ORIGIN_NAME, ORIGIN);
    }
    request.body(Body::empty()).unwrap()
}

const ORIGIN_NAME: HeaderName = axum::http::header::ORIGIN;

fn answer(router: &mut Router, request: Request<Body>) -> Response {
    block_on(router.call(request)).unwrap()
}

fn serves<'a>(
    mut router: Router,
    post: bool,
    cookies: &'a [String],
) -> (Work<'a>, HeaderMap) {
    let first = answer(&mut router, request(post, &cookies[0]));
    assert_eq!(first.status(), StatusCode::OK);
    let headers = first.headers().clone();
    let mut turn = in_turn(cookies);
    let work = by_all_threads(move || {
        let answer = answer(&mut router, request(post, &turn.next().unwrap()));
        assert_eq!(black_box(answer).status(), StatusCode::OK);
    });
    (work, headers)
}

/// A request to each, and to the router without any of it: what is added above the last.
fn through_axum(title: &str, ours: (&Sessions, &[String]), theirs: (&(impl SessionStore + Clone), &[Id])) {
    let name = Cookie::of(Kind::User).name();
    let ours_of = |token: &String| format!("theme=dark; {name}={token}");
    let theirs_of = |id: &Id| format!("theme=dark; id={id}");
    let tokens: Vec<String> = ours.1.iter().map(ours_of).collect();
    let ids: Vec<String> = theirs.1.iter().map(theirs_of).collect();
    for (post, method) in [(false, "GET"), (true, "POST")] {
        let (keyward, mut headers) = serves(of_ours(ours.0), post, &tokens);
        for name in [CONTENT_TYPE, CONTENT_LENGTH] {
            headers.remove(name);
        }
        let (peers, of_peers) = serves(of_theirs(theirs.0.clone(), &headers), post, &ids);
        assert!(headers.iter().all(|(name, value)| of_peers.get(name) == Some(value)));
        let without = Router::new().route("/", get(nobody).post(nobody));
        let (plain, _) = serves(without, post, &ids);
        added(&format!("{title}, {method}"), plain, peers, keyward);
    }
}

/// The medians of what two add to the first, and of the ratio.
fn added<'a>(title: &str, mut plain: Work<'a>, mut peers: Work<'a>, mut keyward: Work<'a>) {
    const COUNT: u32 = 100;
    let rounds = if is_smoke() { 1 } else { 501 };
    let mut sums: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let [plain, peers, keyward] = [&mut plain, &mut peers, &mut keyward].map(|work| {
            work(COUNT / 8);
            work(COUNT).as_secs_f64() * 1e9 / f64::from(COUNT)
        });
        let (peers, keyward) = (peers - plain, keyward - plain);
        for (all, one) in sums.iter_mut().zip([plain, peers, keyward, keyward / peers]) {
            all.push(one);
        }
    }
    let [plain, peers, keyward, ratio] = sums.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    });
    println!("\n{title}: nanoseconds that are added to a request of {plain:.0}");
    println!("  tower-sessions and tower-http {peers:>8.0}");
    println!("  keyward                       {keyward:>8.0}  {ratio:.2}, at most 0.50");
}

fn sessions(ring: &Keyring, count: usize) -> (Arc<MemoryStore>, Sessions, Vec<String>) {
    let store = Arc::new(MemoryStore::new(1_000_000));
    let sessions = world::sessions(ring, store.clone());
    let tokens = (0..count).map(|n| {
        if n % 1_000 == 0 {
            block_on(ring.refresh()).unwrap();
        }
        world::start(&sessions, world::person(n))
    });
    let tokens = tokens.collect();
    (store, sessions, tokens)
}

fn main() {
    let (count, ring) = (rows(100_000), world::ring());
    let (store, in_memory, tokens) = sessions(&ring, count);
    let peers = tower_sessions::MemoryStore::default();
    let ids = block_on(filled(&peers, count));
    look_up("look-up in memory", (&in_memory, &tokens), (&peers, &ids));
    block_on(ring.refresh()).unwrap();
    through_axum("in memory", (&in_memory, &tokens), (&peers, &ids));

    let folder = tempfile::tempdir().unwrap();
    let sqlite = world::sessions(&ring, world::copied(&folder.path().join("ours"), &*store));
    let peers = block_on(on_sqlite(&folder.path().join("peers.db")));
    let ids = block_on(filled(&peers, count));
    block_on(ring.refresh()).unwrap();
    look_up("look-up on SQLite", (&sqlite, &tokens), (&peers, &ids));
    block_on(ring.refresh()).unwrap();
    through_axum("on SQLite", (&sqlite, &tokens), (&peers, &ids));
    finish("session", &[]);
}
