//! `keyward approval`: through the real command, in a home in which a service asked.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keyward_approval::executor::{Effect, Job, OnceBy, Target};
use keyward_approval::gate::Roles;
use keyward_approval::{
    ActionBuilder, Asking, Ballot, Catalogue, Executor, ExecutorName, FileClaims, GateId, Gates,
    Policy, Requester, ServiceName, Shape, State, Step,
};
use keyward_base::{
    BoxFuture, Clock, Door, Evidence, ManualClock, Method, Result, Role, Subject, SystemClock,
    Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use support::Bench;

const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n\
    [rule.one]\nstrictness = 1\napprovers = [\"ada\"]\nquorum = 1\ndelegation = \"1h\"\n";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// As the service would ask, whose reason is hostile.
async fn ask(bench: &Bench) -> GateId {
    let agent = Requester::agent(Subject::new("agent-7").unwrap());
    ask_as(bench, POLICY, agent, "server.delete").await.0
}

/// At the service, everybody is on call.
#[derive(Debug)]
struct OnCall;

impl Roles for OnCall {
    fn roles<'a>(&'a self, _: &'a Tenant, _: &'a Subject) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(async { Ok(vec![Role::new("on-call")?]) })
    }
}

/// As the service would ask under this policy; and its gates.
async fn ask_as(bench: &Bench, policy: &str, who: Requester, kind: &str) -> (GateId, Gates) {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(bench.anchor());
    let (gates, clock) = at_service(&options, bench, policy).await;
    let gate = ask_for(&gates, &*clock, who, kind, 1).await;
    (gate, gates)
}

/// The gates of the service, and its clock.
async fn at_service(options: &Options, bench: &Bench, policy: &str) -> (Gates, Arc<dyn Clock>) {
    let home = Home::open(&HomeDir::at(bench.home()), options).await;
    let home = home.unwrap();
    let policy = Policy::parse(&Provider::default(), policy).unwrap();
    let gates = Gates::builder(
        home.keyring().clone(),
        home.audit().unwrap().clone(),
        policy,
    );
    let gates = gates.door(Door::new("users")).roles(Arc::new(OnCall));
    let gates = gates.install().await.unwrap();
    (gates.build().await.unwrap(), options.clock.clone())
}

/// Asks for so many steps.
async fn ask_for(
    gates: &Gates,
    clock: &dyn Clock,
    who: Requester,
    kind: &str,
    steps: usize,
) -> GateId {
    let provider = Provider::default();
    let catalogue = Catalogue::new().with(Shape::new(kind).unwrap());
    let catalogue = catalogue.unwrap();
    let mut builder = ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        who,
    );
    for n in 1..=steps {
        builder = builder.step(catalogue.step(kind, &format!("web-{n}")).unwrap());
    }
    let asked = builder
        .reason("old\u{202e}\u{1b}[2J")
        .build(&gates.policy(), clock.now().unwrap(), &provider)
        .unwrap();
    gates.ask(Asking::new(asked)).await.unwrap().gate()
}

/// More than are read at once, of which one is over by now; and what has many steps.
#[test]
fn all_that_waits_is_listed_and_nothing_that_is_over() {
    const MANY: usize = 70;
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    let (long, over) = block_on(async {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(bench.anchor());
        let (gates, clock) = at_service(&options, &bench, POLICY).await;
        let ask =
            async |clock, steps| ask_for(&gates, clock, agent(), "server.delete", steps).await;
        for _ in 1..MANY {
            ask(&*clock, 1).await;
        }
        let long = ask(&*clock, 5).await;
        // Asked when a service's clock was two days behind, and decided by nobody since.
        let days = Duration::from_secs(2 * 24 * 60 * 60);
        let then = clock.now().unwrap().as_millis() - u64::try_from(days.as_millis()).unwrap();
        options.clock = Arc::new(ManualClock::new(Timestamp::from_millis(then)));
        let (gates, clock) = at_service(&options, &bench, POLICY).await;
        let over = ask_for(&gates, &*clock, agent(), "server.delete", 1).await;
        (long.to_string(), over.to_string())
    });
    let listed = bench.run(&["approval", "list", "acme"], b"").ok().text();
    assert_eq!(listed.lines().count(), MANY, "{listed}");
    assert!(!listed.contains(&over), "{listed}");
    let line = listed.lines().find(|line| line.starts_with(&long)).unwrap();
    let says = "server.delete \"web-1\", server.delete \"web-2\", server.delete \"web-3\" and 2 more  asked";
    assert!(line.contains(says), "{line}");
    let json = bench.json(&["approval", "list", "acme"]);
    let all = json["gates"].as_array().unwrap();
    let long = all.iter().find(|gate| gate["gate"] == long.as_str());
    assert_eq!(long.unwrap()["targets"].as_array().unwrap().len(), 5);
}

