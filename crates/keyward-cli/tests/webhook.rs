//! `keyward webhook`: captures checked, requests signed, batches answered line by line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::fmt::Write as _;

use serde_json::{Value, json};
use support::Bench;

/// GitHub's published example.
const SECRET: &str = "It's a Secret to Everybody";
const BODY: &str = "Hello, World!";
const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn write(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(bench.folder().join(name), bytes).unwrap();
}

fn github(more: &str, body: &str) -> String {
    format!("POST /hooks/1 HTTP/1.1\r\nX-Hub-Signature-256: {SIGNATURE}\r\n{more}\r\n{body}")
}

const VERIFY: &str = "keyward webhook verify github --request request --secret-file secret";

#[test]
fn a_capture_is_verified_or_rejected_with_the_reason_and_what_mends_it() {
    let bench = Bench::empty();
    write(
        &bench,
        "secret",
        "another secret of this hook\r\n\nIt's a Secret to Everybody\n",
    );
    let id = "x-github-delivery: 72d3162e\r\nContent-Length: 13\r\n";
    write(&bench, "request", github(id, &format!("{BODY}\n")));
    let said = bench.sh(VERIFY, &[]).ok().text();
    assert!(
        said.starts_with("verified: every byte of the body"),
        "{said}"
    );
    assert!(
        said.contains("number 2 of 2") && said.contains("72d3162e (not signed)"),
        "{said}"
    );
    let json = bench.sh(&format!("{VERIFY} --json"), &[]).ok().json();
    assert_eq!(
        json,
        json!({"format": "keyward.webhook.verify/1", "verdict": "verified", "reason": null,
               "key": 1, "coverage": "whole-body", "delivery_id": "72d3162e",
               "delivery_id_from": "unsigned", "signed_at": null})
    );

    // The forms in which tools keep a request.
    let chunked = "Transfer-Encoding: chunked\r\n";
    for whole in [
        github("", BODY),
        github("", BODY).replace('\r', ""),
        github("", BODY).replace("HTTP/1.1", "HTTP/2"),
        github("", BODY).replace("HTTP/1.1\r\n", "HTTP/3.0\n"),
        github(chunked, "7;x=1\r\nHello, \r\n6\r\nWorld!\r\n0\r\n\r\n"),
    ] {
        write(&bench, "request", &whole);
        bench.sh(VERIFY, &[]).ok();
    }
    for (not_whole, says) in [
        (github(id, "Hello"), "cut short"),
        (github(chunked, "7\r\nHello, \r\n"), "cut short"),
        (github(chunked, "ffffffffffffffff\r\nHello"), "cut short"),
        (github("Content-Length: x\r\n", BODY), "no number"),
        (
            github(&format!("{id}Content-Length: 12\r\n"), BODY),
            "twice",
        ),
        (github(&format!("{id}{chunked}"), BODY), "two ways"),
        (BODY.to_owned(), "no request"),
        (
            "POST / HTTP/1.1\r\nA: b\r\n".to_owned(),
            "ends within its headers",
        ),
        (github(&"a: b\r\n".repeat(128), BODY), "more than 128"),
        (github("a b: c\r\n", BODY), "no request"),
        (String::new(), "ends within its headers"),
    ] {
        write(&bench, "request", &not_whole);
        bench.sh(VERIFY, &[]).fails(2, says);
    }

    let twice = format!("x-hub-signature-256: {SIGNATURE}0\r\n");
    for (wrong, says, reason) in [
        (
            github("", "Hello, world!"),
            "byte for byte",
            "not-authentic-for-this-context",
        ),
        (
            github(&twice, BODY),
            "twice and differs",
            "webhook-header-ambiguous",
        ),
        (
            github("", BODY).replace("X-Hub", "X-Hob"),
            "right provider",
            "webhook-header-missing",
        ),
    ] {
        write(&bench, "request", &wrong);
        bench.sh(VERIFY, &[]).fails(1, says);
        let ran = bench.sh(&format!("{VERIFY} --json"), &[]);
        assert_eq!(ran.code(), 1);
        assert_eq!(ran.json()["verdict"], "rejected");
        assert_eq!(ran.json()["reason"], reason);
    }
    write(
        &bench,
        "request",
        github("", BODY).replace("X-Hub", "X-Hob"),
    );
    bench.sh(VERIFY, &[]).fails(1, "no x-hub-signature-256");
    for (secret, says) in [("", "empty"), ("\n\n", "empty"), ("short\n", "16 bytes")] {
        write(&bench, "secret", secret);
        bench.sh(VERIFY, &[]).fails(2, says);
    }
}

