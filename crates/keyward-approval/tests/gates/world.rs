//! A keyring, a log, gates over a store, and people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_approval::action::{ActionBuilder, Asked, Catalogue, Shape, Type};
use keyward_approval::claims::ClaimAnchor;
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::{Passkeys, Questioned, Roles, Shown, Standing};
use keyward_approval::link::Presented;
use keyward_approval::{
    Asking, Ballot, ExecutorName, GateId, Gates, Links, Policy, Requester, ServiceName,
};
use keyward_audit::{Audit, Of};
use keyward_base::encoding::hex;
use keyward_base::{
    BoxFuture, Clock as _, Door, Error, Evidence, ManualClock, Method, Purpose, Reason, Result,
    Role, SecretBytes, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_store::{MemoryStore, Stores};

use crate::target::Journal;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub(crate) const USERS: Door = Door::new("users");
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) const POLICY: &str = r#"
keyward-policy = 1
version = 7
otherwise = "one"

[rule.holder]
strictness = 5
approvers = ["role:admin"]
quorum = 1
link-holder = true
owner-may-approve = true

[rule.one]
strictness = 10
approvers = ["role:admin"]
quorum = 1
owner-may-approve = true
decide-within = "1h"
run-within = "1h"
remind = ["10m", "30m"]
delegation = "1h"
break-glass = "role:oncall"
class = { span = "1d", count = 3 }

[rule.two]
strictness = 20
approvers = ["role:admin", "zoe"]
quorum = 2
decide-within = "1h"
run-within = "1h"
delegation = "1h"
escalate = { to = "chiefs", after = "30m" }

[rule.chiefs]
strictness = 25
approvers = ["chief", "captain"]
quorum = 2
decide-within = "1h"
run-within = "1h"

[rule.key]
strictness = 30
approvers = ["role:admin"]
quorum = 2
passkey = true

[case.restart]
kind = "server.restart"
free = ["count", "region", "token"]
then = "auto"

[case.link]
kind = "server.stop"
then = "holder"

[case.two]
kind = "server.wipe"
then = "two"

[case.key]
kind = "server.key"
then = "key"

[case.never]
kind = "server.never"
then = "forbidden"
"#;

pub(crate) fn tenant() -> Tenant {
    Tenant::new("acme").unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    ["delete", "restart", "stop", "wipe", "key", "never"]
        .into_iter()
        .try_fold(Catalogue::new(), |all, kind| {
            let shape = Shape::new(&format!("server.{kind}"))?;
            let shape = shape
                .may("count", Type::Integer)?
                .may("region", Type::Text)?;
            all.with(shape.may("token", Type::Secret)?)
        })
        .unwrap()
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(&Provider::default(), text).unwrap()
}

/// Who was verified a moment ago.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) door: Door,
    pub(crate) at: Timestamp,
    pub(crate) factor: bool,
}

impl Evidence for Signed {
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
        self.factor
    }
}

/// Roles as the service keeps them.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<BTreeMap<String, Vec<Role>>>);

impl Table {
    pub(crate) fn set(&self, name: &str, roles: &[&str]) {
        let roles = roles.iter().map(|role| Role::new(role).unwrap()).collect();
        self.0.lock().unwrap().insert(name.to_owned(), roles);
    }
}

impl Roles for Table {
    fn roles<'a>(
        &'a self,
        _: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<Role>>> {
        let held = self.0.lock().unwrap();
        let roles = held.get(subject.as_str()).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(roles)))
    }
}

/// Takes what says who approved what, as a passkey would sign it.
#[derive(Debug)]
pub(crate) struct Signs;

impl Signs {
    pub(crate) fn of(gate: GateId, approver: &str) -> Vec<u8> {
        format!("{gate} {approver}").into_bytes()
    }
}

