//! From the ask to the effect: gates that a service has, an executor that goes by the file of trust,
//! and a service that was taken over.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use keyward_approval::action::Step;
use keyward_approval::executor::{Effect, Executor, Job, OnceBy, Target, Trusting as _};
use keyward_approval::gate::{Passkeys, Questioned, Roles};
use keyward_approval::passkey::{Decision, PasskeyVote, Scope};
use keyward_approval::reason::{RULE, SERVICE, STATEMENT};
use keyward_approval::trust::{Facts, LiveTrust};
use keyward_approval::{
    Asking, Ballot, ExecutorName, FileClaims, GateId, Gates, Policy, RuleName, ServiceName, State,
    TrustFile,
};
use keyward_audit::Audit;
use keyward_base::{
    BoxFuture, Door, ErrorKind, Evidence, ManualClock, Method, Purpose, Reason, Result, Role,
    Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, FileAnchor, Keyring};
use keyward_store::MemoryStore;

use crate::authenticator::Authenticator;
use crate::world::{NOW, POLICY, World, later, nonce, subject};

const USERS: Door = Door::new("users");

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

#[derive(Debug)]
struct Signed(Tenant, Subject);

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
        NOW
    }

    fn is_factor_due(&self) -> bool {
        false
    }
}

/// Everybody is an administrator, says the service.
#[derive(Debug)]
struct Admins;

impl Roles for Admins {
    fn roles<'a>(&'a self, _: &'a Tenant, _: &'a Subject) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(std::future::ready(Ok(vec![Role::new("admin").unwrap()])))
    }
}

/// Every proof is good, says a service that was taken over.
#[derive(Debug)]
struct Yes;

