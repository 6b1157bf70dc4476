//! Agents ask over a socket, with real keys; people decide beside them.
#![cfg(feature = "approval")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::{get, post};
use keyward_approval::{
    Ballot, Catalogue, ExecutorName, GateId, Gates, Policy, ServiceName, Shape, State, Type,
};
use keyward_audit::Audit;
use keyward_axum::api_key::WebKeys;
use keyward_axum::approval::{
    self, AgentDesk, Pause, WAIT, WAITERS, WAITERS_OF_KEY, WAITERS_OF_TENANT,
};
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use keyward_base::{
    BoxFuture, Clock as _, Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::api_key::{ApiKeys, IssuedKey, NewKey, Scopes};
use keyward_session::danger::Operator;
use keyward_store::{Collection, MemoryStore, RecordKey, Records as _, Write};
use keyward_testkit::Counted;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::web::{Answer, send, serve};

const USERS: Door = Door::new("users");

const POLICY: &str = r#"
keyward-policy = 1
version = 1
otherwise = "one"

[rule.one]
strictness = 10
approvers = ["bob"]
quorum = 1
decide-within = "1h"
run-within = "1h"

[case.restart]
kind = "server.restart"
free = ["region"]
then = "auto"

[case.never]
kind = "server.never"
then = "forbidden"
"#;

const DELETE: &str = r#"{"reason":"old","steps":[{"kind":"server.delete","target":"web-1","arguments":{"region":"eu"}}]}"#;

#[derive(Clone)]
struct App {
    keys: WebKeys,
    desk: AgentDesk,
}

impl FromRef<App> for WebKeys {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

impl FromRef<App> for AgentDesk {
    fn from_ref(app: &App) -> Self {
        app.desk.clone()
    }
}

/// Notes each pause, and is over at once or never.
#[derive(Debug, Default)]
struct Noted {
    spans: Mutex<Vec<Duration>>,
    endless: bool,
}

impl Pause for Noted {
    fn pause(&self, span: Duration) -> BoxFuture<'_, ()> {
        self.spans.lock().unwrap().push(span);
        match self.endless {
            true => Box::pin(std::future::pending()),
            false => Box::pin(std::future::ready(())),
        }
    }
}

#[derive(Debug)]
struct Signed(Tenant, Subject, Timestamp);

impl Evidence for Signed {
    fn tenant(&self) -> &Tenant {
        &self.0
    }
    fn subject(&self) -> &Subject {
        &self.1
    }
    fn method(&self) -> Method {
        Method::PASSWORD
    }
    fn door(&self) -> Door {
        USERS
    }
    fn at(&self) -> Timestamp {
        self.2
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

struct Service {
    to: SocketAddr,
    keys: ApiKeys,
    gates: Gates,
    desk: AgentDesk,
    clock: Arc<ManualClock>,
    pause: Arc<Noted>,
    store: Arc<Counted>,
    runtime: Runtime,
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

impl Service {
    fn start() -> Self {
        Self::with(Noted::default(), |desk| desk)
    }

    fn with(pause: Noted, desk: impl FnOnce(AgentDesk) -> AgentDesk) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let provider = Provider::default();
        let (keys, gates, store) = runtime.block_on(async {
            let root = Arc::new(EphemeralRoot::new(&provider).unwrap());
            let stored = Arc::new(MemoryStore::new(1_000));
            let ring = Keyring::builder(stored, root).clock(clock.clone());
            let ring = ring.create(&[Purpose::new("vault").unwrap()], &[]).await;
            let ring = ring.unwrap();
            let store = Arc::new(Counted::new(100_000));
            let keys = ApiKeys::builder(ring.clone(), store.clone()).prefix("acme_live_");
            let keys = keys.install().await.unwrap().build().await.unwrap();
            let audit = Audit::builder(ring.clone(), store.clone());
            let audit = audit.install().await.unwrap().build().await.unwrap();
            let policy = Policy::parse(&provider, POLICY).unwrap();
            let gates = Gates::builder(ring, audit, policy).door(USERS);
            let gates = gates.install().await.unwrap().build().await.unwrap();
            (keys, gates, store)
        });
        let shape = |kind: &str| Shape::new(kind).unwrap().may("region", Type::Text).unwrap();
        let catalogue = ["server.delete", "server.restart", "server.never"]
            .into_iter()
            .fold(Catalogue::new(), |all, kind| all.with(shape(kind)).unwrap());
        let names = (
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
        );
        let pause = Arc::new(pause);
        let new = AgentDesk::new(
            gates.clone(),
            catalogue,
            names,
            provider,
            clock.clone(),
            pause.clone(),
        );
        let desk = desk(new);
        let web = WebGuard::new(Origins::loopback());
        let app = App {
            keys: WebKeys::new(keys.clone(), &web, "api").unwrap(),
            desk: desk.clone(),
        };
        let routes = Router::new()
            .route("/asks", post(approval::ask))
            .route("/asks/{gate}", get(approval::read))
            .layer(RoutePolicy::machines(&web))
            .with_state(app);
        Self {
            to: serve(routes),
            keys,
            gates,
            desk,
            clock,
            pause,
            store,
            runtime,
        }
    }

    fn issue(&self, scopes: &str) -> IssuedKey {
        let by = Operator::of(acme(), Subject::new("root").unwrap());
        let new = NewKey::new("agent").unwrap();
        let new = new.scopes(Scopes::parse(scopes).unwrap());
        self.runtime
            .block_on(self.keys.issue_as_operator(&by, new))
            .unwrap()
    }

    fn agent(&self) -> IssuedKey {
        self.issue("approvals:ask")
    }

    fn ask(&self, key: &IssuedKey, once: &str, body: &str) -> Answer {
        ask_at(self.to, key.key().expose(), once, body)
    }

    fn read(&self, key: &IssuedKey, path: &str) -> Answer {
        send(self.to, &head(self.to, path, key), b"")
    }

    fn say(&self, gate: &str, ballot: Ballot) {
        let signed = Signed(
            acme(),
            Subject::new("bob").unwrap(),
            self.clock.now().unwrap(),
        );
        let id = GateId::parse(gate).unwrap();
        let tenant = acme();
        let voted = self.gates.vote(&tenant, id, signed, ballot);
        self.runtime.block_on(voted).unwrap();
    }

    fn pending(&self) -> usize {
        let tenant = acme();
        let listed = self.gates.list(&tenant, State::Pending, None, 1_000);
        self.runtime.block_on(listed).unwrap().0.len()
    }
}

fn head(to: SocketAddr, path: &str, key: &IssuedKey) -> String {
    let key = key.key().expose();
    format!("GET {path} HTTP/1.1\nHost: {to}\nAuthorization: Bearer {key}")
}

fn ask_at(to: SocketAddr, key: &str, once: &str, body: &str) -> Answer {
    let once = match once {
        "" => String::new(),
        once => format!("Idempotency-Key: {once}\n"),
    };
    let len = body.len();
    let head = format!(
        "POST /asks HTTP/1.1\nHost: {to}\nAuthorization: Bearer {key}\n{once}\
         Content-Type: application/json\nContent-Length: {len}"
    );
    send(to, &head, body.as_bytes())
}

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

fn gate(answer: &Answer) -> String {
    read(answer)["gate"].as_str().unwrap().to_owned()
}

#[test]
fn one_key_is_one_gate_among_64_that_ask_at_once() {
    let service = Service::start();
    let agent = service.agent();
    let (to, key) = (service.to, agent.key().expose());
    let gates: BTreeSet<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..64)
            .map(|_| scope.spawn(move || gate(&ask_at(to, key, "one", DELETE))))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(gates.len(), 1);
    assert_eq!(service.pending(), 1);
    // In the quotes of a structured field it is the same key.
    let quoted = service.ask(&agent, "\"one\"", DELETE);
    assert!(gates.contains(&gate(&quoted)));
    // Another agent's key of that name is another key.
    let other = service.ask(&service.agent(), "one", DELETE);
    assert_eq!(other.status, 202);
    assert!(!gates.contains(&gate(&other)));
}

#[test]
fn other_bytes_under_a_used_key_are_refused() {
    let service = Service::start();
    let agent = service.agent();
    assert_eq!(service.ask(&agent, "one", DELETE).status, 202);
    let other = DELETE.replace("web-1", "web-2");
    assert_eq!(service.ask(&agent, "one", &other).status, 422);
    assert_eq!(
        service.ask(&agent, "one", &format!("{DELETE} ")).status,
        422
    );
    assert_eq!(service.ask(&agent, "one", DELETE).status, 200);
    assert_eq!(service.pending(), 1);
}

#[test]
fn no_more_wait_at_once_than_may_and_a_decision_makes_room() {
    let service = Service::with(Noted::default(), |desk| desk.waiting(3));
    let agent = service.agent();
    let (to, key) = (service.to, agent.key().expose());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|n| scope.spawn(move || ask_at(to, key, &format!("k{n}"), DELETE).status))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(202), count(429)), (3, 13), "{statuses:?}");
    assert_eq!(service.pending(), 3);
    // What waits for nobody takes no place; another agent has its own.
    let restart = DELETE.replace("delete", "restart");
    assert_eq!(service.ask(&agent, "auto", &restart).status, 200);
    assert_eq!(service.ask(&service.agent(), "k", DELETE).status, 202);
    let taken = statuses.iter().position(|status| *status == 202).unwrap();
    let again = service.ask(&agent, &format!("k{taken}"), DELETE);
    assert_eq!(again.status, 200);
    service.say(&gate(&again), Ballot::deny("no"));
    assert_eq!(service.ask(&agent, "later", DELETE).status, 202);
    let full = service.ask(&agent, "much-later", DELETE);
    assert_eq!(full.status, 429);
    assert!(full.header("retry-after").is_some());
}