impl Passkeys for Signs {
    fn check(&self, asked: &Questioned<'_>, proof: &[u8]) -> Result<()> {
        if proof == Self::of(asked.gate, asked.approver.as_str()) {
            return Ok(());
        }
        Err(Error::rejected(Reason::NOT_AUTHENTIC))
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keyring: Keyring,
    pub(crate) store: Arc<dyn Stores>,
    pub(crate) audit: Audit,
    pub(crate) roles: Arc<Table>,
    pub(crate) gates: Gates,
    pub(crate) links: Links,
    pub(crate) anchor: Arc<MemoryClaims>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new(1_000_000))).await
    }

    pub(crate) async fn on(store: Arc<dyn Stores>) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let keys = Arc::new(MemoryStore::new(10_000));
        let keyring = Keyring::builder(keys, root).clock(clock.clone());
        let vault = Purpose::new("vault").unwrap();
        let keyring = keyring.create(&[vault], &[]).await.unwrap();
        let audit = Audit::builder(keyring.clone(), Arc::clone(&store));
        let audit = audit.install().await.unwrap().build().await.unwrap();
        let roles = Arc::new(Table::default());
        for name in ["ada", "bob", "eve"] {
            roles.set(name, &["admin"]);
        }
        roles.set("kim", &["oncall"]);
        let builder = Gates::builder(keyring.clone(), audit.clone(), policy(POLICY))
            .door(USERS)
            .roles(roles.clone());
        let gates = builder.install().await.unwrap().build().await.unwrap();
        let links = Links::new(keyring.clone()).unwrap();
        links.install().await.unwrap();
        Self {
            links,
            clock,
            keyring,
            store,
            audit,
            roles,
            gates,
            anchor: Arc::default(),
        }
    }

    /// Another store, under the same keys, with the same anchor.
    pub(crate) async fn again_on(&self, store: Arc<dyn Stores>) -> Self {
        let audit = Audit::builder(self.keyring.clone(), Arc::clone(&store));
        let audit = audit.build().await.unwrap();
        let gates = Gates::builder(self.keyring.clone(), audit.clone(), policy(POLICY))
            .door(USERS)
            .roles(self.roles.clone());
        Self {
            links: self.links.clone(),
            clock: self.clock.clone(),
            keyring: self.keyring.clone(),
            store,
            audit,
            roles: self.roles.clone(),
            gates: gates.build().await.unwrap(),
            anchor: self.anchor.clone(),
        }
    }

    /// The executor with an anchor that was never there.
    pub(crate) fn executor_unanchored(&self, once: OnceBy) -> (Executor, Arc<Journal>) {
        self.executor_anchored(Arc::new(MemoryClaims::default()), once)
    }

    /// The executor with that anchor.
    pub(crate) fn executor_anchored(
        &self,
        anchor: Arc<dyn ClaimAnchor>,
        once: OnceBy,
    ) -> (Executor, Arc<Journal>) {
        let target = Journal::new(once);
        (self.executor_of(anchor, &target), target)
    }

    /// The executor with that anchor and that target, as one of several processes has it.
    pub(crate) fn executor_of(
        &self,
        anchor: Arc<dyn ClaimAnchor>,
        target: &Arc<Journal>,
    ) -> Executor {
        let name = ExecutorName::new("worker").unwrap();
        let executor = Executor::builder(self.gates.clone(), name, anchor, target.clone());
        executor.build().unwrap()
    }

    /// The same store as another process has it, which checks passkeys.
    pub(crate) async fn with_passkeys(&self) -> Gates {
        Gates::builder(self.keyring.clone(), self.audit.clone(), policy(POLICY))
            .door(USERS)
            .roles(self.roles.clone())
            .passkeys(Arc::new(Signs))
            .build()
            .await
            .unwrap()
    }

    /// Time passes, and the keyring is read anew.
    pub(crate) async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.keyring.refresh().await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    pub(crate) fn shown(&self, name: &str) -> Signed {
        Signed {
            tenant: tenant(),
            subject: subject(name),
            door: USERS,
            at: self.now(),
            factor: false,
        }
    }

    /// An action of one step, asked by an agent of ada's.
    pub(crate) fn asked(&self, kind: &str, target: &str) -> Asked {
        self.asked_by(
            Requester::agent_of(subject("ada"), subject("agent-7")),
            &[(kind, target)],
        )
    }

    pub(crate) fn asked_by(&self, requester: Requester, steps: &[(&str, &str)]) -> Asked {
        let builder = ActionBuilder::new(
            tenant(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            requester,
        );
        let step = |(kind, target): &(&str, &str)| {
            catalogue()
                .step(kind, target)
                .unwrap()
                .with("count", 3)
                .unwrap()
        };
        let builder = steps.iter().map(step).fold(builder, ActionBuilder::step);
        let provider = Provider::default();
        builder
            .build(&self.gates.policy(), self.now(), &provider)
            .unwrap()
    }

    pub(crate) fn with_secret(&self, secret: &[u8]) -> Asked {
        let builder = ActionBuilder::new(
            tenant(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            Requester::person(subject("kim")),
        );
        let step = catalogue().step("server.delete", "web-1").unwrap();
        let step = step.secret("token", SecretBytes::copy_of(secret)).unwrap();
        let provider = Provider::default();
        let built = builder
            .step(step)
            .build(&self.gates.policy(), self.now(), &provider);
        built.unwrap()
    }

    /// An action of one step with these arguments.
    pub(crate) fn regional(&self, count: i64, region: &str, target: &str) -> Asked {
        let builder = ActionBuilder::new(
            tenant(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            Requester::agent_of(subject("ada"), subject("agent-7")),
        );
        let step = catalogue().step("server.delete", target).unwrap();
        let step = step
            .with("count", count)
            .unwrap()
            .with("region", region)
            .unwrap();
        let provider = Provider::default();
        let built = builder
            .step(step)
            .build(&self.gates.policy(), self.now(), &provider);
        built.unwrap()
    }

    /// A link to a gate, as whoever got it presents it, with the MAC of its code.
    pub(crate) async fn link(&self, id: GateId, approver: Option<&str>) -> (Presented, [u8; 32]) {
        let draft = self.links.draft(&tenant(), id).unwrap();
        let code = *draft.code_digest();
        let (of, approver) = (tenant(), approver.map(subject));
        let slot = self.gates.add_link(&of, id, approver, Some(code));
        let slot = slot.await.unwrap();
        let shown = self.show(id).await;
        let letter = draft.finish(shown.action(), slot, self.now()).unwrap();
        let text = letter.link().expose();
        let link = self.links.check(&tenant(), text, self.now()).await;
        (link.unwrap(), code)
    }

    /// The executor that actions name, and its target.
    pub(crate) fn executor(&self, once: OnceBy) -> (Executor, Arc<Journal>) {
        self.executor_named("worker", once)
    }

    pub(crate) fn executor_named(&self, name: &str, once: OnceBy) -> (Executor, Arc<Journal>) {
        let target = Journal::new(once);
        let name = ExecutorName::new(name).unwrap();
        let anchor = self.anchor.clone();
        let executor = Executor::builder(self.gates.clone(), name, anchor, target.clone());
        (executor.build().unwrap(), target)
    }

    /// The executor as another process has it.
    pub(crate) fn executor_beside(&self, target: &Arc<Journal>, _: OnceBy) -> (Executor, ()) {
        let name = ExecutorName::new("worker").unwrap();
        let anchor = self.anchor.clone();
        let executor = Executor::builder(self.gates.clone(), name, anchor, target.clone());
        (executor.build().unwrap(), ())
    }

    pub(crate) async fn ask(&self, kind: &str) -> GateId {
        let asking = Asking::new(self.asked(kind, "web-1"));
        self.gates.ask(asking).await.unwrap().gate()
    }

    pub(crate) async fn vote(&self, id: GateId, name: &str, ballot: Ballot) -> Result<Standing> {
        let shown = self.shown(name);
        self.gates.vote(&tenant(), id, shown, ballot).await
    }

    pub(crate) async fn withdraw(&self, id: GateId, name: &str) -> Result<()> {
        let shown = self.shown(name);
        self.gates.withdraw(&tenant(), id, shown, "no").await
    }

    pub(crate) async fn show(&self, id: GateId) -> Shown {
        self.gates.show(&tenant(), id).await.unwrap()
    }

    /// The log says what the record says: each entry once, in its order.
    pub(crate) async fn check_log(&self, id: GateId) {
        let shown = self.show(id).await;
        let told = told(&self.audit, id).await;
        let of = |word: &str| {
            let word = format!("{{\"word\":\"{word}\"}}");
            let counted = told.iter().filter(|(_, text)| text.contains(&word));
            counted.map(|(nth, _)| *nth).collect::<Vec<_>>()
        };
        let (used, tried) = (of("class-used"), of("code-tried"));
        // The last entry vouches for the record as it is now.
        let digest = hex(&Provider::default().sha256(&[&shown.bytes()]));
        let vouched = format!("[\"record\",{{\"digest\":\"{digest}\"}}]");
        let (_, last) = told.last().unwrap();
        assert!(last.contains(&vouched), "{last} {:?}", shown.history());
        assert_eq!(used, (0..u64::from(shown.used())).collect::<Vec<_>>());
        assert!((0_u64..).zip(&tried).all(|(nth, said)| nth == *said));
        let is_counted = |text: &str| text.contains("class-used") || text.contains("code-tried");
        let told: Vec<_> = told.iter().filter(|(_, text)| !is_counted(text)).collect();
        let history: Vec<_> = (0_u64..).zip(shown.history()).collect();
        assert_eq!(told.len(), history.len(), "{told:?} {:?}", shown.history());
        for ((nth, past), (said, text)) in history.into_iter().zip(told) {
            assert_eq!(nth, *said);
            let word = past.what().as_str();
            let state = past.state().as_str();
            assert!(
                text.contains(word)
                    || text.contains(state)
                    || text.contains("approval.propose")
                    || text.contains("approval.result"),
                "{word}: {text}"
            );
        }
    }
}

/// What the log has of a gate: the number in the history, and the text.
pub(crate) async fn told(audit: &Audit, id: GateId) -> Vec<(u64, String)> {
    let (mut told, mut at) = (Vec::new(), Some(0));
    while let Some(from) = at {
        let page = audit
            .entries(&Of::Tenant(tenant()), from, 1_000)
            .await
            .unwrap();
        for kept in &page.entries {
            let text = kept.body.as_ref().unwrap().1.clone();
            let Some((_, rest)) = text.split_once("\"entry\",{\"number\":") else {
                continue;
            };
            if text.contains(&id.to_string()) {
                let nth = rest.split('}').next().unwrap().parse().unwrap();
                told.push((nth, text));
            }
        }
        at = page.next;
    }
    told
}

pub(crate) fn why<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    let error = result.unwrap_err();
    error
        .reason()
        .map_or_else(|| panic!("without a reason: {error:?}"), Reason::as_str)
}