impl Passkeys for Yes {
    fn check(&self, _: &Questioned<'_>, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Journal(Mutex<Vec<String>>);

impl Target for Journal {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Nothing
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        let did = format!("{} {}", job.step().kind(), job.step().target());
        self.0.lock().unwrap().push(did);
        Box::pin(std::future::ready(Effect::Done("ok".to_owned())))
    }
}

/// A service, and beside it an executor.
struct Both {
    world: World,
    keyring: Keyring,
    audit: Audit,
    clock: Arc<ManualClock>,
    live: Arc<LiveTrust>,
    journal: Arc<Journal>,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Both {
    async fn new() -> Self {
        let world = World::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.toml");
        keyward_files::create_new(&path).unwrap();
        std::fs::write(&path, world.trust.text()).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let keys = Arc::new(MemoryStore::new(1_000));
        let keyring = Keyring::builder(keys, root).clock(clock.clone());
        let vault = Purpose::new("vault").unwrap();
        let keyring = keyring.create(&[vault], &[]).await.unwrap();
        let audit = Audit::builder(keyring.clone(), Arc::new(MemoryStore::new(100_000)));
        let audit = audit.install().await.unwrap().build().await.unwrap();
        let anchor = Arc::new(FileAnchor::new(folder.path().join("trust-anchor")));
        let service = ServiceName::new("deploydesk").unwrap();
        let file = TrustFile::new(&Provider::default(), path.clone(), service, anchor);
        let both = Self {
            world,
            keyring,
            audit,
            live: Arc::new(LiveTrust::new(file, clock.clone())),
            clock,
            journal: Arc::default(),
            path,
            folder,
        };
        let gates = Gates::builder(
            both.keyring.clone(),
            both.audit.clone(),
            Self::policy(POLICY),
        );
        let _installed = gates.install().await.unwrap();
        both
    }

    fn policy(text: &str) -> Policy {
        Policy::parse(&Provider::default(), text).unwrap()
    }

    async fn gates(&self, policy: &str, passkeys: Arc<dyn Passkeys>) -> Gates {
        let builder = Gates::builder(
            self.keyring.clone(),
            self.audit.clone(),
            Self::policy(policy),
        );
        let builder = builder
            .door(USERS)
            .roles(Arc::new(Admins))
            .passkeys(passkeys);
        builder.build().await.unwrap()
    }

    /// The executor, whose own gates believe every proof: the file of trust is asked all the same.
    async fn executor(&self) -> Executor {
        let gates = self.gates(POLICY, Arc::new(Yes)).await;
        let anchor = Arc::new(FileClaims::open(self.folder.path().join("claims")).unwrap());
        let name = ExecutorName::new("worker").unwrap();
        let executor = Executor::builder(gates, name, anchor, self.journal.clone());
        executor.trust(self.live.clone()).build().unwrap()
    }

    async fn ask(&self, gates: &Gates, policy: &str) -> GateId {
        let mut ask = World::ask();
        ask.policy = policy.to_owned();
        gates.ask(Asking::new(ask.asked())).await.unwrap().gate()
    }

    /// The proof that an approval page brings of who signs by `of`.
    async fn proof(&self, gates: &Gates, id: GateId, name: &str, of: &Authenticator) -> Vec<u8> {
        self.proof_under("two-keys", gates, id, (name, of)).await
    }

    async fn proof_under(
        &self,
        rule: &str,
        gates: &Gates,
        id: GateId,
        (name, of): (&str, &Authenticator),
    ) -> Vec<u8> {
        let shown = gates.show(&acme(), id).await.unwrap();
        let (trust, rule) = (self.live.trust().unwrap(), RuleName::new(rule).unwrap());
        let facts = Facts {
            gate: id,
            action: shown.action(),
            rule: Some(&rule),
            scope: shown.scope(),
        };
        let (approver, nonce) = (subject(name), nonce(name));
        let rule = trust.policy().rule(rule.as_str()).unwrap();
        let statement = trust.statement(&facts, rule, Decision::Approve, &approver, None, nonce);
        let assertion = of.votes(&statement.challenge(&Provider::default()).unwrap());
        PasskeyVote {
            nonce,
            assertion,
            given: None,
        }
        .to_bytes()
        .unwrap()
    }

    async fn vote(&self, gates: &Gates, id: GateId, name: &str, proof: Vec<u8>) -> Result<State> {
        let ballot = match proof.is_empty() {
            true => Ballot::approve(),
            false => Ballot::approve().proved(proof),
        };
        let voted = gates
            .vote(&acme(), id, Signed(acme(), subject(name)), ballot)
            .await?;
        Ok(voted.state)
    }

    async fn run(&self, gates: &Gates, id: GateId) -> Result<State> {
        let approved = gates.approved(&acme(), id).await.unwrap();
        self.executor().await.run(approved).await
    }

    fn done(&self) -> usize {
        self.journal.0.lock().unwrap().len()
    }
}

#[tokio::test]
async fn what_two_approvers_signed_runs() {
    let both = Both::new().await;
    let gates = both.gates(POLICY, both.live.clone()).await;
    let id = both.ask(&gates, POLICY).await;
    let (ada, bob) = (&both.world.ada, &both.world.bob);
    // A vote without a proof, by another's key, of somebody who only the service says is one.
    let signed = both.proof(&gates, id, "ada", &both.world.mallory).await;
    let unnamed = both.proof(&gates, id, "mallory", &both.world.mallory).await;
    for (name, proof) in [
        ("ada", vec![]),
        ("ada", vec![1; 40]),
        ("ada", signed),
        ("mallory", unnamed),
    ] {
        assert!(both.vote(&gates, id, name, proof).await.is_err(), "{name}");
    }
    let signed = both.proof(&gates, id, "ada", ada).await;
    assert_eq!(
        both.vote(&gates, id, "ada", signed).await.unwrap(),
        State::Pending
    );
    let signed = both.proof(&gates, id, "bob", bob).await;
    assert_eq!(
        both.vote(&gates, id, "bob", signed).await.unwrap(),
        State::Approved
    );
    assert_eq!(both.run(&gates, id).await.unwrap(), State::Executed);
    assert_eq!(both.journal.0.lock().unwrap()[..], ["server.delete db-1"]);
}

/// The service's own policy asks for nothing, its roles are made up, and it takes every proof. All
/// is approved, and MACed as it should be. Nothing of it runs.
#[tokio::test]
async fn a_service_that_was_taken_over_runs_nothing_that_was_not_signed() {
    let both = Both::new().await;
    let case = "[case.delete]\nkind = \"server.delete\"\nthen = ";
    let two = format!("{case}\"two-keys\"");
    let auto = POLICY.replace(
        &two,
        "[case.delete]\nkind = \"server.delete\"\nfree = [\"region\"]\nthen = \"auto\"",
    );
    let signed_in = POLICY.replace(&two, &format!("{case}\"signed-in\""));
    let one = POLICY.replace(
        "quorum = 2\npasskey = true\ndelegation",
        "quorum = 1\npasskey = true\ndelegation",
    );
    let lax = POLICY.replace("passkey = true\n", "");
    for (name, policy, voters) in [
        ("auto", auto, &[][..]),
        ("another rule", signed_in, &["mallory"]),
        ("a lower quorum", one, &["ada"]),
        ("no passkeys", lax, &["ada", "bob"]),
        ("proofs of nobody", POLICY.to_owned(), &["ada", "bob"]),
    ] {
        assert_ne!(policy == POLICY, name != "proofs of nobody", "{name}");
        let taken_over = both.gates(&policy, Arc::new(Yes)).await;
        let id = both.ask(&taken_over, &policy).await;
        let mut state = State::Approved;
        for voter in voters {
            let by_mallory = both
                .proof(&taken_over, id, voter, &both.world.mallory)
                .await;
            let proof = if policy.contains("passkey") {
                by_mallory
            } else {
                vec![]
            };
            state = both.vote(&taken_over, id, voter, proof).await.unwrap();
        }
        assert_eq!(state, State::Approved, "{name}");
        let refused = both.run(&taken_over, id).await.unwrap_err();
        let why = match name {
            "proofs of nobody" => "unknown-passkey",
            _ => "policy-is-stricter",
        };
        assert_eq!(refused.reason().map(Reason::as_str), Some(why), "{name}");
        assert_eq!(both.done(), 0, "{name}");
    }
}

/// Whoever left after he voted is not counted when it runs.
#[tokio::test]
async fn the_file_is_read_when_it_runs() {
    let both = Both::new().await;
    let gates = both.gates(POLICY, both.live.clone()).await;
    let id = both.ask(&gates, POLICY).await;
    for (name, of) in [("ada", &both.world.ada), ("bob", &both.world.bob)] {
        let signed = both.proof(&gates, id, name, of).await;
        both.vote(&gates, id, name, signed).await.unwrap();
    }
    let without_bob = both
        .world
        .trust
        .text()
        .replace("subject = \"bob\"", "subject = \"bert\"");
    std::fs::write(
        &both.path,
        without_bob.replace("version = 3", "version = 4"),
    )
    .unwrap();
    let refused = both.run(&gates, id).await.unwrap_err();
    assert_eq!(
        refused.reason().map(Reason::as_str),
        Some("not-an-approver")
    );
    assert_eq!(both.done(), 0);
    // The older file, in which he still is, does not come back.
    std::fs::write(&both.path, both.world.trust.text()).unwrap();
    assert!(both.live.trust().is_err());
}

/// What runs is the use, and the votes are over what its class was approved with.
#[tokio::test]
async fn a_use_of_a_class_runs_by_the_votes_on_its_class_while_the_file_has_who_gave_them() {
    let both = Both::new().await;
    let gates = both.gates(POLICY, both.live.clone()).await;
    let scope = keyward_approval::Scope::Class {
        fixed: Vec::new(),
        until: later(1),
        count: 3,
    };
    let asking = Asking::new(World::ask().asked()).scope(scope);
    let class = gates.ask(asking).await.unwrap().gate();
    for (name, of) in [("ada", &both.world.ada), ("bob", &both.world.bob)] {
        let signed = both.proof(&gates, class, name, of).await;
        both.vote(&gates, class, name, signed).await.unwrap();
    }
    let used = async |region| {
        let mut ask = World::ask();
        for step in &mut ask.steps {
            step.2 = region;
        }
        let answer = gates.ask_under(class, ask.asked()).await;
        answer.unwrap().gate()
    };
    let (one, two) = (used("us").await, used("ap").await);
    assert_eq!(both.run(&gates, one).await.unwrap(), State::Executed);
    let each = World::ask().steps.len();
    assert_eq!(both.done(), each);
    // Bob's key is in the file no more, and what he signed counts for nothing.
    let text = both.world.trust.text();
    let text = text.replace("version = 3", "version = 4");
    let without_bob = text.replace("subject = \"bob\"", "subject = \"bert\"");
    std::fs::write(&both.path, without_bob).unwrap();
    both.run(&gates, two).await.unwrap_err();
    let shown = gates.show(&acme(), two).await.unwrap();
    assert_eq!(shown.state(), State::Superseded);
    assert_eq!(both.done(), each);
}

/// A service whose rule is another than the file's is told so when somebody votes, not when it runs.
#[tokio::test]
async fn a_rule_that_is_not_the_files_takes_no_vote() {
    let both = Both::new().await;
    for (is, then) in [
        (
            "quorum = 2\npasskey = true\ndelegation",
            "quorum = 1\npasskey = true\ndelegation",
        ),
        ("delegation = \"1d\"", "delegation = \"2d\""),
    ] {
        let policy = POLICY.replacen(is, then, 1);
        let gates = both.gates(&policy, both.live.clone()).await;
        let id = both.ask(&gates, &policy).await;
        let signed = both.proof(&gates, id, "ada", &both.world.ada).await;
        let refused = both.vote(&gates, id, "ada", signed).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RULE), "{then}");
    }
}