#[test]
fn what_waits_is_listed_shown_and_explained() {
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    let none = bench.run(&["approval", "list", "acme"], b"");
    none.fails(2, "this home has no approvals");
    let nothing = "0".repeat(32);
    for verb in [
        &["show"][..],
        &["deny", "--reason", "x", "--yes", "00000000"],
    ] {
        let words = [&["approval", verb[0], "acme", &nothing], &verb[1..]].concat();
        bench
            .run(&words, b"")
            .fails(2, "this home has no approvals");
    }
    let gate = block_on(ask(&bench)).to_string();

    let listed = bench.json(&["approval", "list", "acme"]);
    assert_eq!(listed["format"], "keyward.approval.list/1");
    assert_eq!(listed["gates"][0]["gate"], gate);
    assert_eq!(listed["gates"][0]["kinds"][0], "server.delete");
    assert_eq!(listed["gates"][0]["targets"][0], "web-1");
    let line = bench.run(&["approval", "list", "acme"], b"").ok();
    let says = "  server.delete \"web-1\"  asked by \"agent-7\"\n";
    assert_eq!(line.text(), format!("{gate}{says}"));
    assert!(listed["gates"][1].is_null());
    // What needs the key of approvals is counted by this command.
    let status = bench.json(&["keys", "status"]);
    let columns = status["columns"].as_array().unwrap();
    let ours = columns
        .iter()
        .filter(|column| column["purpose"] == "approval");
    let counted: Vec<_> = ours.map(|column| &column["counted"]).collect();
    assert!(
        !counted.is_empty() && counted.iter().all(|is| **is == true),
        "{status}"
    );
    let denied = bench.json(&["approval", "list", "acme", "--state", "denied"]);
    assert!(denied["gates"][0].is_null());
    let other = bench.json(&["approval", "list", "globex"]);
    assert!(other["gates"][0].is_null());

    let shown = bench.run(&["approval", "show", "acme", &gate], b"").ok();
    let text = shown.text();
    assert!(text.starts_with(&format!("{gate} is pending\n")), "{text}");
    assert!(text.contains("web-1") && text.contains("agent-7"), "{text}");
    assert!(
        text.contains("Z: staged by \"agent-7\", api\n") && text.ends_with("\nstep 1: waits\n"),
        "{text}"
    );
    // What a terminal would obey or turn around is an escape.
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(text.contains(r"\u{1b}") && text.contains(r"\u{202e}"));
    let json = bench.json(&["approval", "show", "acme", &gate]);
    assert_eq!(
        (&json["state"], &json["rule"]),
        (&"pending".into(), &"one".into())
    );
    let elsewhere = bench.run(&["approval", "show", "globex", &gate], b"");
    assert_eq!(elsewhere.code(), 1);

    let bytes = bench
        .run(&["approval", "show", "acme", &gate, "--bytes"], b"")
        .ok();
    let (policy, action) = (bench.folder().join("p.toml"), bench.folder().join("a"));
    std::fs::write(&policy, POLICY).unwrap();
    std::fs::write(&action, bytes.out()).unwrap();
    let files = [policy.to_str().unwrap(), action.to_str().unwrap()];
    let why = bench.json(&[&["approval", "explain"], &files[..]].concat());
    assert!(why["verdict"].as_str().unwrap().contains("one"), "{why}");
    std::fs::write(&action, &bytes.out()[1..]).unwrap();
    let broken = bench.run(&[&["approval", "explain"], &files[..]].concat(), b"");
    assert_eq!(broken.code(), 4);
}

#[test]
fn an_export_of_a_gate_is_checked_without_its_home() {
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    let agent = Requester::agent(Subject::new("agent-7").unwrap());
    let asked = block_on(ask_as(&bench, POLICY, agent, "server.delete"));
    let (gate, gates) = asked;
    let tenant = Tenant::new("acme").unwrap();
    let export = block_on(gates.export(&tenant, gate, Vec::new())).unwrap();
    let key = bench.run(&["audit", "key", "--tenant", "acme"], b"").ok();
    let other = bench.run(&["audit", "key"], b"").ok();
    let (key, other) = (key.text(), other.text());
    // Nothing of the home is needed.
    let elsewhere = Bench::empty();
    let file = elsewhere.folder().join("gate.jsonl");
    std::fs::write(&file, &export).unwrap();
    let file = file.to_str().unwrap();
    let check = |key: &str| elsewhere.run(&["approval", "check", file, "--key", key.trim()], b"");
    let text = check(&key).ok().text();
    let first = format!("{gate} is pending\n");
    assert!(text.starts_with(&first) && text.contains("web-1"), "{text}");
    assert!(text.contains("verified: all of it is in "), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    let json = elsewhere.json(&["approval", "check", file, "--key", key.trim()]);
    assert_eq!(json["format"], "keyward.approval.check/1");
    assert_eq!(json["told"]["ticket"], gate.to_string());
    // Another log's key, and another text.
    check(&other).fails(4, "not signed by the key");
    check("key").fails(2, "no key of an audit log");
    elsewhere
        .run(&["approval", "check", file], b"")
        .fails(2, "--key");
    let written = String::from_utf8(export).unwrap();
    let edited = written.replace("\"status\":\"pending\"", "\"status\":\"executed\"");
    assert_ne!(edited, written);
    std::fs::write(file, &edited).unwrap();
    check(&key).fails(4, "not what its log says");
    std::fs::write(file, format!("{written}{written}")).unwrap();
    check(&key).fails(4, "export");
}

/// The user that the tests run as, by the name that a record has for him.
fn own() -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("uid:{}", std::fs::metadata("/proc/self").unwrap().uid())
}

