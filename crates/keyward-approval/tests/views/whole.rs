//! All of an action is in its view, and nothing of it is on a line that is too long.

use std::collections::BTreeMap;

use keyward_approval::view::Where;
use keyward_approval::{
    ActionBuilder, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape, Type, Value,
    View,
};
use keyward_base::{SecretBytes, Subject, Tenant, Timestamp};
use unicode_width::UnicodeWidthStr as _;

use crate::world::{HOSTILE, because, keyed, provider, with};

#[test]
fn every_part_of_an_action_has_its_line() {
    let shape = Shape::new("server.delete")
        .and_then(|shape| shape.must("all", Type::Map))
        .and_then(|shape| shape.must("bytes", Type::Bytes))
        .and_then(|shape| shape.must("count", Type::Integer))
        .and_then(|shape| shape.must("force", Type::Bool))
        .and_then(|shape| shape.must("token", Type::Secret))
        .and_then(|shape| shape.or("was", "by default"));
    let stop = Shape::new("server.stop").unwrap();
    let catalogue = Catalogue::new().with(shape.unwrap()).unwrap();
    let catalogue = catalogue.with(stop).unwrap();
    let list = Value::List(vec![7.into(), "7".into(), Value::List(vec![])]);
    let map = BTreeMap::from([
        ("a".to_owned(), list),
        ("b: \"c".to_owned(), true.into()),
        ("n\n".to_owned(), "true".into()),
    ]);
    let step = catalogue.step("server.delete", "web-1").unwrap();
    let step = step.with("all", Value::Map(map)).unwrap();
    let step = step.with("bytes", Value::Bytes(vec![0, 255])).unwrap();
    let step = step.with("count", -3).unwrap();
    let step = step.with("force", true).unwrap();
    let secret = SecretBytes::copy_of(b"hunter2");
    let step = step.secret("token", secret).unwrap();
    let subject = |name| Subject::new(name).unwrap();
    let builder = ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent_of(subject("ada"), subject("agent-7")).on_behalf_of(subject("bob")),
    );
    let policy = "keyward-policy = 1\nversion = 7\notherwise = \"one\"\n\
                  [rule.one]\nstrictness = 1\napprovers = [\"ada\"]\nquorum = 1\n";
    let policy = Policy::parse(&provider(), policy).unwrap();
    let now = Timestamp::from_millis(1_767_225_600_000);
    let builder = builder
        .step(step)
        .step(catalogue.step("server.stop", "web-2").unwrap());
    let builder = builder.reason("it is old").confidence(875);
    let action = builder.build(&policy, now, &provider()).unwrap().action;
    let hex = keyward_base::encoding::hex;
    // A line of 64 digits has no room beside its label, nor in its own.
    let halves = |digest: &str| format!("  SHA-256: {digest}\n");
    let expected = format!(
        r#"Step 1 of 2: server.delete
  target: "web-1"
  all: a map of 3
    "a": a list of 3
      1: 7
      2: "7"
      3: a list of 0
    "b: \"c": true
      | "n\n
      | ":
      | "true"
  bytes: 2 bytes
    in base64: "AP8="
  count: -3
  force: true
  token: (a secret, not shown; what runs is bound to it)
  was: "by default"
Step 2 of 2: server.stop
  target: "web-2"
Asked by: an agent, which decides by itself what it asks for
  who: "agent-7"
  owned by: "ada"
  on behalf of: "bob"
Reason (the requester's own words, which nobody checked): "it is old"
Confidence (the requester's own words, which nobody checked): 87.5 %
Tenant: "acme"
Service: deploydesk
Run by: worker
To be decided before: 2026-01-02T00:00:00Z
To be begun before: 2026-01-02T01:00:00Z
Policy: version 7
{}Action: SHA-256 of its bytes
{}"#,
        halves(&hex(policy.reference().digest())),
        halves(&action.digest().to_string()),
    );
    assert_eq!(View::of(&action).text(), expected);
}

#[test]
fn no_line_is_wider_than_a_terminal_however_wide_its_letters_are() {
    let wide = "\u{4e00}".repeat(200);
    // What would stand at the beginning of the second line of a terminal of 80 columns.
    let crafted = format!("{}Step 2 of 2: server.start", "\u{4e00}".repeat(36));
    let mixed = "a\u{ff21}\u{1f980}\u{a1}\u{3b1}".repeat(60);
    let marked = "\u{e01}\u{e34}\u{e48}".repeat(90);
    let texts = [wide, crafted, mixed, marked, "a".repeat(300)];
    for text in texts.iter().map(String::as_str).chain(HOSTILE) {
        let key: String = text.chars().take(60).collect();
        for action in [because(text), with(text), keyed(&key)] {
            for line in View::of(&action).text().lines() {
                assert!(line.width_cjk() <= 76, "{line}");
            }
        }
    }
}

/// What a line is that a person may take for one of the view's own.
fn own(text: &str) -> usize {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| !line.starts_with("| ")).count()
}

#[test]
fn no_key_makes_a_line_of_its_own() {
    let keys = HOSTILE
        .iter()
        .map(|text| text.chars().take(80).collect::<String>());
    let more = [
        "a\nStep 1 of 1: server.stop".to_owned(),
        "a\": \"12\"\n  target: \"web-2".to_owned(),
        format!("{}b", " ".repeat(75)),
        "k".repeat(256),
        "\u{4e00}".repeat(85),
    ];
    for key in keys.chain(more) {
        let view = View::of(&keyed(&key));
        let text = view.text();
        let notes = text.matches("(it has letters that are").count();
        let marked = text.contains("\n    | ") || text.contains("\n      | ");
        // Its head, its value, or both lie on marked lines.
        let is = own(&text) - notes;
        let was = own(&View::of(&keyed("k")).text());
        assert!(is == was || marked && is + 1 >= was, "{text}");
        let html = view.html(Where::Page);
        assert_eq!(
            html.matches("<dt").count(),
            View::of(&keyed("k"))
                .html(Where::Page)
                .matches("<dt")
                .count()
        );
    }
}
