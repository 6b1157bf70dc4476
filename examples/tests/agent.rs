//! The agent asks a service over a socket with a key of its own, and a person decides beside it.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use keyward::approval::executor::{Effect, Job, OnceBy, Target};
use keyward::approval::gate::State;
use keyward::approval::{
    Ballot, Catalogue, Executor, ExecutorName, FileClaims, GateId, Gates, Policy, ServiceName,
    Shape, Step,
};
use keyward::audit::Audit;
use keyward::axum::api_key::WebKeys;
use keyward::axum::approval::{self, AgentDesk, Pause};
use keyward::axum::{Origins, RoutePolicy, WebGuard};
use keyward::base::{BoxFuture, Door, Evidence, Method, Subject};
use keyward::crypto::Provider;
use keyward::keys::{EphemeralRoot, Keyring};
use keyward::session::api_key::{ApiKeys, NewKey, Scope, Scopes};
use keyward::session::danger::Operator;
use keyward::store::MemoryStore;
use keyward::{Clock as _, Purpose, SystemClock, Tenant, Timestamp};
use support::{Place, example};

const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n\
    [rule.one]\nstrictness = 1\napprovers = [\"bob\"]\nquorum = 1\n";
const ASK: &str =
    r#"{"reason":"nobody uses it","steps":[{"kind":"server.delete","target":"web-1"}]}"#;

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

/// Bob, as he is signed in.
#[derive(Debug)]
struct Bob(Tenant, Subject, Timestamp);

impl Evidence for Bob {
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
        Door::new("users")
    }
    fn at(&self) -> Timestamp {
        self.2
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

/// Looks again as soon as whoever else has something to do has done it.
#[derive(Debug)]
struct Soon;

impl Pause for Soon {
    fn pause(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

/// Writes down what it deletes.
#[derive(Debug, Default)]
struct Servers(Mutex<Vec<String>>);

impl Target for Servers {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Nothing
    }
    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        self.0.lock().unwrap().push(job.step().target().to_owned());
        Box::pin(std::future::ready(Effect::Done("gone \u{1b}[2J".into())))
    }
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

struct Service {
    place: Place,
    at: String,
    gates: Gates,
    executor: Executor,
    servers: Arc<Servers>,
    key: PathBuf,
}

impl Service {
    async fn start() -> Self {
        let place = Place::new();
        let (provider, clock) = (Provider::default(), Arc::new(SystemClock::new()));
        let root = Arc::new(EphemeralRoot::new(&provider).unwrap());
        let ring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
        let ring = ring.create(&[Purpose::new("vault").unwrap()], &[]).await;
        let (ring, store) = (ring.unwrap(), Arc::new(MemoryStore::new(100_000)));
        let keys = ApiKeys::builder(ring.clone(), store.clone()).prefix("acme_live_");
        let keys = keys.install().await.unwrap().build().await.unwrap();
        let audit = Audit::builder(ring.clone(), store);
        let audit = audit.install().await.unwrap().build().await.unwrap();
        let policy = Policy::parse(&provider, POLICY).unwrap();
        let gates = Gates::builder(ring, audit, policy).door(Door::new("users"));
        let gates = gates.install().await.unwrap().build().await.unwrap();
        let names = || {
            let service = ServiceName::new("deploydesk").unwrap();
            (service, ExecutorName::new("worker").unwrap())
        };
        let anchor = Arc::new(FileClaims::open(place.folder().join("claims")).unwrap());
        let servers = Arc::new(Servers::default());
        let executor = Executor::builder(gates.clone(), names().1, anchor, servers.clone());
        let catalogue = Catalogue::new().with(Shape::new("server.delete").unwrap());
        let desk = AgentDesk::new(
            gates.clone(),
            catalogue.unwrap(),
            names(),
            provider,
            clock,
            Arc::new(Soon),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let web = WebGuard::new(Origins::loopback());
        let app = App {
            keys: WebKeys::new(keys.clone(), &web, "api").unwrap(),
            desk,
        };
        let routes = Router::new()
            .route("/api/approvals", post(approval::ask))
            .route("/api/approvals/{gate}", get(approval::read))
            .layer(RoutePolicy::machines(&web))
            .with_state(app);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let ada = Operator::of(acme(), Subject::new("ada").unwrap());
        let scopes = Scopes::new([Scope::new("approvals:ask").unwrap()]).unwrap();
        let new = NewKey::new("agent").unwrap().scopes(scopes);
        let made = keys.issue_as_operator(&ada, new).await.unwrap();
        let key = place.folder().join("key");
        std::fs::write(&key, format!("{}\n", made.key().expose())).unwrap();
        Self {
            at: format!("http://{to}/api/approvals"),
            executor: executor.build().unwrap(),
            place,
            gates,
            servers,
            key,
        }
    }

    /// Runs the agent, and beside it whoever decides.
    async fn agent(&self, job: &str, decides: impl Future<Output = ()>) -> (i32, String) {
        let ask = self.place.folder().join("ask.json");
        std::fs::write(&ask, ASK).unwrap();
        let mut command = self.place.command(&example("approval_agent"));
        command.args([self.at.as_str(), self.key.to_str().unwrap(), job]);
        command.stdin(std::fs::File::open(ask).unwrap());
        let child = tokio::task::spawn_blocking(move || command.output());
        let (output, ()) = tokio::join!(child, decides);
        let output = output.unwrap().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    }

    /// What is asked for, as soon as it is.
    async fn waiting(&self) -> GateId {
        loop {
            let page = self.gates.list(&acme(), State::Pending, None, 10).await;
            if let Some(id) = page.unwrap().0.first() {
                return *id;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn vote(&self, id: GateId, ballot: Ballot) {
        let now = SystemClock::new().now().unwrap();
        let bob = Bob(acme(), Subject::new("bob").unwrap(), now);
        self.gates.vote(&acme(), id, bob, ballot).await.unwrap();
    }
}

#[tokio::test]
async fn an_agent_asks_waits_and_obeys() {
    let service = Service::start().await;
    let (code, said) = service
        .agent("job-1", async {
            let id = service.waiting().await;
            assert!(service.servers.0.lock().unwrap().is_empty());
            service.vote(id, Ballot::approve()).await;
            let may_run = service.gates.approved(&acme(), id).await.unwrap();
            let _ran = service.executor.run(may_run).await.unwrap();
        })
        .await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("\"executed\"") && said.contains("\"done\" \"gone"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said}");
    // The same job is the same ask: nothing is asked for, and nothing runs.
    let (code, again) = service.agent("job-1", async {}).await;
    assert_eq!((code, &again), (0, &said));
    assert_eq!(*service.servers.0.lock().unwrap(), ["web-1"]);

    let (code, said) = service
        .agent("job-2", async {
            let id = service.waiting().await;
            service.vote(id, Ballot::deny("it is \u{202e}mine")).await;
        })
        .await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(r#"denied: "it is \u{202e}mine""#), "{said}");
    assert_eq!(*service.servers.0.lock().unwrap(), ["web-1"]);
}

#[tokio::test]
async fn an_agent_without_a_good_key_gets_nothing() {
    let service = Service::start().await;
    std::fs::write(&service.key, "acme_live_no").unwrap();
    let (code, said) = service.agent("job-1", async {}).await;
    assert!(code == 2 && said.contains("401"), "{code} {said}");
    let page = service.gates.list(&acme(), State::Pending, None, 10).await;
    assert!(page.unwrap().0.is_empty());
}

/// The agent's own lines: without its imports and the request that any HTTP client makes.
#[test]
fn the_agent_is_short() {
    let text = include_str!("../approval_agent.rs");
    let (_, own) = text.split_once("// The agent.\n").unwrap();
    let (own, _) = own.split_once("// One request.\n").unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = own.lines().filter(is_code).count();
    assert!(lines <= 60, "{lines} lines");
}
