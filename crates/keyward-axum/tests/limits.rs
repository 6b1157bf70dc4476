//! Rate limits on routes, over a real socket: what is answered, what is told, and what does not count.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]
#![cfg(feature = "limit")]

mod web;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;
use keyward_axum::limit::{Counted, Limits, OnFailure, RateLimit, Tell, Uncounted, of_proof};
use keyward_axum::proof::{Proved, guard};
use keyward_axum::{ClientIp, Failure, InRequest, Origins, Proxies, RoutePolicy, WebGuard};
use keyward_base::audit::{Outcome, Trail, Value};
use keyward_base::{Error, ErrorKind, ManualClock, Reason, Timestamp};
use keyward_store::conformance::block_on;
use keyward_store::limit::{Limit, Limiter, Whom};
use keyward_testkit::{Counted as Store, RecordingAudit, TestNames};
use web::{Answer, send, send_from, serve_with_peers};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const LOCAL: &str = "127.0.0.1:0";

struct World {
    clock: Arc<ManualClock>,
    store: Arc<Store>,
    limiter: Limiter,
    audit: Arc<RecordingAudit>,
    told: Arc<Mutex<Vec<String>>>,
    guard: WebGuard,
    /// Requests that a handler saw.
    seen: Arc<AtomicUsize>,
}

fn limit(name: &str, most: u32, millis: u64) -> Limit {
    Limit::new(name, most, Duration::from_millis(millis)).unwrap()
}

impl World {
    fn new(limits: &[&Limit]) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let store = Arc::new(Store::new(10_000));
        let builder = Limiter::builder(store.clone(), Arc::new(TestNames(1)), clock.clone());
        let builder = limits
            .iter()
            .fold(builder, |builder, limit| builder.limit(limit));
        let audit = Arc::new(RecordingAudit::new());
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let tell = Arc::clone(&told);
        let guard = WebGuard::new(Origins::loopback())
            .trail(Trail::new(audit.clone()), clock.clone())
            .report(move |error| tell.lock().unwrap().push(format!("{error:?}")));
        Self {
            clock,
            store,
            limiter: block_on(builder.build()).unwrap(),
            audit,
            told,
            guard,
            seen: Arc::default(),
        }
    }

    fn limits(&self) -> RateLimit {
        RateLimit::new(&self.guard, &self.limiter)
    }

    fn routes(&self) -> Router {
        let seen = |status: StatusCode| {
            let seen = Arc::clone(&self.seen);
            get(move || async move {
                seen.fetch_add(1, Ordering::SeqCst);
                (status, "what the handler wrote")
            })
        };
        let not_counted = || async { Uncounted((StatusCode::NOT_FOUND, "nothing new")) };
        Router::new()
            .route("/", seen(StatusCode::OK))
            .route("/odd", seen(StatusCode::IM_A_TEAPOT))
            .route("/uncounted", get(not_counted))
    }

    /// Routes behind these limits.
    fn serve(&self, limits: RateLimit) -> SocketAddr {
        let routes = self.routes().layer(Limits::new(limits));
        serve_with_peers(LOCAL, routes.layer(RoutePolicy::pages(&self.guard)))
    }

    fn seen(&self) -> usize {
        self.seen.swap(0, Ordering::SeqCst)
    }
}

fn ask(to: SocketAddr, path: &str) -> Answer {
    send(to, &format!("GET {path} HTTP/1.1\nHost: {to}"), b"")
}

fn ask_from(from: &str, to: SocketAddr) -> Answer {
    send_from(from, to, &format!("GET / HTTP/1.1\nHost: {to}"), b"")
}

