//! `keyward password census`, and batches that somebody waits for, through the real command.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use serde_json::{Value, json};
use support::Bench;

const DJANGO: &str =
    "pbkdf2_sha256$1000$3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
const STRONG: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";

fn census(bench: &Bench, more: &[&str], table: &[u8]) -> Value {
    let words = [&["password", "census", "-", "--json"], more].concat();
    serde_json::from_str(&bench.run(&words, table).ok().text()).unwrap()
}

#[test]
fn a_table_is_counted_weakest_first() {
    let bench = Bench::empty();
    let md5 = json!({"scheme": "hex-md5", "encoded": "5f4dcc3b5aa765d61d8327deb882cf99"});
    // A mark of Windows, its ends of lines, empty ones, and one without an end.
    let table = format!(
        "\u{feff}{DJANGO}\r\n{DJANGO}\r\n\r\n{STRONG}\n{md5}\n{{noop}}secret\n!{DJANGO}\nnothing"
    );
    let said = census(&bench, &[], table.as_bytes());
    assert_eq!(said["format"], "keyward.password.census/1");
    let sums =
        ["rows", "weaker", "wrappable", "wrapped", "not_read"].map(|name| said[name].clone());
    assert_eq!(sums, [7, 3, 3, 0, 3]);
    let groups = said["groups"].as_array().unwrap();
    let of = |name: &str| -> Vec<&Value> { groups.iter().map(|group| &group[name]).collect() };
    assert_eq!(
        of("method")[..3],
        [
            "md5",
            "pbkdf2-sha256 rounds=1000",
            "argon2id m=19456 t=2 p=1"
        ]
    );
    assert_eq!(
        of("reason")[3..],
        ["locked", "plain-text", "unknown-scheme"]
    );
    assert_eq!(of("rows"), [1, 2, 1, 1, 1, 1]);
    let wrapping = &said["wrapping"];
    assert!(wrapping["ms_each"].as_f64().unwrap() > 0.0);
    assert!(wrapping["seconds"].as_f64().unwrap() > 0.0);
    // Nothing of a string is in what is said.
    let text = bench
        .run(&["password", "census", "-"], table.as_bytes())
        .ok()
        .text();
    for secret in ["5akQfekN", "3IohUZ8V", "5f4dcc3b", "secret"] {
        assert!(
            !text.contains(secret) && !said.to_string().contains(secret),
            "{text}"
        );
    }
    assert!(text.contains("3 rows to wrap: "), "{text}");
    assert!(!bench.home().exists());
}

