//! What time does to what waits: who is told of it by mail, once.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use keyward_approval::gate::Roles;
use keyward_approval::{
    ActionBuilder, Asking, Ballot, Catalogue, ExecutorName, GateId, Gates, Policy, Requester,
    ServiceName, Shape, Type,
};
use keyward_base::{BoxFuture, Clock as _, Result, Role, Subject, Tenant};
use keyward_crypto::Provider;
use service::browser::{ANN, PASSWORD, ann, link_to, logged_in, outbox, set_password};
use service::planted::{self, ADMINS, Past, USERS};
use service::{Service, send};

const MEL: &str = "mel@example.com";
const CRON: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";

const HOUR: u64 = 60;

const POLICY: &str = r#"
keyward-policy = 1
version = 1
otherwise = "two-owners"

[rule.two-owners]
strictness = 10
approvers = ["role:owner"]
quorum = 2
remind = ["12h", "2h"]

[rule.early]
strictness = 20
approvers = ["role:owner"]
quorum = 2
escalate = { to = "late", after = "2h" }

[rule.late]
strictness = 30
approvers = ["role:member"]
quorum = 2

[case.run]
kind = "deployment.run"
then = "early"
"#;

/// Everybody who votes before the service begins is an owner.
#[derive(Debug)]
struct Owners;

impl Roles for Owners {
    fn roles<'a>(&'a self, _: &'a Tenant, _: &'a Subject) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(std::future::ready(
            Role::new("owner").map(|role| vec![role]),
        ))
    }
}

/// What was asked before the service begins, by its own crate and a clock that is set.
struct Before<'a> {
    past: &'a Past,
    gates: Gates,
    tenant: Tenant,
    asker: Subject,
}

impl Before<'_> {
    /// Mel asks, so many minutes ago.
    async fn ask(&self, minutes: u64, kind: &str, target: &str) -> GateId {
        self.past.clock.set(self.past.ago(minutes));
        let shape = Shape::new(kind).unwrap();
        let shape = shape.must("alone", Type::Bool).unwrap();
        let catalogue = Catalogue::new().with(shape).unwrap();
        let step = catalogue.step(kind, target).unwrap();
        let step = step.with("alone", false).unwrap();
        let builder = ActionBuilder::new(
            self.tenant.clone(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("desk").unwrap(),
            Requester::person(self.asker.clone()),
        );
        let now = self.past.clock.now().unwrap();
        let asked = builder
            .step(step)
            .build(&self.gates.policy(), now, &Provider::default());
        let asked = self.gates.ask(Asking::new(asked.unwrap())).await;
        asked.unwrap().gate()
    }

    async fn approve(&self, gate: GateId, who: &str) {
        let now = self.past.clock.now().unwrap();
        let who = planted::logged_in(&self.tenant, who, now);
        let voted = self.gates.vote(&self.tenant, gate, who, Ballot::approve());
        voted.await.unwrap();
    }
}

/// Who was mailed something that names it, and how often.
fn told(service: &Service, target: &str) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for mail in outbox(service) {
        if mail.text.contains(target) {
            *told.entry(mail.to).or_default() += 1;
        }
    }
    told
}