fn told(answer: &Answer) -> [Option<&str>; 3] {
    ["retry-after", "ratelimit-policy", "ratelimit"].map(|name| answer.header(name))
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let three = limit("sign-up", 3, 90_500);
    let world = World::new(&[&three]);
    let to = world.serve(world.limits().by_address(&three));
    for _ in 0..3 {
        let answer = ask(to, "/");
        assert_eq!((answer.status, told(&answer)), (200, [None; 3]));
        world.clock.advance(Duration::from_millis(250));
    }
    for _ in 0..3 {
        let answer = ask(to, "/");
        assert_eq!(answer.status, 429);
        assert_eq!(answer.body, "Too many requests. Try again later.\n");
        let wanted = [
            Some("90"),
            Some("\"sign-up\";q=3;w=91"),
            Some("\"sign-up\";r=0;t=90"),
        ];
        assert_eq!(told(&answer), wanted);
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
    assert_eq!(world.seen(), 3);
    // Another client is free, and so is he when the first is over, to the millisecond.
    assert_eq!(ask_from("127.0.0.2", to).status, 200);
    world
        .clock
        .set(NOW.saturating_add(Duration::from_millis(90_499)));
    let last = ask(to, "/");
    assert_eq!((last.status, last.header("retry-after")), (429, Some("1")));
    world
        .clock
        .set(NOW.saturating_add(Duration::from_millis(90_500)));
    assert_eq!(ask(to, "/").status, 200);
    // An operator is told once a minute, and counts all.
    let events = world.audit.take();
    let limited: Vec<_> = events
        .iter()
        .filter(|event| event.action == "web.limited")
        .collect();
    assert_eq!(limited.len(), 2);
    let counts = limited.iter().map(|event| event.detail.find("count"));
    assert!(counts.eq([Some(Value::Number(1)), Some(Value::Number(3))]));
    let findings = world.guard.findings();
    assert_eq!((findings.len(), findings[0].count), (1, 4));
}

#[test]
fn a_log_in_tells_retry_after_alone_and_a_program_all() {
    let (two, nine) = (limit("two", 2, 10_000), limit("nine", 9, 3_600_000));
    let world = World::new(&[&two, &nine]);
    let quiet = world.serve(world.limits().by_address(&two).tell(Tell::RetryAfter));
    for status in [200, 200, 429] {
        let answer = ask(quiet, "/");
        let retry = (status == 429).then_some("10");
        assert_eq!(
            (answer.status, told(&answer)),
            (status, [retry, None, None])
        );
    }
    let all = world
        .limits()
        .by_everybody(&nine)
        .by(&two, |_| Whom::of_app(b"mine"));
    let open = world.serve(all.tell(Tell::Always));
    let policy = Some("\"nine\";q=9;w=3600, \"two\";q=2;w=10");
    // On an error page too, whose body is fixed.
    for (path, status, left) in [
        ("/", 200, "\"nine\";r=8;t=3600, \"two\";r=1;t=10"),
        ("/odd", 418, "\"nine\";r=7;t=3597, \"two\";r=0;t=7"),
        ("/", 429, "\"two\";r=0;t=4"),
    ] {
        let answer = ask(open, path);
        let retry = (status == 429).then_some("4");
        assert_eq!(
            (answer.status, told(&answer)),
            (status, [retry, policy, Some(left)])
        );
        world.clock.advance(Duration::from_secs(3));
    }
    // What one refused was not counted by the other.
    world.clock.advance(Duration::from_secs(1));
    let answer = ask(open, "/");
    assert_eq!(
        told(&answer)[2],
        Some("\"nine\";r=6;t=3590, \"two\";r=0;t=3")
    );
}

#[test]
fn what_does_not_count_is_given_back() {
    let one = limit("feed", 1, 60_000);
    let world = World::new(&[&one]);
    let to = world.serve(world.limits().by_address(&one).tell(Tell::Always));
    for _ in 0..5 {
        let answer = ask(to, "/uncounted");
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("ratelimit"), Some("\"feed\";r=0;t=60"));
    }
    assert_eq!(ask(to, "/odd").status, 418);
    assert_eq!(ask(to, "/uncounted").status, 429);
}

#[test]
fn a_limit_that_cannot_be_read_refuses_unless_the_route_says_otherwise() {
    let one = limit("one", 1, 60_000);
    let world = World::new(&[&one]);
    let strict = world.serve(world.limits().by_address(&one));
    let spared = world
        .limits()
        .by_address(&one)
        .on_failure(OnFailure::LetThrough);
    let spared = world.serve(spared.tell(Tell::Always));
    world.store.set_down(true);
    for _ in 0..3 {
        let answer = ask(strict, "/");
        assert_eq!(
            (answer.status, told(&answer)),
            (503, [Some("5"), None, None])
        );
    }
    assert_eq!(world.seen(), 0);
    assert!(world.audit.take().is_empty());
    world.told.lock().unwrap().clear();
    for _ in 0..5 {
        let answer = ask(spared, "/");
        assert_eq!((answer.status, told(&answer)), (200, [None; 3]));
    }
    assert_eq!(world.seen(), 5);
    let events = world.audit.take();
    assert_eq!(events.len(), 1);
    let outcome = Outcome::Failed(ErrorKind::Unavailable, Some(Reason::new("limit-not-read")));
    assert_eq!(
        (events[0].action, events[0].outcome),
        ("web.limit", outcome)
    );
    assert_eq!(world.guard.findings()[0].count, 5);
    let said = std::mem::take(&mut *world.told.lock().unwrap());
    assert!(
        said.len() == 5 && said.iter().all(|said| said.contains("the store is down")),
        "{said:?}"
    );
    // What was let through was not counted.
    world.store.set_down(false);
    assert_eq!([(); 2].map(|()| ask(spared, "/").status), [200, 429]);
    // What is wrong in the program is let through nowhere.
    let unknown = limit("unknown", 1, 60_000);
    for limits in [world.limits(), world.limits().by_address(&unknown)] {
        let wrong = world.serve(limits.on_failure(OnFailure::LetThrough));
        assert_eq!(ask(wrong, "/").status, 500);
    }
}