/// A limit beyond those that there are is the nearest of them.
#[test]
fn a_desk_lets_one_wait_at_least_and_no_more_than_may() {
    for (waiting, most) in [(0, 1), (u16::MAX, 64)] {
        let service = Service::with(Noted::default(), |desk| desk.waiting(waiting));
        let agent = service.agent();
        for nth in 0..most {
            let asked = service.ask(&agent, &format!("k{nth}"), DELETE);
            assert_eq!(asked.status, 202, "{waiting}: {nth}");
        }
        assert_eq!(service.ask(&agent, "more", DELETE).status, 429);
    }
}

#[test]
fn a_denial_and_its_reason_reach_who_asked_and_nobody_else() {
    let service = Service::start();
    let agent = service.agent();
    let asked = service.ask(&agent, "one", DELETE);
    assert_eq!(read(&asked)["state"], "pending");
    assert_eq!(asked.header("cache-control"), Some("no-store"));
    let path = format!("/asks/{}", gate(&asked));
    service.say(&gate(&asked), Ballot::deny("ask me on Monday"));
    let told = read(&service.read(&agent, &format!("{path}?wait=10")));
    assert_eq!(told["state"], "denied");
    assert_eq!(told["reason"], "ask me on Monday");
    assert_eq!(told["is_over"], true);
    assert_eq!(told["results"][0]["result"], "not-run");
    assert!(service.pause.spans.lock().unwrap().is_empty());
    let other = service.agent();
    assert_eq!(service.read(&other, &path).status, 404);
    let none = format!("/asks/{}", "0".repeat(32));
    assert_eq!(service.read(&agent, &none).status, 404);
    assert_eq!(service.read(&agent, "/asks/x").status, 404);
    assert_eq!(service.read(&agent, &format!("{path}?wait=-1")).status, 400);
    assert_eq!(service.read(&agent, &format!("{path}?until=1")).status, 400);
}

