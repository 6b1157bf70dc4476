//! Internal secrets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use keyward_axum::internal::{Internal, WebInternal};
use keyward_axum::proof::{Proved, guard};
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use keyward_base::{ErrorKind, ManualClock, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;

use crate::web::{Answer, send, serve};

const NEW: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
const OLD: &str = "QpYd0ZJ4mZVkSdgDNd/UkZPkkCqQ6vM8bTWqJxHZZXs=";

#[derive(Clone)]
struct App {
    internal: WebInternal,
    ran: Arc<AtomicUsize>,
}

impl FromRef<App> for WebInternal {
    fn from_ref(app: &App) -> Self {
        app.internal.clone()
    }
}

async fn cron(State(app): State<App>, by: Internal, headers: HeaderMap) -> String {
    app.ran.fetch_add(1, Ordering::Relaxed);
    assert!(!headers.contains_key("cookie"));
    assert!(headers["authorization"].is_sensitive());
    by.id().to_string()
}

struct Service {
    to: SocketAddr,
    ran: Arc<AtomicUsize>,
    clock: Arc<ManualClock>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let text = format!("new:{NEW}\nold:{OLD}:2026-01-08");
        let text = SecretBytes::copy_of(text.as_bytes());
        let secrets = InternalSecrets::parse(&text, &Provider::default(), clock.clone()).unwrap();
        let web = WebGuard::new(Origins::loopback());
        let internal = WebInternal::new(secrets, &web, "internal");
        Self::with(internal.unwrap(), clock)
    }

    fn with(internal: WebInternal, clock: Arc<ManualClock>) -> Self {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let listener = told.clone();
        let web = WebGuard::new(Origins::loopback())
            .report(move |error| listener.lock().unwrap().push(format!("{error:?}")));
        let ran = Arc::<AtomicUsize>::default();
        let app = App {
            internal,
            ran: ran.clone(),
        };
        let group = Router::new()
            .route("/a", post(cron))
            .route(
                "/b",
                get(async |by: Proved<Internal>| by.0.id().to_string()),
            )
            .route("/c", get(async || "forgot its argument"));
        let machines = Router::new()
            .route("/cron", post(cron).get(cron))
            .route(
                "/cached",
                get(async |_: Internal| {
                    ([("cache-control", "public, max-age=60")], "for one caller")
                }),
            )
            .nest("/group", guard::<Internal, _>(group, &app).into())
            .layer(RoutePolicy::machines(&web));
        let pages = Router::new()
            .route("/page", post(cron).get(cron))
            .layer(RoutePolicy::pages(&web));
        // Without any policy.
        let bare = Router::new().route("/bare", post(cron));
        let routes = machines.merge(pages).merge(bare).with_state(app);
        Self {
            to: serve(routes),
            ran,
            clock,
            told,
        }
    }

    fn send(&self, line: &str, more: &str) -> Answer {
        let head = format!(
            "{line} HTTP/1.1\nHost: {}\nContent-Length: 0\n{more}",
            self.to
        );
        send(self.to, &head, b"")
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::Relaxed)
    }
}

#[test]
fn each_secret_opens_and_says_which_it_was() {
    let service = Service::start();
    for (id, secret) in [("new", NEW), ("old", OLD)] {
        for scheme in ["Bearer ", "bearer ", "BEARER  "] {
            let answer = service.send("POST /cron", &format!("Authorization: {scheme}{secret}"));
            assert_eq!((answer.status, answer.body.as_str()), (200, id));
        }
    }
    let cookie = format!("Authorization: Bearer {NEW}\nCookie: __Host-session=kws_AQ");
    assert_eq!(service.send("GET /cron", &cookie).status, 200);
    assert_eq!(service.ran(), 7);
}

