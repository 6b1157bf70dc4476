//! Actions, policies, agents' asks and links of somebody else.

use std::sync::{Arc, LazyLock};

use keyward_approval::view::Where;
use keyward_approval::{
    Action, ActionBuilder, AgentAsk, Catalogue, ExecutorName, GateId, Links, Policy, Requester,
    ServiceName, Shape, Type, View,
};
use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::{ErrorKind, ManualClock, Purpose, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_store::MemoryStore;
use secrecy::ExposeSecret as _;
use tokio::runtime::Builder;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n[rule.one]\n\
                      strictness = 1\napprovers = [\"ada\"]\nquorum = 1\n[case.a]\nkind = \"any\"\n\
                      when.integer = { at-most = 3 }\nthen = \"auto\"";

/// A kind that has arguments of each type.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let types = [
        ("bool", Type::Bool),
        ("bytes", Type::Bytes),
        ("integer", Type::Integer),
        ("list", Type::List),
        ("map", Type::Map),
        ("secret", Type::Secret),
        ("text", Type::Text),
    ];
    let shape = Shape::new("any").expect("a kind");
    let shape = types.into_iter().fold(shape, |shape, (name, of)| {
        shape.may(name, of).expect("an argument")
    });
    Catalogue::new().with(shape).expect("a catalogue")
});

static KNOWN: LazyLock<Policy> =
    LazyLock::new(|| Policy::parse(&Provider::default(), POLICY).expect("a policy"));

fn builder() -> ActionBuilder {
    ActionBuilder::new(
        Tenant::new("acme").expect("a tenant"),
        ServiceName::new("desk").expect("a service"),
        ExecutorName::new("worker").expect("an executor"),
        Requester::agent(Subject::new("agent-7").expect("a subject")),
    )
}

/// What is shown of an action, whatever is in it: lines that are short, and elements of ours alone.
fn shown(action: &Action) {
    let view = View::of(action);
    let text = view.text();
    assert!(text.lines().all(|line| line.chars().count() <= 110));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    for place in [Where::Page, Where::Mail] {
        for tag in view.html(place).split('<').skip(1) {
            let own = [
                "dl", "/dl", "dt", "/dt", "dd", "/dd", "br", "bdi", "/bdi", "em", "/em",
            ];
            let name = tag.split(['>', ' ']).next();
            assert!(own.iter().any(|known| Some(*known) == name), "{tag}");
        }
    }
}

/// An action that is read writes itself back, and has one digest.
pub fn approval_action(data: &[u8]) {
    let provider = Provider::default();
    match Action::parse(&provider, data) {
        Ok(action) => {
            assert_eq!(action.bytes(), data);
            assert_eq!(action.digest().as_bytes(), &provider.sha256(&[data]));
            assert!(action.decide_by() <= action.run_by());
            let verdict = KNOWN.verdict(&action);
            assert_eq!(KNOWN.explain(&action).verdict, verdict);
            shown(&action);
        }
        Err(e) => damaged(e.kind()),
    }
}

fn damaged(kind: ErrorKind) {
    assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Unavailable));
}

/// A policy says the same each time, and never lets run what it does not know.
pub fn approval_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let policy = match Policy::parse(&Provider::default(), text) {
        Ok(policy) => policy,
        Err(e) => return assert_eq!(e.kind(), ErrorKind::Misuse),
    };
    assert_eq!(policy.text(), text);
    for rule in policy.rules() {
        assert!(!rule.asks_more_than(rule));
    }
    let _lints = policy.lint(Some(&CATALOGUE), &());
    let step = CATALOGUE.step("any", "a").expect("a step");
    let step = step.with("integer", 3).expect("an argument");
    let asked = builder()
        .step(step)
        .build(&policy, NOW, &Provider::default());
    let asked = asked.expect("an action");
    assert_eq!(policy.verdict(&asked.action), asked.verdict);
    assert_eq!(policy.explain(&asked.action).verdict, asked.verdict);
}

/// What is read as an ask is an action, whose bytes are read as the same.
pub fn approval_agent_json(data: &[u8]) {
    let ask = match AgentAsk::parse(&CATALOGUE, data) {
        Ok(ask) => ask,
        Err(e) => return assert!(!e.to_string().is_empty()),
    };
    // What is too deep or too much is said when it is built.
    let built = builder().ask(ask).build(&KNOWN, NOW, &Provider::default());
    match built {
        Ok(asked) => {
            let read = Action::parse(&Provider::default(), asked.action.bytes());
            assert_eq!(read.expect("an action"), asked.action);
            shown(&asked.action);
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Misuse),
    }
}

/// Links of one tenant, of which one is known.
static LINKS: LazyLock<(Links, Tenant, String)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).expect("a root"));
        let ring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
        let ring = ring.clock(Arc::new(ManualClock::new(NOW)));
        let vault = Purpose::new("vault").expect("a purpose");
        let ring = ring.create(&[vault], &[]).await.expect("a ring");
        let links = Links::new(ring).expect("links");
        links.install().await.expect("the purpose");
        let tenant = Tenant::new("acme").expect("a tenant");
        let draft = links
            .draft(&tenant, GateId::from_bytes([7; 16]))
            .expect("a draft");
        let step = CATALOGUE.step("any", "a").expect("a step");
        let asked = builder()
            .step(step)
            .build(&KNOWN, NOW, &Provider::default());
        let letter = draft.finish(&asked.expect("an action").action, 3, NOW);
        let token = letter.expect("a letter").link().expose().to_owned();
        (links, tenant, token)
    })
});

fn refused(text: &str) {
    let (links, tenant, token) = &*LINKS;
    if text == token {
        return;
    }
    let refused = links
        .check_at_once(tenant, text, NOW)
        .expect_err("nobody was given it");
    assert_eq!(refused.kind(), ErrorKind::Rejected, "{refused:?}");
    if let Ok(again) = keyward_approval::link::shape(text) {
        assert_eq!(again.expose_secret(), text);
    }
}

/// The input as a link, and as what was changed in one that is good.
pub fn approval_link(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        refused(text);
    }
    let token = &LINKS.2;
    let mut bytes = from_base64url(&token[4..]).expect("a token");
    for (byte, flip) in bytes.iter_mut().zip(data) {
        *byte ^= flip;
    }
    refused(&format!("kwl_{}", base64url(&bytes)));
    let cut = data.len().min(token.len());
    refused(&token[..token.len() - cut]);
    refused(&format!("{token}{}", String::from_utf8_lossy(data)));
}