/// What a person at the service would have been shown.
struct Case {
    bench: Bench,
    policy: String,
    file: String,
}

impl Case {
    fn new(rules: &str) -> Self {
        let bench = Bench::new();
        bench.run(&["audit", "init"], b"").ok();
        let policy = format!("keyward-policy = 1\nversion = 3\n{rules}").replace("OWN", &own());
        let file = bench.folder().join("policy.toml");
        std::fs::write(&file, &policy).unwrap();
        let file = file.to_str().unwrap().to_owned();
        Self {
            bench,
            policy,
            file,
        }
    }

    fn ask(&self, who: Requester) -> String {
        block_on(ask_as(&self.bench, &self.policy, who, "server.delete"))
            .0
            .to_string()
    }

    fn digits(&self, gate: &str) -> String {
        let shown = self.bench.json(&["approval", "show", "acme", gate]);
        shown["action"].as_str().unwrap()[..8].to_owned()
    }

    /// `keyward approval VERB acme GATE --yes DIGITS`, and more.
    fn act(&self, verb: &str, gate: &str, more: &[&str]) -> support::Ran {
        let digits = self.digits(gate);
        let words = ["approval", verb, "acme", gate, "--yes", &digits];
        self.bench.run(&[&words[..], more].concat(), b"")
    }

    fn state(&self, gate: &str) -> serde_json::Value {
        self.bench.json(&["approval", "show", "acme", gate])["state"].take()
    }
}

fn agent() -> Requester {
    Requester::agent_of(
        Subject::new("ada").unwrap(),
        Subject::new("agent-7").unwrap(),
    )
}

const NAMED: &str = "otherwise = \"one\"\n\
    [rule.one]\nstrictness = 1\napprovers = [\"OWN\", \"bob\"]\nquorum = 1\n";

#[test]
fn a_user_of_the_machine_approves_where_the_rule_names_him() {
    let case = Case::new(NAMED);
    let gate = case.ask(agent());
    let yes = ["--policy", case.file.as_str(), "--reason", "seen", "--json"];
    let told = case.act("approve", &gate, &yes).ok().json();
    assert_eq!(told["format"], "keyward.approval.approve/1");
    assert_eq!(
        (&told["state"], &told["by"], &told["quorum"]),
        (&"approved".into(), &own().into(), &1.into())
    );
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    let vote = &shown["votes"][0];
    assert_eq!(
        (&vote["by"], &vote["channel"], &vote["reason"]),
        (&own().into(), &"operator".into(), &"seen".into())
    );
    // The log of the tenant has it, as the operator's.
    let log = case
        .bench
        .run(&["audit", "show", "--tenant", "acme", "--json"], b"")
        .ok();
    let log = log.text();
    assert!(
        log.contains("approval.decide") && log.contains("operator"),
        "{log}"
    );
    assert!(log.contains(&own()), "{log}");
    case.act("approve", &gate, &yes).fails(1, "it was decided");

    // An approver who says no more is quoted no more.
    let gate = case.ask(agent());
    let told = case.act("approve", &gate, &yes[..2]).ok();
    let said = format!("{gate} is approved: 1 of 1, one by {}\n", own());
    assert!(told.said().ends_with(&said), "{}", told.said());
    let shown = case.bench.run(&["approval", "show", "acme", &gate], b"");
    let says = " approved it by operator\n";
    assert!(shown.text().contains(says), "{}", shown.text());

    // Who asks does not approve it, whoever he is.
    let own_ask = case.ask(Requester::person(Subject::new(&own()).unwrap()));
    case.act("approve", &own_ask, &yes[..2])
        .fails(1, "who asks does not");
    assert_eq!(case.state(&own_ask), "pending");
}

#[test]
fn whoever_the_rule_does_not_name_approves_nothing() {
    let yes = |case: &Case, gate: &str| case.act("approve", gate, &["--policy", &case.file]);
    let bare = "otherwise = \"one\"\n[rule.one]\nstrictness = 1\nquorum = 1\n";
    for approvers in ["[\"bob\"]", "[\"role:admin\"]", "[\"uid:4294967294\"]"] {
        let case = Case::new(&format!("{bare}approvers = {approvers}\n"));
        let gate = case.ask(agent());
        yes(&case, &gate).fails(1, "its rule does not name you");
        // Nor by the name of somebody whom it names.
        let bob = ["--policy", case.file.as_str(), "--as", "bob"];
        let bob = case.act("approve", &gate, &bob);
        assert_ne!(bob.code(), 0, "{}", bob.said());
        assert_eq!(case.state(&gate), "pending");
    }
    // Passkeys stay passkeys, and a policy that asks for less is not the one it was asked under.
    let case = Case::new(&format!("{bare}approvers = [\"OWN\"]\npasskey = true\n"));
    let gate = case.ask(agent());
    yes(&case, &gate).fails(1, "passkeys");
    let lax = case.policy.replace("passkey = true", "");
    std::fs::write(&case.file, lax).unwrap();
    yes(&case, &gate).fails(2, "the file is another");
    assert_eq!(case.state(&gate), "pending");
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    assert!(shown["votes"][0].is_null());
}