#[test]
fn what_is_signed_for_a_test_verifies_at_its_time_and_at_no_other() {
    let bench = Bench::empty();
    let known = bench.json(&["webhook", "providers"]);
    let known = known["providers"].as_array().unwrap();
    assert!(known.len() >= 11);
    for scheme in known {
        let name = scheme["name"].as_str().unwrap();
        let base64 = scheme["key"].get("base64").is_some();
        let secret = if base64 || name == "stripe" {
            "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        } else {
            "a secret of more than 16 bytes"
        };
        write(&bench, "secret", secret);
        write(&bench, "scheme", scheme.to_string());
        let sign = "webhook sign --secret-file secret --now 1700000000 --path /in";
        for which in [name, "--scheme scheme"] {
            let line = format!(
                "printf '{{\"id\":\"evt_1\"}}' | keyward {sign} {which} > request && \
                 keyward webhook verify {which} --request request --secret-file secret"
            );
            let timed = !scheme["proof"]["hmac"]["time"].is_null();
            let said = bench
                .sh(&format!("{line} --now 1700000001"), &[])
                .ok()
                .text();
            assert_eq!(said.contains("2023-11-14T22:13:20Z"), timed, "{said}");
            if timed {
                bench
                    .sh(&line, &[])
                    .fails(1, "give --now the time of the capture");
                bench
                    .sh(&format!("{line} --now 1699999000"), &[])
                    .fails(1, "signed later");
            } else {
                bench.sh(&line, &[]).ok();
            }
        }
    }
    // An id that no part of the request would hold.
    write(&bench, "secret", "a secret of more than 16 bytes");
    let line = "printf '{}' | keyward webhook sign slack --secret-file secret --id 42";
    bench.sh(line, &[]).fails(2, "carries no id");
    let table = bench.run(&["webhook", "providers"], b"").ok().text();
    assert_eq!(
        table.lines().count(),
        known.len().checked_add(1).unwrap(),
        "{table}"
    );
}

