//! Actions with texts of somebody else in them.

use std::collections::BTreeMap;

use keyward_approval::{
    Action, ActionBuilder, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape, Type,
    Value,
};
use keyward_base::{SecretBytes, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;

pub(crate) const SECRET: &str = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

pub(crate) fn provider() -> Provider {
    Provider::default()
}

/// An action whose target, arguments and reason are `text`, or hold it.
pub(crate) fn with(text: &str) -> Action {
    let shape = Shape::new("server.delete")
        .and_then(|shape| shape.must("text", Type::Text))
        .and_then(|shape| shape.must("map", Type::Map))
        .and_then(|shape| shape.must("bytes", Type::Bytes))
        .and_then(|shape| shape.must("token", Type::Secret))
        .and_then(|shape| shape.or("count", 3));
    let catalogue = Catalogue::new().with(shape.unwrap()).unwrap();
    // A target and a key are shorter than a text may be.
    let front = |most: usize| {
        let cut = (0..=most.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        &text[..cut.unwrap()]
    };
    let target = if text.is_empty() { "x" } else { front(1_024) };
    let map = BTreeMap::from([(front(256).to_owned(), Value::List(vec![front(400).into()]))]);
    let step = catalogue.step("server.delete", target).unwrap();
    let step = step.with("text", text).unwrap();
    let step = step.with("map", Value::Map(map)).unwrap();
    let step = step.with("bytes", Value::Bytes(vec![0, 255])).unwrap();
    let step = step
        .secret("token", SecretBytes::copy_of(SECRET.as_bytes()))
        .unwrap();
    build(catalogue_free(
        step,
        if text.len() > 600_000 { "" } else { text },
    ))
}

/// An action of one step without arguments, whose reason is `text`.
pub(crate) fn because(text: &str) -> Action {
    let catalogue = Catalogue::new()
        .with(Shape::new("server.delete").unwrap())
        .unwrap();
    build(catalogue_free(
        catalogue.step("server.delete", "web-1").unwrap(),
        text,
    ))
}

/// An action whose only text of somebody else is the key of a map.
pub(crate) fn keyed(key: &str) -> Action {
    let shape = Shape::new("server.delete").and_then(|shape| shape.must("map", Type::Map));
    let catalogue = Catalogue::new().with(shape.unwrap()).unwrap();
    let step = catalogue.step("server.delete", "web-1").unwrap();
    let map = BTreeMap::from([(key.to_owned(), Value::from("12"))]);
    build(catalogue_free(
        step.with("map", Value::Map(map)).unwrap(),
        "",
    ))
}

fn catalogue_free(step: keyward_approval::StepBuilder, reason: &str) -> ActionBuilder {
    let builder = ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent_of(
            Subject::new("ada").unwrap(),
            Subject::new("agent-7").unwrap(),
        ),
    );
    builder.step(step).reason(reason).confidence(870)
}

fn build(builder: ActionBuilder) -> Action {
    let policy = "keyward-policy = 1\nversion = 7\notherwise = \"forbidden\"";
    let policy = Policy::parse(&provider(), policy).unwrap();
    let now = Timestamp::from_millis(1_767_225_600_000);
    builder.build(&policy, now, &provider()).unwrap().action
}

/// What is said to have been escaped, as it was.
pub(crate) fn unescaped(shown: &str) -> String {
    let mut out = String::new();
    let mut chars = shown.chars();
    while let Some(c) = chars.next() {
        if c == '\n' {
            continue; // It follows `\n`, which was seen.
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().unwrap() {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let code: String = chars.by_ref().take_while(|c| *c != '}').skip(1).collect();
                let code = u32::from_str_radix(&code, 16).unwrap();
                out.push(char::from_u32(code).unwrap());
            }
            plain => out.push(plain),
        }
    }
    out
}

/// Text that somebody might write to be taken for something else.
pub(crate) const HOSTILE: [&str; 12] = [
    "</dd><script>alert(1)</script>",
    "<a href=\"https://evil.example/approve\">approve</a>",
    "\"><img src=x onerror=alert(1)>",
    "https://evil.example/approve?x=1 www.evil.example mailto:a@evil.example javascript:alert(1)",
    "old\nStep 1 of 1: server.restart\n  target: \"test-1\"\nReason: fine",
    "web-1\u{202e}1-tset\u{202c} \u{2066}a\u{2069}\u{200f}",
    "we\u{200b}b\u{2060}-\u{feff}1\u{ad}\u{180e}\u{3164}\u{2800}",
    "web-1 ",
    " web-1  and more",
    "a\rb\u{b}c\u{c}d\u{85}e\u{2028}f\u{2029}g",
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}algo \u{20dd}",
    "\u{1b}[2J\u{1b}]8;;https://evil.example\u{7}x\u{9b}1m\0",
];