#[test]
fn nothing_is_decided_by_whoever_did_not_see_it() {
    let case = Case::new(NAMED);
    for (verb, more, becomes) in [
        ("deny", ["--reason", "no"], "denied"),
        ("approve", ["--policy", &case.file], "approved"),
        ("withdraw", ["--as", "ada"], "withdrawn"),
    ] {
        let gate = case.ask(agent());
        let digest = case.bench.json(&["approval", "show", "acme", &gate])["action"].take();
        let digest = digest.as_str().unwrap();
        let digits = &digest[..8];
        let run = |yes: &[&str]| {
            let words = ["approval", verb, "acme", &gate];
            case.bench.run(&[&words[..], &more, yes].concat(), b"")
        };
        run(&[]).fails(2, "nobody is there to be asked");
        let other = if digits.starts_with('0') { "1" } else { "0" };
        let (front, last) = (format!("{other}{}", &digits[1..]), format!("{digest}0"));
        for wrong in ["", &digits[..7], &front, &last, &digest[1..]] {
            run(&["--yes", wrong]).fails(2, "--yes");
        }
        let upper = digits.to_uppercase();
        if upper != digits {
            run(&["--yes", &upper]).fails(2, "--yes");
        }
        assert_eq!(case.state(&gate), "pending", "{verb}");
        run(&["--yes", digest]).ok();
        assert_eq!(case.state(&gate), becomes);
    }
}

/// The command knows nobody's role: where one might matter, it decides nothing.
#[test]
fn nothing_is_decided_by_roles_that_only_the_service_knows() {
    let voted = |rules: &str, by: &str| {
        let case = Case::new(&format!(
            "otherwise = \"one\"\n[rule.one]\nstrictness = 1\nquorum = 2\n{rules}"
        ));
        let gate = block_on(async {
            let (gate, gates) = ask_as(&case.bench, &case.policy, agent(), "server.delete").await;
            let now = SystemClock::new().now().unwrap();
            let who = At(Subject::new(by).unwrap(), now);
            let acme = Tenant::new("acme").unwrap();
            gates
                .vote(&acme, gate, who, Ballot::approve())
                .await
                .unwrap();
            gate.to_string()
        });
        let ran = case.act("approve", &gate, &["--policy", &case.file]);
        let state = case.state(&gate);
        (case, gate, ran, state)
    };
    // Bob is named, and nothing is asked of any role.
    let (case, gate, ran, state) = voted("approvers = [\"OWN\", \"bob\"]\n", "bob");
    ran.ok();
    assert_eq!(state, "approved");
    case.act("approve", &gate, &["--policy", &case.file])
        .fails(1, "it was decided");
    // Bob may be there by a role, which he may have lost.
    let (_case, _, ran, state) = voted("approvers = [\"OWN\", \"bob\", \"role:admin\"]\n", "bob");
    ran.fails(3, "only the service knows what roles they have");
    assert_eq!(state, "pending");
    // Where nobody else has voted, no role matters but his own, and of those he has none.
    let case = Case::new(
        "otherwise = \"one\"\n[rule.one]\nstrictness = 1\nquorum = 2\n\
         approvers = [\"OWN\", \"role:admin\"]\n",
    );
    let gate = case.ask(agent());
    let yes = ["--policy", case.file.as_str()];
    let told = case.act("approve", &gate, &[&yes[..], &["--json"]].concat());
    let told = told.ok().json();
    assert_eq!(
        (&told["state"], &told["approvals"], &told["quorum"]),
        (&"pending".into(), &1.into(), &2.into())
    );
    case.act("approve", &gate, &yes)
        .fails(1, "that vote was cast already");
    assert_eq!(case.state(&gate), "pending");
}