#[test]
fn who_lacks_the_scope_asks_nothing() {
    let service = Service::start();
    let key = service.issue("servers:read");
    assert_eq!(service.ask(&key, "one", DELETE).status, 403);
    assert_eq!(ask_at(service.to, "acme_live_x", "one", DELETE).status, 401);
    let asked = service.ask(&service.agent(), "one", DELETE);
    let path = format!("/asks/{}", gate(&asked));
    assert_eq!(service.read(&key, &path).status, 403);
    assert_eq!(service.pending(), 1);
}

#[test]
fn what_is_no_ask_is_said_and_takes_no_key() {
    let service = Service::start();
    let agent = service.agent();
    let long = "k".repeat(256);
    for once in [
        "",
        "a b",
        "a\"b",
        "a,b",
        "\"\"",
        &long,
        "a\nIdempotency-Key: b",
    ] {
        assert_eq!(service.ask(&agent, once, DELETE).status, 400, "{once}");
    }
    let wrong = DELETE.replace("\"region\"", "\"regoin\"");
    let answer = service.ask(&agent, "one", &wrong);
    assert_eq!(answer.status, 400);
    let says = read(&answer)["error"].as_str().unwrap().to_owned();
    assert_eq!(
        says,
        "steps[0].arguments.regoin: server.delete has no such argument"
    );
    let never = DELETE.replace("delete", "never");
    assert_eq!(service.ask(&agent, "one", &never).status, 403);
    assert_eq!(service.ask(&agent, "one", DELETE).status, 202);
    assert_eq!(service.pending(), 1);
}