/// Who signed the first rule's statement signs the second one's too; and what he signed first does not
/// keep it from running.
#[tokio::test]
async fn a_vote_from_before_the_second_rule_is_in_nobodys_way() {
    let both = Both::new().await;
    let day = "delegation = \"1d\"\n";
    let second = |text: &str| {
        text.replacen(
            day,
            &format!("{day}escalate = {{ to = \"alone\", after = \"1m\" }}\n"),
            1,
        )
    };
    let text = second(both.world.trust.text());
    std::fs::write(&both.path, text.replace("version = 3", "version = 4")).unwrap();
    let policy = second(POLICY);
    assert_ne!(policy, POLICY);
    let gates = both.gates(&policy, both.live.clone()).await;
    let id = both.ask(&gates, &policy).await;
    let signed = both.proof(&gates, id, "ada", &both.world.ada).await;
    let voted = both.vote(&gates, id, "ada", signed).await;
    assert_eq!(voted.unwrap(), State::Pending);
    both.clock.advance(std::time::Duration::from_secs(120));
    both.keyring.refresh().await.unwrap();
    for (nth, voter) in [("bob", &both.world.bob), ("ada", &both.world.ada)]
        .into_iter()
        .enumerate()
    {
        let signed = both.proof_under("alone", &gates, id, voter).await;
        let state = [State::Pending, State::Approved][nth];
        let voted = both.vote(&gates, id, voter.0, signed.clone()).await;
        assert_eq!(voted.unwrap(), state);
        // Once.
        let again = both.vote(&gates, id, voter.0, signed).await.unwrap_err();
        let why = ["has-voted", "not-open"][nth];
        assert_eq!(again.reason().map(Reason::as_str), Some(why));
    }
    assert_eq!(both.run(&gates, id).await.unwrap(), State::Executed);
    assert_eq!(both.done(), 1);
}