#[test]
fn a_label_and_a_context_are_for_the_lines_that_have_none() {
    let bench = Bench::empty();
    let row = "md54a0a68b43b6cd5cf266fa02f196e2371";
    std::fs::write(bench.folder().join("context"), r#"{"user":"alice"}"#).unwrap();
    let own = json!({"encoded": row, "context": {"user": "bob"}});
    let table = format!("{row}\n{own}\n{DJANGO}\n");
    let said = census(&bench, &["--scheme", "postgres-md5"], table.as_bytes());
    let reasons: Vec<&Value> = said["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| &g["reason"])
        .collect();
    assert!(reasons.contains(&&json!("context-missing")), "{said}");
    let with = ["--scheme", "postgres-md5", "--context", "context"];
    let said = census(&bench, &with, table.replace(DJANGO, "").as_bytes());
    assert_eq!(
        (&said["rows"], &said["not_read"]),
        (&json!(2), &json!(0)),
        "{said}"
    );
}

/// Whoever fills the table chooses what it asks for: what is held of it has an end.
#[test]
fn a_table_of_all_kinds_is_counted_to_its_end() {
    let bench = Bench::empty();
    let mut table = String::new();
    for rounds in 1..=400 {
        table.push_str(&DJANGO.replace("$1000$", &format!("${rounds}$")));
        table.push('\n');
    }
    table.push_str(&"not a stored string at all\n".repeat(20_000));
    let said = census(&bench, &[], table.as_bytes());
    let groups = said["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 256);
    let apart: u64 = groups
        .iter()
        .map(|group| group["rows"].as_u64().unwrap())
        .sum();
    let others = said["others"]["rows"].as_u64().unwrap();
    assert_eq!(said["rows"], apart + others);
    assert_eq!(
        (said["rows"].as_u64(), said["weaker"].as_u64()),
        (Some(20_400), Some(400))
    );
    // Nothing and less than nothing.
    let said = census(&bench, &[], b"");
    assert_eq!(
        (&said["rows"], &said["wrapping"]),
        (&json!(0), &Value::Null)
    );
    let said = census(&bench, &[], b"\xff\xfe\n\0\0\n{\n[]\n");
    assert_eq!((&said["rows"], &said["not_read"]), (&json!(4), &json!(4)));
}

#[test]
fn what_cannot_be_counted_is_named() {
    let bench = Bench::empty();
    for (words, table, says) in [
        (
            &["password", "census", "nothing"][..],
            &b""[..],
            "there is no file nothing",
        ),
        (&["password", "census", "."], b"", "is a folder"),
        (
            &["password", "census", "-", "--context", "nothing"],
            b"",
            "there is no file nothing",
        ),
    ] {
        let said = bench.run(words, table);
        said.fails(2, says);
    }
    let long = [b"!\n".as_slice(), &vec![b'x'; 200_000]].concat();
    bench
        .run(&["password", "census", "-"], &long)
        .fails(2, "line 2 of the table");
    for bad in [
        r#"{"encoded":"x","context":{"unknown":"y"}}"#,
        r#"{"encoded":"x","context":{"pepper":"y","pepper":"z"}}"#,
        r#"{"encoded":"x","scheme":5}"#,
    ] {
        bench
            .run(&["password", "census", "-"], bad.as_bytes())
            .fails(2, "line 1 of the table");
    }
}

/// What is known is written before the next one is waited for.
#[test]
fn a_verdict_is_not_held_until_the_next_one_is_there() {
    let bench = Bench::empty();
    // Several seconds: the first verdict is there long before.
    let slow = format!(
        "$pbkdf2-sha512$i=10000000,l=64$c2FsdHNhbHQ${}",
        "A".repeat(86)
    );
    let words = ["password", "verify", "--batch", "-"];
    let mut child = bench.keyward(&words).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let line = |encoded: &str| json!({"password": "correct horse", "encoded": encoded}).to_string();
    // Long enough that the second line has been read when the first verdict is there.
    let quick = DJANGO.replace("$1000$", "$400000$");
    let both = format!("{}\n{}\n", line(&quick), line(&slow));
    input.write_all(both.as_bytes()).unwrap();
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    assert!(first.contains("\"mismatch\""), "{first}");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "both came together");
}

#[test]
fn a_list_is_no_line_of_a_batch() {
    let bench = Bench::empty();
    let list = br#"["django","x",null,"!",null]"#;
    bench
        .run(&["password", "verify", "--batch", "-"], list)
        .fails(2, "it is no object but a list");
}

#[test]
fn a_password_that_is_too_long_is_refused_however_long_it_is() {
    let bench = Bench::empty();
    std::fs::write(bench.folder().join("stored"), DJANGO).unwrap();
    for len in [4_097, 4_099, 70_000, 300_000] {
        let typed = vec![b'x'; len];
        let said = bench.run(&["password", "verify", "stored", "--json"], &typed);
        assert_eq!(said.code(), 6, "{len}");
        let said: Value = serde_json::from_str(&said.text()).unwrap();
        assert_eq!(
            (&said["verdict"], &said["reason"]),
            (&json!("refused"), &json!("too-long"))
        );
        bench.run(&["password", "hash"], &typed).fails(1, "choose");
    }
}

/// Who logs in by other means has `null` there.
#[test]
fn a_row_without_a_string_is_counted_and_ends_nothing() {
    let bench = Bench::empty();
    let table = format!(
        "{{\"encoded\":null}}\n{{\"encoded\":5}}\n{{\"encoded\":\"\\ud800\"}}\n{{\"encoded\":[]}}\n{}\n",
        json!({ "encoded": DJANGO })
    );
    let said = census(&bench, &[], table.as_bytes());
    assert_eq!(
        (&said["rows"], &said["not_read"], &said["weaker"]),
        (&json!(5), &json!(4), &json!(1)),
        "{said}"
    );
}

/// What a line says of itself counts more than what is said of all.
#[test]
fn a_label_and_a_context_of_a_lines_own_come_first() {
    let bench = Bench::empty();
    let context = |mem_cost: u32| {
        json!({
            "base64_signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
            "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": mem_cost, "salt": "42xEC+ixf3L2lw=="
        })
    };
    let firebase =
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    std::fs::write(bench.folder().join("context"), context(14).to_string()).unwrap();
    let md5 = json!({"scheme": "hex-md5", "encoded": "5f4dcc3b5aa765d61d8327deb882cf99"});
    let own = json!({"encoded": firebase, "context": context(13)});
    // A mark that is not before the first line is none.
    let table = format!("{firebase}\n{own}\n{md5}\n\u{feff}{firebase}\n");
    let with = ["--scheme", "firebase", "--context", "context"];
    let said = census(&bench, &with, table.as_bytes());
    let groups = said["groups"].as_array().unwrap().iter();
    let methods: Vec<&Value> = groups.map(|group| &group["method"]).collect();
    let of = |mem_cost: u32| json!(format!("firebase-scrypt ln={mem_cost} r=8 p=1"));
    assert_eq!(methods, [&json!("md5"), &of(13), &of(14), &Value::Null]);
}

#[test]
fn what_wrapping_takes_is_for_all_that_is_wrapped() {
    let bench = Bench::empty();
    // The last one is weaker and stays as it is.
    let stays = "$2a$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let table = format!("{DJANGO}\n").repeat(3) + stays;
    let said = census(&bench, &[], table.as_bytes());
    assert_eq!(
        (&said["weaker"], &said["wrappable"]),
        (&json!(4), &json!(3))
    );
    let wrapping = &said["wrapping"];
    let ms = wrapping["ms_each"].as_f64().unwrap();
    let seconds = wrapping["seconds"].as_f64().unwrap();
    assert!((seconds - ms * 3.0 / 1000.0).abs() < 1e-6, "{wrapping}");
    // In words: from a minute on in minutes, and in hours from an hour on.
    let rows = 10_000_u32;
    let table = format!("{DJANGO}\n").repeat(usize::try_from(rows).unwrap());
    let words = ["password", "census", "-"];
    let text = bench.run(&words, table.as_bytes()).ok().text();
    let last = text.lines().last().unwrap();
    let number = |before: &str| -> f64 {
        let (_, rest) = last.split_once(before).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let (all, ms) = (number("to wrap: "), number(" at "));
    let seconds = f64::from(rows) * ms / 1000.0;
    let (unit, in_unit) = match seconds {
        3600.0.. => ("hours", 3600.0),
        60.0.. => ("minutes", 60.0),
        _ => ("seconds", 1.0),
    };
    assert!(last.contains(&format!(" {unit} here")), "{last}");
    // Both are rounded to a tenth.
    let off = (all - seconds / in_unit).abs();
    assert!(
        off <= 0.051 + f64::from(rows) * 0.051 / 1000.0 / in_unit,
        "{last}"
    );
}