#[test]
fn a_read_waits_no_longer_than_it_says_and_looks_seldom() {
    let service = Service::start();
    let agent = service.agent();
    let path = format!("/asks/{}", gate(&service.ask(&agent, "one", DELETE)));
    for (wait, most) in [("7", Duration::from_secs(7)), ("65535", WAIT)] {
        service.pause.spans.lock().unwrap().clear();
        service.store.take();
        let answer = service.read(&agent, &format!("{path}?wait={wait}"));
        assert_eq!(read(&answer)["state"], "pending");
        let spans = service.pause.spans.lock().unwrap().clone();
        assert_eq!(spans.iter().sum::<Duration>(), most);
        assert!(spans.len() <= 20, "{spans:?}");
        // The action may be large: it is not read at each look.
        let calls = service.store.take();
        let whole = calls.iter().filter(|call| **call == "fetch_many").count();
        assert!(whole <= 4 && calls.len() > spans.len(), "{calls:?}");
    }
    assert_eq!(service.desk.waiters(), 0);
}

#[test]
fn a_client_that_hangs_up_gives_its_place_back() {
    let endless = Noted {
        endless: true,
        ..Noted::default()
    };
    let service = Service::with(endless, |desk| desk);
    let agent = service.agent();
    let path = format!(
        "/asks/{}?wait=30",
        gate(&service.ask(&agent, "one", DELETE))
    );
    let head = head(service.to, &path, &agent).replace('\n', "\r\n");
    let streams: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(service.to).unwrap();
            write!(stream, "{head}\r\n\r\n").unwrap();
            stream
        })
        .collect();
    while service.desk.waiters() < 8 {
        std::thread::yield_now();
    }
    drop(streams);
    while service.desk.waiters() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(service.pause.spans.lock().unwrap().len(), 8);
}