/// Behind a proxy it is the client that is counted; what an untrusted one writes is not read.
#[test]
fn clients_are_counted_behind_proxies_and_none_chooses_who_he_is() {
    let two = limit("two", 2, 60_000);
    let mut world = World::new(&[&two]);
    let open = world.serve(world.limits().by_address(&two));
    let head = |to: SocketAddr, client: &str| {
        format!("GET / HTTP/1.1\nHost: {to}\nX-Forwarded-For: {client}")
    };
    let statuses = |to: SocketAddr, from: &str, clients: [&str; 4]| {
        clients.map(|client| send_from(from, to, &head(to, client), b"").status)
    };
    let clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
    assert_eq!(statuses(open, "127.0.0.9", clients), [200, 200, 429, 429]);
    let proxies = Proxies::x_forwarded_for(&["127.0.0.8"]).unwrap();
    world.guard = world.guard.clone().proxies(proxies);
    let behind = world.serve(world.limits().by_address(&two));
    assert_eq!(statuses(behind, "127.0.0.8", clients), [200; 4]);
    let neighbours = [
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::3",
        "2001:db8:0:1::1",
    ];
    assert_eq!(
        statuses(behind, "127.0.0.8", neighbours),
        [200, 200, 429, 200]
    );
    // Without a policy before it, nobody is known.
    let bare = world
        .routes()
        .layer(Limits::new(world.limits().by_address(&two)));
    assert_eq!(ask(serve_with_peers(LOCAL, bare), "/").status, 500);
}

struct Program([u8; 16]);

impl FromRequestParts<()> for Program {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut Parts, (): &()) -> Result<Self, Failure> {
        match head.headers.get("x-program").map(|name| name.as_bytes()) {
            Some(b"a") => Ok(Self([1; 16])),
            Some(b"b") => Ok(Self([2; 16])),
            _ => Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND))),
        }
    }
}

#[test]
fn programs_are_counted_by_what_they_proved() {
    let two = limit("api", 2, 60_000);
    let world = World::new(&[&two]);
    let who = |Proved(Program(id)): Proved<Program>| async move { format!("{}", id[0]) };
    let by_key = || {
        world
            .limits()
            .by(&two, of_proof(|Program(id)| Whom::key(id)))
    };
    let routes = Router::new()
        .route("/", get(who))
        .layer(Limits::new(by_key()));
    let routes: Router = guard::<Program, _>(routes, &()).into();
    let to = serve_with_peers(LOCAL, routes.layer(RoutePolicy::machines(&world.guard)));
    let ask_as = |program: &str| {
        let head = format!("GET / HTTP/1.1\nHost: {to}\nX-Program: {program}");
        let answer = send(to, &head, b"");
        (answer.status, answer.body)
    };
    // Who proves nothing uses up nothing.
    for _ in 0..5 {
        assert_eq!(ask_as("c").0, 403);
    }
    for _ in 0..2 {
        assert_eq!(ask_as("a"), (200, "1".to_owned()));
    }
    assert_eq!(ask_as("a").0, 429);
    assert_eq!(ask_as("b"), (200, "2".to_owned()));
    // Without the guard before it, nobody gets through.
    let routes = world.routes().layer(Limits::new(by_key()));
    let to = serve_with_peers(LOCAL, routes.layer(RoutePolicy::machines(&world.guard)));
    assert_eq!(ask(to, "/").status, 500);
}

/// A handler that knows only later for whom it counts asks by itself.
#[test]
fn a_handler_may_ask_by_itself() {
    #[derive(Clone)]
    struct App(RateLimit, Limit);
    async fn handle(
        State(App(limits, limit)): State<App>,
        client: ClientIp,
        id: InRequest,
    ) -> Result<(Counted, &'static str), Failure> {
        let whom = Whom::address(client.prefix());
        let counted = limits.admit_as(&[(&limit, whom)], Some(&id)).await?;
        Ok((counted, "done"))
    }
    let one = limit("one", 1, 60_000);
    let world = World::new(&[&one]);
    let app = App(world.limits().tell(Tell::Always), one);
    let routes = Router::new().route("/", get(handle)).with_state(app);
    let to = serve_with_peers(LOCAL, routes.layer(RoutePolicy::pages(&world.guard)));
    let answer = ask(to, "/");
    assert_eq!(
        (answer.status, answer.header("ratelimit")),
        (200, Some("\"one\";r=0;t=60"))
    );
    let answer = ask(to, "/");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("60"))
    );
}