#[test]
fn all_else_is_401_and_runs_nothing() {
    let service = Service::start();
    let asks = "Bearer realm=\"internal\"";
    let refuses = "Bearer realm=\"internal\", error=\"invalid_token\"";
    for (more, challenge) in [
        (String::new(), asks),
        (format!("Cookie: authorization={NEW}"), asks),
        ("Authorization: Basic Y3JvbjpzZWNyZXQ=".to_owned(), asks),
        (format!("Authorization: Basic {NEW}"), asks),
        (format!("Authorization: {NEW}"), asks),
        (format!("X-Authorization: Bearer {NEW}"), asks),
        (format!("Proxy-Authorization: Bearer {NEW}"), asks),
        ("Authorization: Bearer".to_owned(), refuses),
        ("Authorization: Bearer =".to_owned(), refuses),
        (format!("Authorization: Bearer {}", &NEW[1..]), refuses),
        (format!("Authorization: Bearer {NEW}="), refuses),
        (
            format!("Authorization: Bearer {NEW}, Bearer {NEW}"),
            refuses,
        ),
        (format!("Authorization: Bearer {NEW} {NEW}"), refuses),
        (format!("Authorization: Bearer\t{NEW}"), refuses),
        (format!("Authorization: Bearer \"{NEW}\""), refuses),
        (format!("Authorization: Bearer,{NEW}"), refuses),
        (
            format!("Authorization: Bearer {NEW}\nAuthorization: Bearer {NEW}"),
            refuses,
        ),
        (
            format!("Authorization: Basic eDp5\nAuthorization: Bearer {NEW}"),
            refuses,
        ),
        (
            format!("Authorization: Bearer {}", "a".repeat(4000)),
            refuses,
        ),
    ] {
        for line in [
            "POST /cron",
            "GET /cron",
            "POST /group/a",
            "GET /group/b",
            "GET /group/c",
        ] {
            let answer = service.send(line, &more);
            assert_eq!(answer.status, 401, "{line} {more}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some(challenge),
                "{line} {more}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert!(!answer.body.contains("secret"), "{}", answer.body);
        }
    }
    // Nor in the query.
    assert_eq!(
        service
            .send(&format!("GET /cron?access_token={NEW}"), "")
            .status,
        401
    );
    assert_eq!(service.ran(), 0);
    // And nothing of a secret was told.
    let told = service.told.lock().unwrap().join("\n");
    assert!(!told.contains(&NEW[1..20]), "{told}");
}

#[test]
fn they_go_over_tls_only() {
    let made = |web: &WebGuard| {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        let text = SecretBytes::copy_of(NEW.as_bytes());
        let secrets = InternalSecrets::parse(&text, &Provider::default(), clock).unwrap();
        WebInternal::new(secrets, web, "internal").map(|_| ())
    };
    let of = |origin| WebGuard::new(Origins::only(&[origin]).unwrap());
    made(&of("https://app.example.com")).unwrap();
    made(&WebGuard::new(Origins::loopback())).unwrap();
    let refused = made(&of("http://app.example.com")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
}

#[test]
fn a_guard_is_before_the_whole_group() {
    let service = Service::start();
    let key = format!("Authorization: Bearer {OLD}");
    for (line, body) in [
        ("POST /group/a", "old"),
        ("GET /group/b", "old"),
        ("GET /group/c", "forgot its argument"),
    ] {
        let answer = service.send(line, &key);
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
}

#[test]
fn a_secret_ends_by_the_clock_and_its_successor_goes_on() {
    let service = Service::start();
    let with =
        |secret: &str| service.send("POST /cron", &format!("Authorization: Bearer {secret}"));
    service.clock.advance(Duration::from_secs(7 * 86_400 - 1));
    assert_eq!(with(OLD).status, 200);
    service.clock.advance(Duration::from_secs(1));
    let ended = with(OLD);
    let unknown = with(&NEW.replace('g', "h"));
    assert_eq!(ended.status, 401);
    // Nobody learns that it was good once.
    assert_eq!(ended.body, unknown.body);
    assert_eq!(
        ended.header("www-authenticate"),
        unknown.header("www-authenticate")
    );
    assert_eq!(with(NEW).status, 200);
}

#[test]
fn it_opens_nothing_where_cookies_are_let_through() {
    let service = Service::start();
    let key = format!("Authorization: Bearer {NEW}");
    let own = format!("{key}\nSec-Fetch-Site: same-origin");
    assert_eq!(service.send("POST /page", &own).status, 403);
    assert_eq!(service.send("GET /page", &own).status, 403);
    // A page without a key, and a route without a policy: the service's own mistake.
    assert_eq!(service.send("GET /page", "").status, 500);
    assert_eq!(service.send("POST /bare", &key).status, 500);
    assert_eq!(service.ran(), 0);
}

#[test]
fn no_cache_keeps_what_was_answered_to_a_token() {
    let service = Service::start();
    let answer = service.send("GET /cached", &format!("Authorization: Bearer {NEW}"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("vary"), Some("authorization"));
}

#[test]
fn without_secrets_there_is_no_route() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let service = Service::with(WebInternal::none(), clock);
    for more in [
        "",
        &format!("Authorization: Bearer {NEW}"),
        "Authorization: Bearer",
    ] {
        let answer = service.send("POST /cron", more);
        assert_eq!(answer.status, 404, "{more}");
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.body, "There is no such thing here.\n");
    }
    assert_eq!(service.ran(), 0);
}