#[test]
fn one_key_takes_its_own_places_and_nobody_elses() {
    let endless = Noted {
        endless: true,
        ..Noted::default()
    };
    let service = Service::with(endless, |desk| desk);
    let (agent, other) = (service.agent(), service.agent());
    let asked = |agent: &IssuedKey| format!("/asks/{}", gate(&service.ask(agent, "one", DELETE)));
    let (path, others) = (asked(&agent), asked(&other));
    let waits = |agent: &IssuedKey, path: &str| {
        let head = head(service.to, &format!("{path}?wait=30"), agent);
        let mut stream = TcpStream::connect(service.to).unwrap();
        write!(stream, "{}\r\n\r\n", head.replace('\n', "\r\n")).unwrap();
        stream
    };
    let mut streams: Vec<_> = (0..WAITERS_OF_KEY).map(|_| waits(&agent, &path)).collect();
    while service.desk.waiters() < WAITERS_OF_KEY {
        std::thread::yield_now();
    }
    // One more is told at once, as is who does not wait; another key waits as ever.
    for path in [format!("{path}?wait=30"), path] {
        assert_eq!(read(&service.read(&agent, &path))["state"], "pending");
    }
    streams.push(waits(&other, &others));
    while service.desk.waiters() <= WAITERS_OF_KEY {
        std::thread::yield_now();
    }
    drop(streams);
    while service.desk.waiters() > 0 {
        std::thread::yield_now();
    }
}

/// Polled once: what waits then has its place, and keeps it until it is dropped.
#[test]
fn the_places_of_a_tenant_and_of_all_are_bounded() {
    let endless = Noted {
        endless: true,
        ..Noted::default()
    };
    let service = Service::with(endless, |desk| desk);
    let agent = |tenant: &Tenant| {
        let by = Operator::of(tenant.clone(), Subject::new("root").unwrap());
        let new = NewKey::new("agent").unwrap();
        let new = new.scopes(Scopes::parse("approvals:ask").unwrap());
        service.runtime.block_on(async {
            let issued = service.keys.issue_as_operator(&by, new).await.unwrap();
            let key = service.keys.check(issued.key().expose(), None).await;
            let (key, mut once) = (Arc::new(key.unwrap()), HeaderMap::new());
            once.insert("idempotency-key", HeaderValue::from_static("one"));
            let asked = service.desk.ask(&key, &once, DELETE.as_bytes()).await;
            let asked: Value = serde_json::from_slice(asked.unwrap().body()).unwrap();
            (key, asked["gate"].as_str().unwrap().to_owned())
        })
    };
    let mut context = Context::from_waker(Waker::noop());
    let (mut waiting, mut first) = (Vec::new(), None);
    for nth in 0..5 {
        let tenant = Tenant::new(&format!("tenant-{nth}")).unwrap();
        for of_tenant in 0..5 {
            let (key, gate) = agent(&tenant);
            first.get_or_insert_with(|| (Arc::clone(&key), gate.clone()));
            let all = WAITERS.min(waiting.len() + WAITERS_OF_KEY);
            let has_room = of_tenant < WAITERS_OF_TENANT / WAITERS_OF_KEY;
            let all = if has_room { all } else { waiting.len() };
            for _ in 0..=WAITERS_OF_KEY {
                let (desk, key, gate) = (service.desk.clone(), Arc::clone(&key), gate.clone());
                let mut read = Box::pin(async move { desk.read(&key, &gate, Some(WAIT)).await });
                if read.as_mut().poll(&mut context).is_pending() {
                    waiting.push(read);
                }
            }
            assert_eq!((waiting.len(), service.desk.waiters()), (all, all));
        }
    }
    assert_eq!(service.desk.waiters(), WAITERS);
    // What is given back is there for who had none.
    waiting.truncate(WAITERS - 1);
    let (key, gate) = agent(&Tenant::new("late").unwrap());
    let desk = service.desk.clone();
    let mut read = Box::pin(async move { desk.read(&key, &gate, Some(WAIT)).await });
    assert!(read.as_mut().poll(&mut context).is_pending());
    drop((waiting, read));
    assert_eq!(service.desk.waiters(), 0);
    // Nor is anything kept of whose they were.
    let (key, gate) = first.unwrap();
    let desk = service.desk.clone();
    let mut read = Box::pin(async move { desk.read(&key, &gate, Some(WAIT)).await });
    assert!(read.as_mut().poll(&mut context).is_pending());
}