/// What others see to is named with the command that shows it.
#[test]
fn the_doctor_names_what_nobody_knows_of_and_glass_that_nobody_has_reviewed() {
    let case = Case::new(
        "otherwise = \"one\"\n[rule.one]\nstrictness = 1\nquorum = 1\napprovers = [\"bob\"]\n\
         break-glass = \"role:on-call\"\n",
    );
    let (broken, unknown) = block_on(async {
        let (broken, gates) = ask_as(&case.bench, &case.policy, agent(), "server.delete").await;
        let now = SystemClock::new().now().unwrap();
        let who = |name: &str| At(Subject::new(name).unwrap(), now);
        let acme = Tenant::new("acme").unwrap();
        gates
            .break_glass(&acme, broken, who("eve"), "it burns")
            .await
            .unwrap();
        // As it is left where the anchor has a claim that the record has not: a database put back.
        let (unknown, gates) = ask_as(&case.bench, &case.policy, agent(), "server.delete").await;
        gates
            .vote(&acme, unknown, who("bob"), Ballot::approve())
            .await
            .unwrap();
        let anchor = Arc::new(FileClaims::open(case.bench.folder().join("worker.claims")).unwrap());
        let executor = || {
            let name = ExecutorName::new("worker").unwrap();
            let builder = Executor::builder(gates.clone(), name, anchor.clone(), Arc::new(Lost));
            builder.build().unwrap()
        };
        let may_run = gates.approved(&acme, unknown).await.unwrap();
        let state = executor().run(may_run).await.unwrap();
        assert_eq!(state, State::Indeterminate);
        (broken.to_string(), unknown.to_string())
    });
    let told = case.bench.run(&["doctor", "--json"], b"").ok().json();
    let checks = told["checks"].as_array().unwrap();
    for (gate, says) in [
        (&unknown, "nobody knows whether gate"),
        (&broken, "the glass was broken for gate"),
    ] {
        let named = checks.iter().find(|check| {
            let text = check["says"].as_str().unwrap();
            text.contains(says) && text.contains(gate.as_str())
        });
        let named = named.unwrap_or_else(|| panic!("{gate}: {told}"));
        assert_eq!(named["verdict"], "warn");
        assert_eq!(named["fix"], format!("keyward approval show acme {gate}"));
    }
    let last = checks.iter().rfind(|check| check["name"] == "approval");
    let says = last.unwrap()["says"].as_str().unwrap();
    assert!(
        says.starts_with("2 gates are whole, 0 wait") && says.contains("(worker)"),
        "{says}"
    );
}

/// Fails at the second server; and of any other nobody knows what became of it.
#[derive(Debug)]
struct Lost;

impl Target for Lost {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Nothing
    }
    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        let effect = match (job.step().kind().as_str(), job.step().target()) {
            ("server.stop", "web-1") => Effect::Done("stopped".into()),
            ("server.stop", "web-2") => Effect::Failed("it \u{1b}[2J runs on".into()),
            _ => Effect::Unknown,
        };
        Box::pin(std::future::ready(effect))
    }
}

/// Votes of both kinds, and steps that ended in each way.
#[test]
fn how_people_voted_and_what_became_of_it_is_shown() {
    let case = Case::new(NAMED);
    let (denied, ran) = block_on(async {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(case.bench.anchor());
        let (gates, clock) = at_service(&options, &case.bench, &case.policy).await;
        let acme = Tenant::new("acme").unwrap();
        let bob = || At(Subject::new("bob").unwrap(), clock.now().unwrap());
        let denied = ask_for(&gates, &*clock, agent(), "server.stop", 1).await;
        let no = Ballot::deny("not \u{1b}[2J now");
        gates.vote(&acme, denied, bob(), no).await.unwrap();
        let id = ask_for(&gates, &*clock, agent(), "server.stop", 3).await;
        gates
            .vote(&acme, id, bob(), Ballot::approve())
            .await
            .unwrap();
        let anchor = Arc::new(FileClaims::open(case.bench.folder().join("worker.claims")).unwrap());
        let name = ExecutorName::new("worker").unwrap();
        let executor = Executor::builder(gates.clone(), name, anchor, Arc::new(Lost));
        let may_run = gates.approved(&acme, id).await.unwrap();
        let state = executor.build().unwrap().run(may_run).await.unwrap();
        assert_eq!(state, State::Failed);
        (denied.to_string(), id.to_string())
    });
    let json = |gate: &str| case.bench.json(&["approval", "show", "acme", gate]);
    let text = |gate: &str| {
        let shown = case.bench.run(&["approval", "show", "acme", gate], b"");
        shown.ok().text()
    };
    let shown = json(&denied);
    assert_eq!(
        (
            &shown["votes"][0]["approves"],
            &shown["results"][0]["result"]
        ),
        (&false.into(), &"not-run".into())
    );
    let shown = text(&denied);
    let says = r#""bob" denied it by page: "not \u{1b}[2J now""#;
    assert!(shown.contains(says), "{shown}");
    let shown = json(&ran);
    assert_eq!(shown["votes"][0]["approves"], true);
    let results = shown["results"].as_array().unwrap();
    let results: Vec<_> = results.iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["done", "failed", "not-run"]);
    let shown = text(&ran);
    let says =
        "\nstep 1: done: \"stopped\"\nstep 2: failed: \"it \\u{1b}[2J runs on\"\nstep 3: not-run\n";
    assert!(shown.ends_with(says), "{shown}");
}