#[tokio::test]
async fn a_gate_takes_no_vote_on_what_another_service_asks() {
    let both = Both::new().await;
    let gates = both.gates(POLICY, both.live.clone()).await;
    for (service, refused) in [("deploydesk", None), ("staging", Some(SERVICE))] {
        let mut ask = World::ask();
        ask.service = service;
        let id = gates.ask(Asking::new(ask.asked())).await.unwrap().gate();
        let proof = both.proof(&gates, id, "ada", &both.world.ada).await;
        let voted = both.vote(&gates, id, "ada", proof).await;
        assert_eq!(voted.err().and_then(|e| e.reason()), refused, "{service}");
    }
}

#[tokio::test]
async fn a_no_is_signed_as_a_no_and_garbage_is_no_vote() {
    let both = Both::new().await;
    let gates = both.gates(POLICY, both.live.clone()).await;
    let id = both.ask(&gates, POLICY).await;
    let cast = async |ballot: Ballot, proof: Vec<u8>| {
        let who = Signed(acme(), subject("ada"));
        gates.vote(&acme(), id, who, ballot.proved(proof)).await
    };
    let yes = both.proof(&gates, id, "ada", &both.world.ada).await;
    let refused = cast(Ballot::deny("no"), yes.clone()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(STATEMENT));
    for garbage in [vec![0; 40], vec![1; 4_096], yes[..yes.len() - 1].to_vec()] {
        let refused = cast(Ballot::approve(), garbage).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::MALFORMED));
    }
    // What a newer release signed is not refused as if it were nothing.
    let newer = [&[2][..], &yes[1..]].concat();
    let refused = cast(Ballot::approve(), newer).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let shown = gates.show(&acme(), id).await.unwrap();
    let (trust, name) = (
        both.live.trust().unwrap(),
        RuleName::new("two-keys").unwrap(),
    );
    let facts = Facts {
        gate: id,
        action: shown.action(),
        rule: Some(&name),
        scope: Scope::Once,
    };
    let (ada, nonce) = (subject("ada"), nonce("no"));
    let rule = trust.policy().rule(name.as_str()).unwrap();
    let statement = trust.statement(&facts, rule, Decision::Deny, &ada, None, nonce);
    let assertion = statement.challenge(&Provider::default()).unwrap();
    let no = PasskeyVote {
        nonce,
        assertion: both.world.ada.votes(&assertion),
        given: None,
    };
    let no = no.to_bytes().unwrap();
    let refused = cast(Ballot::approve(), no.clone()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(STATEMENT));
    let denied = cast(Ballot::deny("no"), no).await.unwrap();
    assert_eq!(denied.state, State::Denied);
}
