//! Webhooks over real HTTP on loopback: verified before a handler runs, in the order that is told.
#![cfg(feature = "webhook")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod web;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use keyward_axum::webhook::{Raw, Verified, WebhookProvider, WebhookRoute};
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use keyward_base::audit::Discard;
use keyward_base::{
    BoxFuture, Clock as _, Error, ManualClock, RecordId, Result, SecretBytes, SystemClock, Tenant,
    Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_store::MemoryStore;
use keyward_webhook::{
    Answers, BearerToken, Claims, Endpoint, OnceTerms, Outcome, Scheme, SecretSource, Secrets,
    Webhook, WholeBody, preset,
};
use web::{Answer, send, serve};

const SECRET: &[u8] = b"It's a Secret to Everybody";

/// The longest body of the scheme that most tests here receive by.
const LIMIT: usize = 2 << 20;

struct GitHub;
impl WebhookProvider for GitHub {
    type Coverage = WholeBody;
}

struct GitLab;
impl WebhookProvider for GitLab {
    type Coverage = BearerToken;
}

/// Knows one endpoint, and counts how often it is asked.
#[derive(Debug)]
struct Source {
    secrets: Arc<Secrets>,
    asked: AtomicUsize,
    down: bool,
}

impl SecretSource for Source {
    fn secrets<'a>(&'a self, of: &'a Endpoint) -> BoxFuture<'a, Result<Option<Arc<Secrets>>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.down {
                return Err(Error::unavailable("the table of secrets is away"));
            }
            let known = of.tenant.as_str() == "acme" && of.id.as_str() == "deploys";
            Ok(known.then(|| Arc::clone(&self.secrets)))
        })
    }
}

#[derive(Clone)]
struct App {
    github: WebhookRoute<GitHub>,
    gitlab: WebhookRoute<GitLab>,
    once: Claims,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FromRef<App> for WebhookRoute<GitHub> {
    fn from_ref(app: &App) -> Self {
        app.github.clone()
    }
}

impl FromRef<App> for WebhookRoute<GitLab> {
    fn from_ref(app: &App) -> Self {
        app.gitlab.clone()
    }
}

#[derive(serde::Deserialize)]
struct Push {
    after: String,
}

async fn pushed(State(app): State<App>, hook: Verified<GitHub, Json<Push>>) -> Response {
    let seen = Arc::clone(&app.seen);
    let after = hook.body().0.after.clone();
    let work = async move {
        if after == "fails" {
            return Err("the handler failed");
        }
        seen.lock().unwrap().push(after);
        Ok(())
    };
    let done = app.once.handle(hook.endpoint(), &hook.proof(), work).await;
    hook.answer(&done).await
}

/// Takes the body as it is, from an endpoint that the service names.
async fn raw(State(app): State<App>, hook: Verified<GitLab, Raw>) -> Response {
    let body = String::from_utf8_lossy(hook.proof().body()).into_owned();
    app.seen
        .lock()
        .unwrap()
        .push(format!("{}: {body}", hook.endpoint().id));
    hook.answer(&Ok(Outcome::Done)).await
}

struct Desk {
    to: SocketAddr,
    source: Arc<Source>,
    seen: Arc<Mutex<Vec<String>>>,
}

fn start(down: bool, layer_limit: usize) -> Desk {
    let clock = Arc::new(SystemClock::new());
    let trail = Trail::new(Arc::new(Discard::new()));
    let answers = Arc::new(Answers::new(trail, clock.clone()));
    let github = Scheme {
        body_limit: LIMIT,
        ..preset::GITHUB
    };
    let github = Webhook::new(github, Provider::default()).unwrap();
    let gitlab = Webhook::new(preset::GITLAB_TOKEN, Provider::default()).unwrap();
    let secret = SecretBytes::copy_of(SECRET);
    let source = |mut secrets: Secrets| {
        secrets.add("now", None, &secret).unwrap();
        Arc::new(Source {
            secrets: Arc::new(secrets),
            asked: AtomicUsize::new(0),
            down,
        })
    };
    let (hub, lab) = (source(github.secrets()), source(gitlab.secrets()));
    let store = Arc::new(MemoryStore::new(1_000));
    let terms = OnceTerms::of(github.scheme());
    let one = Endpoint {
        tenant: Tenant::new("acme").unwrap(),
        id: RecordId::new("deploys").unwrap(),
    };
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let app = App {
        github: WebhookRoute::new(github, hub.clone(), answers.clone(), clock.clone()),
        gitlab: WebhookRoute::of_one(gitlab, lab, answers, clock.clone(), one),
        once: Claims::new(terms, store, clock).unwrap(),
        seen: seen.clone(),
    };
    let guard = WebGuard::new(Origins::loopback());
    let routes = Router::new()
        .route("/hooks/{tenant}/{endpoint}", post(pushed))
        .route("/lost/{endpoint}", post(pushed))
        .route("/gitlab", post(raw))
        .with_state(app)
        .layer(RoutePolicy::machines(&guard).body_limit(layer_limit));
    Desk {
        to: serve(routes),
        source: hub,
        seen,
    }
}

impl Desk {
    fn post(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\nHost: {}\nContent-Length: {}\n{headers}",
            self.to,
            body.len()
        );
        send(self.to, &head, body)
    }

    fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn signed(body: &[u8]) -> String {
    let secret = SecretBytes::copy_of(SECRET);
    let now = keyward_base::Clock::now(&SystemClock::new()).unwrap();
    let headers = preset::GITHUB
        .sign(&Provider::default(), &secret, None, now, body)
        .unwrap();
    let value = headers["x-hub-signature-256"].to_str().unwrap();
    format!("X-Hub-Signature-256: {value}\n")
}

const AT: &str = "/hooks/acme/deploys";

#[test]
fn a_handler_runs_once_for_what_was_proved_and_its_sender_is_answered() {
    let desk = start(false, 1 << 20);
    let body = br#"{"after":"6dcb09b"}"#;
    for _attempt in 0..3 {
        let answer = desk.post(AT, &signed(body), body);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    assert_eq!(desk.seen(), ["6dcb09b"]);

    // What fails comes again, and runs again.
    let fails = br#"{"after":"fails"}"#;
    assert_eq!(desk.post(AT, &signed(fails), fails).status, 500);
    assert_eq!(desk.post(AT, &signed(fails), fails).status, 500);

    // Proved, and still not what the service expects.
    for (body, status) in [
        (&b"not JSON"[..], 400),
        (br#"{"before":1}"#, 500),
        (b"{", 400),
    ] {
        assert_eq!(desk.post(AT, &signed(body), body).status, status);
    }
    assert_eq!(desk.seen(), ["6dcb09b"]);

    let token = "X-Gitlab-Token: It's a Secret to Everybody\n";
    assert_eq!(desk.post("/gitlab", token, b"a=b&c").status, 200);
    assert_eq!(desk.seen(), ["6dcb09b", "deploys: a=b&c"]);
    assert_eq!(
        desk.post("/gitlab", "X-Gitlab-Token: another\n", b"a=b&c")
            .status,
        401
    );
}

#[test]
fn what_is_refused_reads_the_same_and_a_wrong_shape_costs_no_look_up() {
    let desk = start(false, 1 << 20);
    let body = br#"{"after":"6dcb09b"}"#;
    let right = signed(body);
    let wrong = signed(b"another");

    let forged = desk.post(AT, &wrong, body);
    let unknown = desk.post("/hooks/acme/nobody", &right, body);
    let another = desk.post("/hooks/globex/deploys", &right, body);
    let missing = desk.post(AT, "", body);
    let nowhere = desk.post("/hooks/%20/deploys", &right, body);
    let no_text = desk.post("/hooks/%ff/deploys", &right, body);
    for answer in [&forged, &unknown, &another, &missing, &nowhere, &no_text] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, forged.body);
        assert_eq!(
            answer.header("cache-control"),
            forged.header("cache-control")
        );
    }
    let before = desk.asked();
    assert_eq!(
        desk.post(AT, "X-Hub-Signature-256: sha256=00\n", body)
            .status,
        400
    );
    assert_eq!(desk.post(AT, &format!("{right}{wrong}"), body).status, 400);
    assert_eq!(desk.post(AT, "", body).status, 401);
    assert_eq!(desk.asked(), before);
    assert_eq!(desk.seen(), [""; 0]);

    // A route that names no tenant is the service's mistake.
    assert_eq!(desk.post("/lost/deploys", &right, body).status, 500);
}

#[test]
fn a_body_beyond_either_limit_is_too_large_and_a_source_that_is_away_is_told_to_wait() {
    let long = vec![b' '; LIMIT + 1];
    let desk = start(false, 1 << 20);
    let body = vec![b' '; (1 << 20) + 1];
    assert_eq!(desk.post(AT, &signed(&body), &body).status, 413);
    let chunked = |desk: &Desk, body: &[u8]| {
        let head = format!(
            "POST {AT} HTTP/1.1\nHost: {}\nTransfer-Encoding: chunked\n{}",
            desk.to,
            signed(body)
        );
        let mut sent = format!("{:x}\r\n", body.len()).into_bytes();
        sent.extend_from_slice(body);
        sent.extend_from_slice(b"\r\n0\r\n\r\n");
        send(desk.to, &head, &sent).status
    };
    assert_eq!(chunked(&desk, &body), 413);
    assert_eq!(chunked(&desk, br#"{"after":"1"}"#), 200);

    let wide = start(false, 64 << 20);
    assert_eq!(wide.post(AT, &signed(b""), &long).status, 413);
    assert_eq!(chunked(&wide, &long), 413);
    let mut longest = br#"{"after":"1"}"#.to_vec();
    longest.resize(LIMIT, b' ');
    assert_eq!(wide.post(AT, &signed(&longest), &longest).status, 200);
    // One that says that it is longer is not waited for.
    let head = format!(
        "POST {AT} HTTP/1.1\nHost: {}\nContent-Length: {}\n{}",
        wide.to,
        LIMIT + 2,
        signed(b"")
    );
    assert_eq!(send(wide.to, &head, b"").status, 413);

    let down = start(true, 1 << 20);
    let body = br#"{"after":"6dcb09b"}"#;
    let answer = down.post(AT, &signed(body), body);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(down.seen(), [""; 0]);
}

struct Slack;
impl WebhookProvider for Slack {
    type Coverage = WholeBody;
}

#[derive(Clone)]
struct Late(WebhookRoute<Slack>);

impl FromRef<Late> for WebhookRoute<Slack> {
    fn from_ref(late: &Late) -> Self {
        late.0.clone()
    }
}

/// Who captured a request does not keep it fresh by sending its body slowly.
#[test]
fn a_request_whose_body_comes_late_is_stale() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_000_000_000)));
    let trail = Trail::new(Arc::new(Discard::new()));
    let answers = Arc::new(Answers::new(trail, clock.clone()));
    let slack = Webhook::new(preset::SLACK, Provider::default()).unwrap();
    let mut secrets = slack.secrets();
    let secret = SecretBytes::copy_of(SECRET);
    secrets.add("now", None, &secret).unwrap();
    let source = Arc::new(Source {
        secrets: Arc::new(secrets),
        asked: AtomicUsize::new(0),
        down: false,
    });
    let one = Endpoint {
        tenant: Tenant::new("acme").unwrap(),
        id: RecordId::new("deploys").unwrap(),
    };
    let route = WebhookRoute::of_one(slack, source.clone(), answers, clock.clone(), one);
    assert!(format!("{route:?}").contains("slack"));
    let handler = async |hook: Verified<Slack>| {
        assert!(format!("{hook:?}").contains("deploys"));
        hook.answer(&Ok(Outcome::Done)).await
    };
    let to = serve(
        Router::new()
            .route("/slack", post(handler))
            .with_state(Late(route)),
    );
    let body = b"{}";
    let now = clock.now().unwrap();
    let signed = preset::SLACK
        .sign(&Provider::default(), &secret, None, now, body)
        .unwrap();
    let mut head = format!("POST /slack HTTP/1.1\r\nHost: {to}\r\nContent-Length: 2\r\n");
    for (name, value) in &signed {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    head.push_str("Connection: close\r\n\r\n");
    for (wait, status) in [(300, "200"), (1, "401")] {
        let asked = source.asked.load(Ordering::SeqCst);
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        while source.asked.load(Ordering::SeqCst) == asked {
            std::thread::yield_now();
        }
        clock.advance(Duration::from_secs(wait));
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}