#[test]
fn a_user_of_the_machine_stops_what_waits_and_takes_back_for_who_asked() {
    let case = Case::new(
        "otherwise = \"one\"\n[rule.one]\nstrictness = 1\napprovers = [\"bob\"]\nquorum = 1\npasskey = true\n",
    );
    let gate = case.ask(agent());
    case.act("deny", &gate, &["--reason", " "])
        .fails(1, "say it with --reason");
    let told = case.act(
        "deny",
        &gate,
        &["--reason", "not \u{1b}[2J today", "--json"],
    );
    let told = told.ok().json();
    assert_eq!(told["format"], "keyward.approval.deny/1");
    assert_eq!(
        (&told["state"], &told["by"]),
        (&"denied".into(), &own().into())
    );
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    assert_eq!(shown["denial"], "not \u{1b}[2J today");
    assert!(shown["votes"][0].is_null());
    let text = case
        .bench
        .run(&["approval", "show", "acme", &gate], b"")
        .ok();
    assert!(!text.text().contains('\u{1b}'), "{}", text.text());
    assert!(text.text().contains("today"), "{}", text.text());
    // What will not run does not wait.
    assert!(text.text().ends_with("step 1: not-run\n"));
    case.act("deny", &gate, &["--reason", "no"])
        .fails(1, "it was decided");

    let gate = case.ask(agent());
    case.act("withdraw", &gate, &[])
        .fails(1, "you did not ask for it");
    case.act("withdraw", &gate, &["--as", "bob"])
        .fails(1, "you did not ask for it");
    let told = case
        .act("withdraw", &gate, &["--as", "ada", "--json"])
        .ok()
        .json();
    assert_eq!(told["format"], "keyward.approval.withdraw/1");
    assert_eq!(told["state"], "withdrawn");
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    let past = shown["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&past["by"], &past["for_whom"], &past["channel"]),
        (&own().into(), &"ada".into(), &"operator".into())
    );
    let long = "x".repeat(2_001);
    let gate = case.ask(agent());
    case.act("deny", &gate, &["--reason", &long])
        .fails(2, "2,000 bytes");
    let none = "0".repeat(32);
    let words = [
        "approval", "deny", "acme", &none, "--reason", "x", "--yes", "00000000",
    ];
    case.bench
        .run(&words, b"")
        .fails(1, "the tenant has no such gate");
    case.bench
        .run(&["approval", "show", "acme", &none], b"")
        .fails(1, "the tenant has no such gate");
}

#[test]
fn a_person_is_shown_it_and_types_the_digits() {
    let case = Case::new(NAMED);
    if case.bench.sh("command -v script", &[]).code() != 0 {
        return;
    }
    let gate = case.ask(agent());
    let at_terminal = |typed: &str| {
        let line = format!(
            "printf '%s\\n' '{typed}' | script -qec \
             'keyward approval deny acme {gate} --reason no' /dev/null"
        );
        case.bench.sh(&line, &[("TERM", "xterm")])
    };
    let other = at_terminal("00000000");
    assert_eq!(other.code(), 2, "{}", other.text());
    // All that an approver is shown, and nothing for the terminal to obey.
    let text = other.text();
    assert!(text.contains("web-1") && text.contains("agent-7"), "{text}");
    assert!(text.contains(r"\u{202e}") && !text.contains('\u{202e}'));
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_eq!(case.state(&gate), "pending");
    let done = at_terminal(&case.digits(&gate));
    assert_eq!(done.code(), 0, "{}", done.text());
    assert_eq!(case.state(&gate), "denied");
}

#[test]
fn the_bytes_of_an_action_reach_no_terminal() {
    let case = Case::new(NAMED);
    let gate = case.ask(agent());
    let words = ["approval", "show", "acme", &gate, "--bytes"];
    let bytes = case.bench.run(&words, b"").ok();
    assert!(bytes.out().starts_with(b"kwaa"), "{:?}", bytes.out());
    // They are no JSON either.
    case.bench
        .run(&[&words[..], &["--json"]].concat(), b"")
        .fails(2, "bytes are no JSON");
    if case.bench.sh("command -v script", &[]).code() != 0 {
        return;
    }
    let line = format!("script -qec 'keyward approval show acme {gate} --bytes' /dev/null");
    let ran = case.bench.sh(&line, &[("TERM", "xterm")]);
    assert_eq!(ran.code(), 2, "{}", ran.text());
    let text = ran.text();
    assert!(text.contains("a terminal would obey them"), "{text}");
    assert!(!text.contains("kwaa"), "{text}");
    // What was asked to be read by a person goes there.
    let line = format!("script -qec 'keyward approval show acme {gate}' /dev/null");
    case.bench.sh(&line, &[("TERM", "xterm")]).ok();
}

