//! A service with gates, links, sessions and the pages of links; and whoever sends it something.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use keyward_approval::gate::{Shown, What};
use keyward_approval::{
    ActionBuilder, Asking, Ballot, Catalogue, ExecutorName, GateId, Gates, Letter, Links, Policy,
    Requester, ServiceName, Shape, State,
};
use keyward_audit::Audit;
use keyward_axum::approval::{ApprovalPages, pages};
use keyward_axum::session::WebSessions;
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use keyward_base::{
    Clock as _, Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::{Kind, Sessions, Start, User};
use keyward_store::MemoryStore;
use keyward_testkit::Counted;
use tokio::runtime::{Builder, Runtime};

use crate::web::{Answer, send, serve_at};

const USERS: Door = Door::new("users");
const OTHERS: Door = Door::new("others");

const POLICY: &str = r#"
keyward-policy = 1
version = 1
otherwise = "one"

[rule.holder]
strictness = 5
approvers = ["ada", "bob", "carol"]
quorum = 1
link-holder = true

[rule.one]
strictness = 10
approvers = ["ada", "bob", "carol"]
quorum = 1

[rule.two]
strictness = 20
approvers = ["ada", "bob", "carol"]
quorum = 2

[rule.late]
strictness = 12
approvers = ["ada", "bob", "carol"]
quorum = 1
escalate = { to = "lead", after = "10m" }

[rule.lead]
strictness = 15
approvers = ["bob"]
quorum = 1

[rule.key]
strictness = 30
approvers = ["ada", "bob", "carol"]
quorum = 2
passkey = true

[case.stop]
kind = "server.stop"
then = "holder"

[case.delete]
kind = "server.delete"
then = "one"

[case.wipe]
kind = "server.wipe"
then = "two"

[case.move]
kind = "server.move"
then = "late"

[case.rotate]
kind = "server.rotate"
then = "key"
"#;

#[derive(Debug)]
struct Signed(Tenant, Subject, Door, Timestamp);

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
        self.2
    }
    fn at(&self) -> Timestamp {
        self.3
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

pub fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

pub fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub struct Service {
    pub to: SocketAddr,
    pub gates: Gates,
    pub links: Links,
    pub web: WebSessions,
    pub clock: Arc<ManualClock>,
    pub ring: Keyring,
    /// Of gates and sessions.
    pub store: Arc<Counted>,
    pub page: String,
    pub runtime: Runtime,
}

/// A gate, a link to it, and the code that goes with it.
#[derive(Clone)]
pub struct Mailed {
    pub gate: GateId,
    pub token: String,
    pub code: String,
}

impl Service {
    pub fn start() -> Self {
        Self::with(|pages| pages)
    }

    pub fn with(change: impl FnOnce(ApprovalPages) -> ApprovalPages + Send + 'static) -> Self {
        Self::mounted(change, |guard, routes| {
            routes.layer(RoutePolicy::pages(guard))
        })
    }

    /// Where nobody is ever signed in, and nothing stands before the routes.
    pub fn bare() -> Self {
        Self::made(false, |pages| pages, |_, routes| routes)
    }

    /// With what stands before the routes.
    pub fn mounted(
        change: impl FnOnce(ApprovalPages) -> ApprovalPages + Send + 'static,
        mount: fn(&WebGuard, Router) -> Router,
    ) -> Self {
        Self::made(true, change, mount)
    }

    fn made(
        signs_in: bool,
        change: impl FnOnce(ApprovalPages) -> ApprovalPages + Send + 'static,
        mount: fn(&WebGuard, Router) -> Router,
    ) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let provider = Provider::default();
        let store = Arc::new(Counted::new(100_000));
        let (ring, gates, links, sessions) = runtime.block_on(async {
            let root = Arc::new(EphemeralRoot::new(&provider).unwrap());
            let stored = Arc::new(MemoryStore::new(1_000));
            let ring = Keyring::builder(stored, root).clock(clock.clone());
            let ring = ring.create(&[Purpose::new("vault").unwrap()], &[]).await;
            let ring = ring.unwrap();
            let audit = Audit::builder(ring.clone(), store.clone());
            let audit = audit.install().await.unwrap().build().await.unwrap();
            let policy = Policy::parse(&provider, POLICY).unwrap();
            let gates = Gates::builder(ring.clone(), audit, policy).door(USERS);
            let gates = gates.install().await.unwrap().build().await.unwrap();
            let links = Links::new(ring.clone()).unwrap();
            links.install().await.unwrap();
            let sessions = Sessions::builder(ring.clone(), store.clone())
                .opens(USERS, Kind::User)
                .opens(OTHERS, Kind::User);
            let sessions = sessions.install().await.unwrap().build().await.unwrap();
            (ring, gates, links, sessions)
        });
        let guard = WebGuard::new(Origins::loopback());
        let web = WebSessions::new(sessions, &guard).unwrap();
        let given = (gates.clone(), links.clone(), web.clone());
        let (tell, told) = std::sync::mpsc::channel();
        let to = serve_at("127.0.0.1:0", async move |to| {
            let (gates, links, web) = given;
            let address = format!("http://localhost:{}/approvals", to.port());
            let made = ApprovalPages::new(gates, links, &guard, &address).unwrap();
            let made = match signs_in {
                true => made.sessions::<User>(&web).sign_in("/login").unwrap(),
                false => made,
            };
            let made = change(made);
            tell.send(made.page(&acme()).unwrap()).unwrap();
            // A browser asks for it, and complains where there is none.
            let icon = get(|| async { StatusCode::NO_CONTENT });
            let routes = Router::new().route("/favicon.ico", icon);
            mount(&guard, routes.merge(pages(made)))
        });
        Self {
            to,
            gates,
            links,
            web,
            clock,
            ring,
            store,
            page: told.recv().unwrap(),
            runtime,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// Asks for something of that kind, in words of the asker's own.
    pub fn ask(&self, kind: &str, why: &str) -> GateId {
        let shape = |kind: &str| Shape::new(kind).unwrap();
        let kinds = [
            "server.stop",
            "server.delete",
            "server.wipe",
            "server.move",
            "server.rotate",
        ];
        let all = kinds.into_iter();
        let catalogue = all.fold(Catalogue::new(), |all, kind| all.with(shape(kind)).unwrap());
        let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
        let builder = ActionBuilder::new(
            acme(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            requester,
        );
        let builder = builder.step(catalogue.step(kind, "web-1").unwrap());
        let policy = self.gates.policy();
        let asked = builder
            .reason(why)
            .build(&policy, self.now(), &Provider::default())
            .unwrap();
        let asked = self.gates.ask(Asking::new(asked));
        self.runtime.block_on(asked).unwrap().gate()
    }

    pub fn letter(&self, gate: GateId, approver: Option<&str>) -> Letter {
        self.letter_about(gate, approver, gate)
    }

    /// A link to a gate, made for the action of that other one.
    pub fn letter_about(&self, gate: GateId, approver: Option<&str>, of: GateId) -> Letter {
        self.runtime.block_on(async {
            let draft = self.links.draft(&acme(), gate).unwrap();
            let code = Some(*draft.code_digest());
            let slot = self
                .gates
                .add_link(&acme(), gate, approver.map(subject), code)
                .await
                .unwrap();
            let shown = self.gates.show(&acme(), of).await.unwrap();
            draft.finish(shown.action(), slot, self.now()).unwrap()
        })
    }

    pub fn link(&self, gate: GateId, approver: Option<&str>) -> Mailed {
        let letter = self.letter(gate, approver);
        Mailed {
            gate,
            token: letter.link().expose().to_owned(),
            code: letter.code().expose().to_owned(),
        }
    }

    /// A link that no code goes with.
    pub fn without_code(&self, gate: GateId) -> Mailed {
        let letter = self.runtime.block_on(async {
            let draft = self.links.draft(&acme(), gate).unwrap();
            let slot = self.gates.add_link(&acme(), gate, None, None).await;
            let shown = self.gates.show(&acme(), gate).await.unwrap();
            let letter = draft.finish(shown.action(), slot.unwrap(), self.now());
            letter.unwrap()
        });
        Mailed {
            gate,
            token: letter.link().expose().to_owned(),
            code: letter.code().expose().to_owned(),
        }
    }

    /// Asks for it, and mails a link to whoever that is.
    pub fn mailed(&self, kind: &str, approver: Option<&str>) -> Mailed {
        self.link(self.ask(kind, "it is old"), approver)
    }

    pub fn shown(&self, gate: GateId) -> Shown {
        let tenant = acme();
        let shown = self.gates.show(&tenant, gate);
        self.runtime.block_on(shown).unwrap()
    }

    pub fn state(&self, gate: GateId) -> State {
        self.shown(gate).state()
    }

    /// How often its history has that.
    pub fn count(&self, gate: GateId, what: What) -> usize {
        let shown = self.shown(gate);
        let history = shown.history().iter();
        history.filter(|past| past.what() == what).count()
    }

    /// A vote that did not come by a page.
    pub fn vote(&self, gate: GateId, who: &str, ballot: Ballot) {
        let signed = Signed(acme(), subject(who), USERS, self.now());
        let tenant = acme();
        let voted = self.gates.vote(&tenant, gate, signed, ballot);
        self.runtime.block_on(voted).unwrap();
    }

    /// The cookie of a session of `who` that begins now.
    pub fn sign_in(&self, who: &str) -> String {
        self.sign_in_at(acme(), who, USERS)
    }

    pub fn sign_in_elsewhere(&self, who: &str) -> [String; 2] {
        let globex = Tenant::new("globex").unwrap();
        [
            self.sign_in_at(globex, who, USERS),
            self.sign_in_at(acme(), who, OTHERS),
        ]
    }

    fn sign_in_at(&self, tenant: Tenant, who: &str, door: Door) -> String {
        let signed = Signed(tenant, subject(who), door, self.now());
        let started = self.web.sessions().start(signed, Start::new());
        let started = self.runtime.block_on(started).unwrap();
        format!("__Host-session={}", started.token().expose())
    }

    /// Time goes by, in which the keyring is read anew as it is by a process that serves.
    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.runtime.block_on(self.ring.refresh()).unwrap();
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.to.port())
    }

    pub fn ask_for(&self, method: &str, query: &str, cookies: &str) -> Answer {
        self.ask_at(method, "/approvals/acme", query, cookies)
    }

    pub fn ask_at(&self, method: &str, path: &str, query: &str, cookies: &str) -> Answer {
        let host = self.host();
        let cookies = match cookies {
            "" => String::new(),
            cookies => format!("\nCookie: {cookies}"),
        };
        let head = format!("{method} {path}{query} HTTP/1.1\nHost: {host}{cookies}");
        send(self.to, &head, b"")
    }

    /// Opens a link.
    pub fn open(&self, mailed: &Mailed, cookies: &str) -> Page {
        let answer = self.ask_for("GET", &format!("?token={}", mailed.token), cookies);
        Page::of(answer, cookies)
    }

    /// Sends fields to the page, as its form does, with these cookies.
    pub fn send(&self, fields: &[(&str, &str)], cookies: &str) -> Answer {
        self.send_from(&format!("http://{}", self.host()), fields, cookies)
    }

    pub fn send_from(&self, origin: &str, fields: &[(&str, &str)], cookies: &str) -> Answer {
        let form = "application/x-www-form-urlencoded";
        self.post(origin, form, cookies, &body_of(fields))
    }

    pub fn post(&self, origin: &str, kind: &str, cookies: &str, body: &str) -> Answer {
        self.post_to("", origin, kind, cookies, body)
    }

    pub fn post_to(
        &self,
        query: &str,
        origin: &str,
        kind: &str,
        cookies: &str,
        body: &str,
    ) -> Answer {
        let head = self.head_of(query, origin, kind, cookies, body);
        send(self.to, &head, body.as_bytes())
    }

    fn head_of(&self, query: &str, origin: &str, kind: &str, cookies: &str, body: &str) -> String {
        let (host, len) = (self.host(), body.len());
        format!(
            "POST /approvals/acme{query} HTTP/1.1\nHost: {host}\nOrigin: {origin}\n\
             Cookie: {cookies}\nContent-Type: {kind}\nContent-Length: {len}"
        )
    }

    /// What a form sends: its head and its body.
    pub fn request_of(&self, fields: &[(&str, &str)], cookies: &str) -> (String, String) {
        let (own, body) = (format!("http://{}", self.host()), body_of(fields));
        let form = "application/x-www-form-urlencoded";
        (self.head_of("", &own, form, cookies, &body), body)
    }

    /// How many tries of codes its tenant's log has.
    pub fn tried(&self, gate: GateId) -> usize {
        let tenant = acme();
        let exported = self.gates.export(&tenant, gate, Vec::new());
        let exported = self.runtime.block_on(exported).unwrap();
        let text = String::from_utf8(exported).unwrap();
        text.matches("code-tried").count()
    }

    /// Answers on the page of a link, which is opened first.
    pub fn answer(&self, mailed: &Mailed, cookies: &str, more: &[(&str, &str)]) -> Answer {
        let page = self.open(mailed, cookies);
        self.answer_on(&page, mailed, more)
    }

    pub fn answer_on(&self, page: &Page, mailed: &Mailed, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("token", mailed.token.as_str()), ("mark", &page.mark)];
        fields.extend_from_slice(more);
        self.send(&fields, &page.cookies)
    }
}

/// A page that was opened, and what the browser then has.
#[derive(Debug)]
pub struct Page {
    pub answer: Answer,
    /// Of the form; empty if there is none.
    pub mark: String,
    /// As a browser sends them.
    pub cookies: String,
}

impl Page {
    fn of(answer: Answer, before: &str) -> Self {
        let field = answer.body.split("name=\"mark\" value=\"").nth(1);
        let mark = field.and_then(|rest| rest.split('"').next());
        let mark = mark.unwrap_or_default().to_owned();
        let set = answer.header("set-cookie").unwrap_or_default();
        let set = set.split(';').next().unwrap();
        let cookies: Vec<&str> = [before, set]
            .into_iter()
            .filter(|c| !c.is_empty())
            .collect();
        let cookies = cookies.join("; ");
        Self {
            answer,
            mark,
            cookies,
        }
    }
}

fn body_of(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| format!("{name}={}", encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}
