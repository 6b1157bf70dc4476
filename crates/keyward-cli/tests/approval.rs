//! `keyward approval`: through the real command, in a home in which a service asked.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use keyward_approval::{
    ActionBuilder, Asking, Catalogue, ExecutorName, GateId, Gates, Policy, Requester, ServiceName,
    Shape,
};
use keyward_base::{Door, Subject, Tenant};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use support::Bench;

const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n\
    [rule.one]\nstrictness = 1\napprovers = [\"ada\"]\nquorum = 1\n";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// As the service would ask, whose reason is hostile.
async fn ask(bench: &Bench) -> GateId {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(bench.anchor());
    let home = Home::open(&HomeDir::at(bench.home()), &options).await;
    let home = home.unwrap();
    let provider = Provider::default();
    let policy = Policy::parse(&provider, POLICY).unwrap();
    let gates = Gates::builder(
        home.keyring().clone(),
        home.audit().unwrap().clone(),
        policy,
    );
    let gates = gates.door(Door::new("users")).install().await.unwrap();
    let gates = gates.build().await.unwrap();
    let catalogue = Catalogue::new().with(Shape::new("server.delete").unwrap());
    let step = catalogue.unwrap().step("server.delete", "web-1").unwrap();
    let builder = ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent(Subject::new("agent-7").unwrap()),
    );
    let now = home.keyring().clock().now().unwrap();
    let asked = builder
        .reason("old\u{202e}\u{1b}[2J")
        .step(step)
        .build(&gates.policy(), now, &provider)
        .unwrap();
    gates.ask(Asking::new(asked)).await.unwrap().gate()
}

#[test]
fn what_waits_is_listed_shown_and_explained() {
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    let none = bench.run(&["approval", "list", "acme"], b"");
    none.fails(2, "this home has no approvals");
    let gate = block_on(ask(&bench)).to_string();

    let listed = bench.json(&["approval", "list", "acme"]);
    assert_eq!(listed["format"], "keyward.approval.list/1");
    assert_eq!(listed["gates"][0]["gate"], gate);
    assert_eq!(listed["gates"][0]["kinds"][0], "server.delete");
    assert!(listed["gates"][1].is_null());
    let denied = bench.json(&["approval", "list", "acme", "--state", "denied"]);
    assert!(denied["gates"][0].is_null());
    let other = bench.json(&["approval", "list", "globex"]);
    assert!(other["gates"][0].is_null());

    let shown = bench.run(&["approval", "show", "acme", &gate], b"").ok();
    let text = shown.text();
    assert!(text.starts_with(&format!("{gate} is pending\n")), "{text}");
    assert!(text.contains("web-1") && text.contains("agent-7"), "{text}");
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
