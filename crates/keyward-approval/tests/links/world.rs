//! A ring whose store says what was asked of it, links under it, and an action.

use std::sync::Arc;
use std::time::Duration;

use keyward_approval::{
    Action, ActionBuilder, Catalogue, ExecutorName, GateId, Letter, Links, Policy, Requester,
    ServiceName, Shape, Type,
};
use keyward_base::{ManualClock, Purpose, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_testkit::Counted;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
pub(crate) const GATE: GateId = GateId::from_bytes([7; 16]);

const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n[rule.one]\n\
                      strictness = 1\napprovers = [\"ada\"]\nquorum = 1\ndecide-within = \"30d\"";

pub(crate) struct World {
    pub(crate) keys: Arc<Counted>,
    pub(crate) root: Arc<EphemeralRoot>,
    pub(crate) ring: Keyring,
    pub(crate) links: Links,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let keys = Arc::new(Counted::new(10_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let clock = Arc::new(ManualClock::new(NOW));
        let ring = Keyring::builder(keys.clone(), root.clone()).clock(clock.clone());
        let vault = Purpose::new("vault").unwrap();
        let ring = ring.create(&[vault], &[]).await.unwrap();
        let links = Links::new(ring.clone()).unwrap();
        links.install().await.unwrap();
        Self {
            keys,
            root,
            ring,
            links,
            clock,
        }
    }

    /// It is then, and the ring is read anew.
    pub(crate) async fn set(&self, at: Timestamp) {
        self.clock.set(at);
        self.ring.refresh().await.unwrap();
    }

    pub(crate) fn letter(&self) -> Letter {
        self.letter_of(&self.links, 3)
    }

    pub(crate) fn letter_of(&self, links: &Links, slot: u16) -> Letter {
        let draft = links.draft(&tenant("acme"), GATE).unwrap();
        draft.finish(&action("web-1"), slot, NOW).unwrap()
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn after(span: Duration) -> Timestamp {
    NOW.saturating_add(span)
}

pub(crate) fn action(target: &str) -> Action {
    action_of("acme", target, "it is old")
}

pub(crate) fn action_of(of: &str, target: &str, reason: &str) -> Action {
    let provider = Provider::default();
    let policy = Policy::parse(&provider, POLICY).unwrap();
    let shape = Shape::new("server.delete").unwrap();
    let shape = shape
        .or("region", "eu-1")
        .unwrap()
        .may("count", Type::Integer)
        .unwrap();
    let catalogue = Catalogue::new().with(shape).unwrap();
    let builder = ActionBuilder::new(
        tenant(of),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent(Subject::new("agent-7").unwrap()),
    );
    let builder = builder
        .step(catalogue.step("server.delete", target).unwrap())
        .reason(reason);
    builder.build(&policy, NOW, &provider).unwrap().action
}