fn tidied(service: &Service) {
    let head = format!(
        "POST /internal/cron HTTP/1.1\nHost: {}\nAuthorization: Bearer {CRON}\nContent-Length: 0",
        service.addr
    );
    let answer = send(service.addr, &head, b"");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn who_can_still_say_something_is_reminded_and_who_asked_hears_of_the_end() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let invited = hers.post("/members/invite", &[("email", MEL.as_bytes())]);
    invited.leads_to();
    set_password(&service, &link_to(&service, MEL, 1), PASSWORD);
    let mel = logged_in(&service, MEL);
    let account = mel.page("/account");
    let code = |nth: usize| account.split("<code>").nth(nth).unwrap();
    let code = |nth: usize| code(nth).split('<').next().unwrap().to_owned();
    let (tenant, asker) = (
        Tenant::new(&code(1)).unwrap(),
        Subject::new(&code(2)).unwrap(),
    );
    let folder = service.stop();
    let policy = folder.path().join("approvals.toml");
    std::fs::write(&policy, POLICY).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let (old, young) = runtime.unwrap().block_on(async {
        let past = Past::of(folder.path()).await;
        for (who, role) in [("one", "owner"), ("two", "owner"), ("other", "member")] {
            let email = format!("{who}@example.com");
            past.joins(&tenant, &format!("u-{who}"), &email, role).await;
        }
        let policy = Policy::parse(&Provider::default(), POLICY).unwrap();
        let audit = past.home.audit().unwrap().clone();
        let gates = Gates::builder(past.home.keyring().clone(), audit, policy)
            .door(USERS)
            .door(ADMINS)
            .roles(Arc::new(Owners))
            .clock(past.clock.clone());
        let before = Before {
            past: &past,
            gates: gates.build().await.unwrap(),
            tenant,
            asker,
        };
        // What is kept for 400 days after it could have run.
        let old = before.ask(450 * 24 * HOUR, "key.rotate", "old-1").await;
        let young = before.ask(350 * 24 * HOUR, "key.rotate", "young-1").await;
        // Nobody could be told of what ended days ago, or was.
        before.ask(5 * 24 * HOUR, "key.rotate", "ended-1").await;
        past.clock.set(past.ago(3 * 24 * HOUR));
        assert_eq!(before.gates.tick(64).await.unwrap().len(), 3);
        let gate = before.ask(26 * HOUR, "key.rotate", "approved-1").await;
        before.approve(gate, "u-one").await;
        before.approve(gate, "u-two").await;
        before.ask(25 * HOUR, "key.rotate", "silent-1").await;
        let gate = before.ask(13 * HOUR, "key.rotate", "halfway-1").await;
        before.approve(gate, "u-one").await;
        before.ask(3 * HOUR, "deployment.run", "escalates-1").await;
        (old, young)
    });
    let named = [
        ("DEPLOYDESK_APPROVALS", policy.to_str().unwrap()),
        ("DEPLOYDESK_CRON_SECRET", CRON),
    ];
    let of = |all: &[&str]| {
        let all = all.iter().map(|who| ((*who).to_owned(), 1));
        all.collect::<BTreeMap<_, _>>()
    };
    let all_told = |service: &Service| {
        // Not who asked, nor who has said yes, nor who may not say it.
        assert_eq!(told(service, "halfway-1"), of(&[ANN, "two@example.com"]));
        // Those of the second rule, and nobody of the first.
        assert_eq!(told(service, "escalates-1"), of(&["other@example.com"]));
        assert_eq!(told(service, "silent-1"), of(&[MEL]));
        assert_eq!(told(service, "approved-1"), of(&[MEL]));
        assert_eq!(told(service, "ended-1"), of(&[]));
    };
    let service = Service::start_with(folder, &named);
    for _ in 0..3 {
        tidied(&service);
        all_told(&service);
    }
    hers.addr = service.addr;
    assert_eq!(hers.get(&format!("/approvals/{old}")).status, 404);
    assert_eq!(hers.get(&format!("/approvals/{young}")).status, 200);
    let ends = outbox(&service);
    let said = |target: &str, words: &str| {
        let mut mails = ends.iter().filter(|mail| mail.text.contains(target));
        assert!(mails.all(|mail| mail.text.contains(words)), "{ends:?}");
    };
    said("silent-1", "Nobody decided what you asked.");
    said("approved-1", "was approved, and not begun in time.");
    // A mailbox that is in memory is empty after a start, and stays so.
    let service = Service::start_with(service.stop(), &named);
    tidied(&service);
    assert!(outbox(&service).is_empty(), "{:?}", outbox(&service));
}