#[test]
fn an_agent_that_runs_it_itself_has_a_decision_and_is_told_that_it_is_no_more() {
    let service = Service::with(Noted::default(), AgentDesk::decides_only);
    let agent = service.agent();
    let asked = service.ask(&agent, "one", DELETE);
    service.say(&gate(&asked), Ballot::approve());
    let told = read(&service.read(&agent, &format!("/asks/{}?wait=9", gate(&asked))));
    assert_eq!(told["state"], "approved");
    assert_eq!(told["is_over"], true);
    assert_eq!(told["service_runs"], false);
    // Where the service runs it, approved is not the end.
    let service = Service::start();
    let agent = service.agent();
    let asked = service.ask(&agent, "one", DELETE);
    service.say(&gate(&asked), Ballot::approve());
    let told = read(&service.read(&agent, &format!("/asks/{}", gate(&asked))));
    assert_eq!(
        (&told["is_over"], &told["service_runs"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_yes_that_was_taken_back_and_put_back_is_told_to_nobody() {
    is_told_to_nobody(&Service::with(Noted::default(), AgentDesk::decides_only));
    is_told_to_nobody(&Service::start());
}

fn is_told_to_nobody(service: &Service) {
    let agent = service.agent();
    let asked = gate(&service.ask(&agent, "one", DELETE));
    let read = || service.read(&agent, &format!("/asks/{asked}"));
    service.say(&asked, Ballot::approve());
    assert_eq!(read().status, 200);
    let place = RecordKey {
        collection: Collection::named("approval"),
        owner: acme().as_str().to_owned(),
        id: asked.clone(),
    };
    let fetch = || service.runtime.block_on(service.store.fetch(&place));
    let before = fetch().unwrap().unwrap().content;
    service.say(&asked, Ballot::deny("not after all"));
    let version = fetch().unwrap().unwrap().version;
    let put = vec![Write::put(place.clone(), Some(version), before)];
    let _applied = service.runtime.block_on(service.store.apply(put)).unwrap();
    assert_eq!(read().status, 500);
    // Nor to who asks for it once more.
    assert_eq!(service.ask(&agent, "one", DELETE).status, 500);
}

#[test]
fn a_yes_that_the_policy_would_not_give_any_more_is_told_to_nobody_who_acts_on_it() {
    let forbids = format!("{POLICY}\n[case.no]\nkind = \"server.delete\"\nthen = \"forbidden\"\n");
    let forbids = || Policy::parse(&Provider::default(), &forbids).unwrap();
    let service = Service::with(Noted::default(), AgentDesk::decides_only);
    let agent = service.agent();
    let approved = |service: &Service, agent: &IssuedKey, once: &str| {
        let asked = gate(&service.ask(agent, once, DELETE));
        service.say(&asked, Ballot::approve());
        asked
    };
    let (one, two) = (
        approved(&service, &agent, "1"),
        approved(&service, &agent, "2"),
    );
    let told = |path: &str| read(&service.read(&agent, path));
    assert_eq!(told(&format!("/asks/{one}"))["state"], "approved");
    service.gates.set_policy(forbids());
    assert_eq!(told(&format!("/asks/{one}?wait=9"))["state"], "superseded");
    // Nor by asking once more.
    let again = read(&service.ask(&agent, "2", DELETE));
    assert_eq!(
        (&again["gate"], &again["state"]),
        (&two.into(), &"superseded".into())
    );
    // Where the service runs it, its executor judges it.
    let service = Service::start();
    let agent = service.agent();
    let asked = approved(&service, &agent, "1");
    service.gates.set_policy(forbids());
    let told = read(&service.read(&agent, &format!("/asks/{asked}")));
    assert_eq!(told["state"], "approved");
}