#[test]
fn a_batch_is_answered_line_by_line_and_a_bad_line_stops_nothing() {
    let bench = Bench::empty();
    let good = json!({
        "provider": "github", "secrets": ["another secret of this hook", SECRET],
        "headers": {"X-Hub-Signature-256": [format!(" {SIGNATURE}\t"), SIGNATURE]},
        "body": BODY, "now": 5, "method": "POST", "url": "https://app.example/in",
    });
    let with = |field: &str, value: Value| {
        let mut line = good.clone();
        line[field] = value;
        line
    };
    let own = bench.json(&["webhook", "providers"]);
    let own = own["providers"].as_array().unwrap();
    let own = own
        .iter()
        .find(|scheme| scheme["name"] == "github")
        .unwrap();
    let mut by_scheme = with("scheme", own.clone());
    by_scheme.as_object_mut().unwrap().remove("provider");
    let mut encoded = with("body_base64", json!("SGVsbG8sIFdvcmxkIQ=="));
    encoded.as_object_mut().unwrap().remove("body");
    let binary = format!("base64:{}", "SXQncyBhIFNlY3JldCB0byBFdmVyeWJvZHk=");
    let stripe = |tolerance: Value| {
        json!({"provider": "stripe", "secrets": ["whsec_0123456789abcdef"], "body": "{}",
               "headers": {"stripe-signature": format!("t=1000,v1={}", "00".repeat(32))}, "now": 1400, "tolerance": tolerance})
    };
    let cases = [
        (good.to_string(), "verified", json!(1)),
        (by_scheme.to_string(), "verified", json!(1)),
        (encoded.to_string(), "verified", json!(1)),
        (
            with("secrets", json!([binary])).to_string(),
            "verified",
            json!(0),
        ),
        (
            with("body", json!("Hello, world!")).to_string(),
            "rejected",
            json!("not-authentic-for-this-context"),
        ),
        (
            with("headers", json!({})).to_string(),
            "rejected",
            json!("webhook-header-missing"),
        ),
        (
            with("headers", json!({"x-hub-signature-256": "a\nb"})).to_string(),
            "rejected",
            json!("malformed"),
        ),
        (
            with(
                "headers",
                json!({"x-hub-signature-256": SIGNATURE, "X-Hub-Signature-256": "sha256=00"}),
            )
            .to_string(),
            "rejected",
            json!("webhook-header-ambiguous"),
        ),
        (
            with("headers", json!({"a b": "c"})).to_string(),
            "misuse",
            json!("HTTP does not allow"),
        ),
        (
            with("secrets", json!([])).to_string(),
            "misuse",
            json!("no webhook secret"),
        ),
        (
            with("secrets", json!(["short"])).to_string(),
            "misuse",
            json!("16 bytes"),
        ),
        (
            with("secrets", json!(["base64:c2hvcnQ="])).to_string(),
            "misuse",
            json!("16 bytes"),
        ),
        (
            with("secrets", json!(["base64:!"])).to_string(),
            "misuse",
            json!("base64"),
        ),
        (
            with("provider", json!("nobody")).to_string(),
            "misuse",
            json!("no webhook preset"),
        ),
        (
            with("provider", Value::Null).to_string(),
            "misuse",
            json!("a provider or a scheme"),
        ),
        (
            with("body_base64", json!("AA==")).to_string(),
            "misuse",
            json!("a body or a body_base64"),
        ),
        (
            with("now", json!(-1)).to_string(),
            "misuse",
            json!("no request in JSON"),
        ),
        ("hello".to_owned(), "misuse", json!("no request in JSON")),
        (
            stripe(Value::Null).to_string(),
            "rejected",
            json!("webhook-time-stale"),
        ),
        (
            stripe(json!(399)).to_string(),
            "rejected",
            json!("webhook-time-stale"),
        ),
        (
            stripe(json!(400)).to_string(),
            "rejected",
            json!("not-authentic-for-this-context"),
        ),
    ];
    // What is wrong is told without what stands there.
    let mistaken = [
        with("secrets", json!(SECRET)),
        with("secrets", json!([[SECRET]])),
        with("now", json!(SECRET)),
        with("allow_weak_secret", json!(SECRET)),
        json!(["github", null, [SECRET], {}, "", null, 0, null, true]),
    ];
    let mistaken: String = mistaken.iter().map(|line| format!("{line}\n")).collect();
    let said = bench
        .run(&["webhook", "verify", "--batch", "-"], mistaken.as_bytes())
        .ok()
        .text();
    assert_eq!(said.matches("no request in JSON").count(), 5, "{said}");
    assert!(!said.contains("Everybody"), "{said}");
    let mut weak = with("secrets", json!(["short", "base64:AA=="]));
    weak["allow_weak_secret"] = json!(true);
    let mut file = String::new();
    for (line, ..) in &cases {
        writeln!(file, "{line}\n").unwrap();
    }
    write!(file, "{weak}").unwrap();
    write(&bench, "lines", &file);
    let said = bench
        .sh("keyward webhook verify --batch lines --json", &[])
        .ok()
        .text();
    let said: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(said.len(), cases.len().checked_add(1).unwrap());
    for (answer, (line, verdict, tells)) in said.iter().zip(&cases) {
        assert_eq!(answer["verdict"], *verdict, "{line}: {answer}");
        match *verdict {
            "verified" => assert_eq!(
                (&answer["key"], &answer["coverage"]),
                (tells, &json!("whole-body"))
            ),
            "rejected" => assert_eq!(answer["reason"], *tells, "{line}"),
            _ => {
                let reason = answer["reason"].as_str().unwrap();
                assert!(reason.contains(tells.as_str().unwrap()), "{line}: {reason}");
            }
        }
    }
    assert_eq!(
        said.last().unwrap()["reason"],
        "not-authentic-for-this-context"
    );
    let piped = bench
        .run(&["webhook", "verify", "--batch", "-"], file.as_bytes())
        .ok();
    assert_eq!(piped.text().lines().count(), said.len());
}