#[test]
fn a_policy_is_looked_at_and_a_hostile_one_refused_in_a_line() {
    let bench = Bench::empty();
    let file = |name: &str, text: &[u8]| {
        let path = bench.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let lint = |path: &str| bench.run(&["approval", "lint", path], b"");
    let head = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n";
    let rule = "[rule.one]\nstrictness = 1\napprovers = [\"ada\", \"bob\"]\nquorum = 1\n";
    let case = "[case.a]\nkind = \"server.delete\"\nthen = \"auto\"\n";
    let good = file("good", format!("{head}{rule}").as_bytes());
    assert!(lint(&good).ok().out().is_empty());
    // That of the guide is one too.
    let guide = include_str!("../../../docs/approvals.md");
    let mut blocks = guide.split("```toml\n").skip(1);
    let shown = blocks.find(|block| block.contains("keyward-policy = 1"));
    let (shown, _) = shown.unwrap().split_once("```").unwrap();
    let shown: String = shown
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    lint(&file("guide", shown.as_bytes())).ok();
    let odd = format!("{head}dangerous = [\"server.*\"]\n{rule}{case}");
    let odd = lint(&file("odd", odd.as_bytes()));
    assert_eq!(odd.code(), 2, "{}", odd.said());
    assert!(odd.text().starts_with("case a: "), "{}", odd.text());
    let long = "z".repeat(200_000);
    for (text, part) in [
        (
            format!("{head}\"\\u001b[2J{long}\" = 1\n"),
            "line 4: unknown field",
        ),
        (
            format!("{head}\"a\\nkeyward: fine\" = 1\n"),
            "line 4: unknown field",
        ),
        (format!("{head}a = {}\n", "[".repeat(100_000)), "line 4: "),
        (format!("# {long}{long}"), "at most 256 KiB"),
        ("x".repeat(5_000_000), "more than 4194304 bytes"),
        (String::new(), "missing field"),
    ] {
        let ran = lint(&file("bad", text.as_bytes())).fails(2, part);
        assert!(ran.said().len() < 600, "{} bytes", ran.said().len());
        assert!(!ran.said().contains('\u{1b}'));
    }
    lint(&file("latin", b"\xff")).fails(2, "UTF-8");
    lint(bench.folder().to_str().unwrap()).fails(2, "is a folder");
    lint("/dev/zero").fails(2, "more than 4194304 bytes");
    let explain = |policy: &str, action: &str, input: &[u8]| {
        bench.run(&["approval", "explain", policy, action], input)
    };
    explain(&good, "-", &[0; 2_000_000]).fails(2, "more than 1310720 bytes");
    explain(&good, "-", b"kwac").fails(4, "not what was written");
    explain("-", "-", b"").fails(2, "cannot both come by standard input");
}

#[test]
fn the_doctor_says_what_waits_and_which_gates_are_damaged() {
    let case = Case::new(NAMED);
    let gates = || {
        let told = case.bench.run(&["doctor", "--json"], b"");
        let checks = told.json()["checks"].as_array().unwrap().clone();
        let ours = checks
            .into_iter()
            .filter(|check| check["name"] == "approval");
        (told.code(), ours.collect::<Vec<_>>())
    };
    assert!(gates().1.is_empty(), "a home without gates");
    let gate = case.ask(agent());
    let (code, checks) = gates();
    assert_eq!((code, checks.len()), (0, 1), "{checks:?}");
    let says = checks[0]["says"].as_str().unwrap();
    assert!(says.starts_with("1 gate is whole, 1 wait"), "{says}");

    // Its state, as a writer of the database would have it.
    let data = rusqlite::Connection::open(case.bench.home().join("data.db")).unwrap();
    let changed = data.execute(
        "UPDATE record SET data = CAST(substr(data, 1, 37) || X'03' || substr(data, 39) AS BLOB) \
         WHERE collection = 'approval' AND id = ?1",
        [&gate],
    );
    assert_eq!(changed.unwrap(), 1);
    let (code, checks) = gates();
    assert_eq!(code, 4, "{checks:?}");
    assert_eq!(checks[0]["verdict"], "fail");
    assert!(checks[0]["says"].as_str().unwrap().contains(&gate));
}

/// Who is at the service, a moment ago.
#[derive(Debug)]
struct At(Subject, Timestamp);

impl Evidence for At {
    fn tenant(&self) -> &Tenant {
        // All asks of these tests are of one tenant.
        static ACME: std::sync::LazyLock<Tenant> =
            std::sync::LazyLock::new(|| Tenant::new("acme").unwrap());
        &ACME
    }
    fn subject(&self) -> &Subject {
        &self.0
    }
    fn method(&self) -> Method {
        Method::PASSWORD
    }
    fn door(&self) -> Door {
        Door::new("users")
    }
    fn at(&self) -> Timestamp {
        self.1
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

#[test]
fn who_was_lent_a_vote_casts_it_and_the_record_says_whose_it_is() {
    let case = Case::new(
        "otherwise = \"one\"\n[rule.one]\nstrictness = 1\napprovers = [\"bob\"]\nquorum = 1\n\
         delegation = \"1h\"\n",
    );
    let gate = block_on(async {
        let (gate, gates) = ask_as(&case.bench, &case.policy, agent(), "server.delete").await;
        let now = SystemClock::new().now().unwrap();
        let bob = At(Subject::new("bob").unwrap(), now);
        let (acme, to) = (Tenant::new("acme").unwrap(), Subject::new(&own()).unwrap());
        let hour = Duration::from_secs(3_600);
        let lent = gates.lend(&acme, gate, bob, &to, hour).await;
        lent.unwrap();
        gate.to_string()
    });
    let policy = ["--policy", case.file.as_str()];
    // His own it is not, nor that of somebody who lent him none.
    case.act("approve", &gate, &policy)
        .fails(1, "its rule does not name you");
    case.act("approve", &gate, &[&policy[..], &["--as", "eve"]].concat())
        .fails(1, "its rule does not name you");
    assert_eq!(case.state(&gate), "pending");
    let told = case.act("approve", &gate, &[&policy[..], &["--as", "bob"]].concat());
    told.ok();
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    let vote = &shown["votes"][0];
    assert_eq!(
        (&vote["by"], &vote["lent_by"], &vote["channel"]),
        (&own().into(), &"bob".into(), &"operator".into())
    );
    let text = case
        .bench
        .run(&["approval", "show", "acme", &gate], b"")
        .ok()
        .text();
    let (own, says) = (
        own().replace(':', "\\:"),
        " approved it for \"bob\" by operator",
    );
    assert!(text.contains(&format!("\"{own}\"{says}")), "{text}");
}

#[test]
fn a_damaged_gate_hides_none_of_the_others() {
    let case = Case::new(NAMED);
    let gates = [case.ask(agent()), case.ask(agent()), case.ask(agent())];
    let data = rusqlite::Connection::open(case.bench.home().join("data.db")).unwrap();
    let changed = data.execute(
        "UPDATE record SET data = CAST(data || X'00' AS BLOB) \
         WHERE collection = 'approval-action' AND id = ?1",
        [format!("{}/0", gates[0])],
    );
    assert_eq!(changed.unwrap(), 1);
    for json in [&["--json"][..], &[]] {
        let words = [&["approval", "list", "acme"], json].concat();
        let listed = case.bench.run(&words, b"");
        assert_eq!(listed.code(), 4, "{}", listed.said());
        let text = listed.text();
        assert!(
            text.contains(&gates[1]) && text.contains(&gates[2]),
            "{text}"
        );
        assert!(!text.contains(&gates[0]), "{text}");
        assert!(listed.said().contains(&gates[0]), "{}", listed.said());
    }
}

#[test]
fn of_all_who_decide_at_once_one_does_and_a_kill_leaves_it_whole() {
    let case = Case::new(NAMED);
    let gate = case.ask(agent());
    let digits = case.digits(&gate);
    let start = |nth: usize| {
        let reason = format!("by {nth}");
        let more = match nth % 2 {
            0 => ["approve", "--policy", case.file.as_str()],
            _ => ["withdraw", "--as", "ada"],
        };
        let words = [
            "approval", more[0], "acme", &gate, "--yes", &digits, more[1], more[2], "--reason",
            &reason,
        ];
        case.bench.keyward(&words).spawn().unwrap()
    };
    // Cut off anywhere, it was done or not.
    for nth in 0..3 {
        let mut child = start(2 * nth);
        for _ in 0..nth {
            case.state(&gate);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let state = case.state(&gate);
        assert!(state == "pending" || state == "approved", "{state}");
    }
    let children: Vec<_> = (0..6).map(start).collect();
    let codes: Vec<_> = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap().status.code().unwrap())
        .collect();
    let shown = case.bench.json(&["approval", "show", "acme", &gate]);
    // What is withdrawn stays so, whoever else was there.
    assert_eq!(shown["state"], "withdrawn", "{codes:?}");
    let history = shown["history"].as_array().unwrap();
    let of = |what: &str| history.iter().filter(|past| past["what"] == what).count();
    assert_eq!(of("withdrawn"), 1, "{history:?}");
    assert!(of("approved") <= 1, "{history:?}");
    assert_eq!(shown["votes"].as_array().unwrap().len(), of("approved"));
    let withdrew = [1, 3, 5].map(|nth: usize| codes[nth]);
    assert_eq!(withdrew.iter().filter(|code| **code == 0).count(), 1);
    assert!(codes.iter().all(|code| [0, 1].contains(code)), "{codes:?}");
    case.bench.run(&["audit", "verify"], b"").ok();
}

#[test]
fn nobody_approves_by_a_number_that_he_gave_himself() {
    let case = Case::new(
        "otherwise = \"one\"\n[rule.one]\nstrictness = 1\napprovers = [\"uid:4242\"]\nquorum = 1\n",
    );
    let as_another = "unshare --user --map-user=4242";
    if case.bench.sh(&format!("{as_another} true"), &[]).code() != 0 {
        return; // Not on this machine.
    }
    let (gate, file) = (case.ask(agent()), &case.file);
    let digits = case.digits(&gate);
    let line =
        format!("{as_another} keyward approval approve acme {gate} --policy {file} --yes {digits}");
    case.bench.sh(&line, &[]).fails(2, "a namespace of users");
    assert_eq!(case.state(&gate), "pending");
    // Nor by files of his own where the system's are.
    let line = format!(
        "unshare --mount sh -c 'mount -t tmpfs none /proc && mkdir /proc/self && \
         chown 4242 /proc/self && echo 0 0 4294967295 > /proc/self/uid_map && \
         keyward approval approve acme {gate} --policy {file} --yes {digits}'"
    );
    let ran = case.bench.sh(&line, &[]);
    assert_ne!(ran.code(), 0, "{}", ran.said());
    assert_eq!(case.state(&gate), "pending");
}
