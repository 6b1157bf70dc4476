//! Known answers of the libraries that wrote the formats. `tests/known/README.md` says how they were
//! made.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::collections::BTreeMap;

use keyward_base::SecretBytes;
use keyward_crypto::slow::argon2::Arena;
use keyward_password::{Context, NotRead, Password, Policy, Stored};
use serde_json::Value;

/// Lines of the file: one that is lost is a scheme that nobody looks at any more.
const LINES: usize = 4144;

fn hex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| byte(pair)).collect()
}

fn verdict(line: &Value, arena: &mut Arena) -> &'static str {
    let context = line.get("context").map(Value::to_string);
    let context = context.map_or_else(Context::default, |text| Context::from_json(&text).unwrap());
    let password = SecretBytes::new(hex(line["password_hex"].as_str().unwrap()));
    let password = Password::new(password).unwrap();
    let label = line.get("scheme").and_then(Value::as_str);
    let encoded = line["encoded"].as_str().unwrap();
    let said = Stored::read(label, encoded, &context, &Policy::default())
        .map_or_else(NotRead::verdict, |stored| {
            stored.check(&password, arena).unwrap()
        });
    said.as_str()
}

#[test]
fn every_library_says_the_same() {
    let mut arena = Arena::default();
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut lines = 0;
    for text in include_str!("known/vectors.jsonl").lines() {
        let line: Value = serde_json::from_str(text).unwrap();
        let found = verdict(&line, &mut arena);
        if line["verdict"] != found {
            wrong.push(format!("{found}: {text}"));
        }
        let by = line["by"]
            .as_str()
            .unwrap()
            .split([':', ','])
            .next()
            .unwrap();
        *counts.entry(by.to_owned()).or_default() += 1;
        lines += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {lines} are wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(lines, LINES, "{counts:#?}");
}
