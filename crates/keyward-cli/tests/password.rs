//! `keyward password`: without a home, through the real command.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};

use serde_json::{Value, json};
use support::leaks::Leaks;
use support::{Bench, random_text};

/// What the libraries say that wrote the formats.
const KNOWN: &str = include_str!("../../keyward-password/tests/known/vectors.jsonl");

const PASSWORD: &[u8] = b"correct horse battery";
/// `correct horse` by Django.
const DJANGO: &str =
    "pbkdf2_sha256$1000$3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
const VERIFY: [&str; 3] = ["password", "verify", "stored"];
const BATCH: [&str; 5] = ["password", "verify", "--batch", "-", "--json"];

fn write(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(bench.folder().join(name), bytes).unwrap();
}

fn answers(text: &str) -> Vec<Value> {
    let answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
    answers.collect()
}

#[test]
fn a_batch_says_what_every_library_says() {
    let bench = Bench::empty();
    // Every third: the crate's own test has them all.
    let lines: Vec<&str> = KNOWN.lines().step_by(3).collect();
    write(&bench, "known", lines.join("\n"));
    let said = bench.run(&["password", "verify", "--batch", "known", "--json"], b"");
    let said = answers(&said.ok().text());
    assert_eq!(said.len(), lines.len());
    for (answer, line) in said.iter().zip(&lines) {
        let known: Value = serde_json::from_str(line).unwrap();
        assert_eq!(answer["verdict"], known["verdict"], "{line}");
        let computed = matches!(answer["verdict"].as_str().unwrap(), "match" | "mismatch");
        assert_eq!(answer["reason"].is_null(), computed, "{answer}");
        assert_eq!(
            answer["needs_upgrade"].is_boolean(),
            answer["verdict"] == "match"
        );
    }
    assert!(!bench.home().exists());
}

#[test]
fn what_is_hashed_verifies_and_ends_with_the_code_of_its_verdict() {
    let bench = Bench::empty();
    for (option, begins) in [
        (&[][..], "$argon2id$v=19$m=19456,t=2,p=1$"),
        (&["--hardened"], "$argon2id$v=19$m=65536,t=3,p=4$"),
        (&["--bcrypt"], "$2b$12$"),
        (&["--pbkdf2"], "$pbkdf2-sha256$i=600000,l=32$"),
    ] {
        let hash = [&["password", "hash"], option].concat();
        // The newline that a shell adds is no part of it.
        let said = bench.run(&hash, &[PASSWORD, b"\n"].concat()).ok().text();
        assert!(said.starts_with(begins), "{said}");
        write(&bench, "stored", &said);
        let matched = bench.run(&VERIFY, PASSWORD).ok();
        assert_eq!(matched.text(), "match\n");
        for end in [&b"\n"[..], b"\r\n"] {
            let typed = [PASSWORD, end].concat();
            assert_eq!(bench.run(&VERIFY, &typed).ok().text(), "match\n");
        }
        // Equal to the default policy, stronger than it, or made another way.
        let upgrade = matches!(option, ["--bcrypt" | "--pbkdf2"]);
        assert_eq!(matched.said().contains("weaker"), upgrade, "{option:?}");
    }
    for other in [
        &b"correct horse batterz"[..],
        b"",
        b"correct horse battery\n\n",
    ] {
        let said = bench.run(&VERIFY, other);
        assert_eq!((said.code(), said.text().as_str()), (1, "mismatch\n"));
    }
    let known = [
        ("plainly none", 5, "unsupported", "unknown-scheme"),
        ("{noop}correct horse battery", 6, "refused", "plain-text"),
        (
            "$2b$31$9dX5XM6M6F/ziNIR6Vzz1OqtJiEC6TwROcrLNNyTS8QnWwYEY2Ixm",
            6,
            "refused",
            "above-ceiling",
        ),
        (
            "5f4dcc3b5aa765d61d8327deb882cf99",
            6,
            "refused",
            "ambiguous-without-label",
        ),
    ];
    for (stored, code, verdict, reason) in known {
        write(&bench, "stored", stored);
        let plain = bench.run(&VERIFY, PASSWORD);
        assert_eq!((plain.code(), plain.text()), (code, format!("{verdict}\n")));
        assert!(
            plain.said().starts_with(&format!("keyward: {verdict}: ")),
            "{}",
            plain.said()
        );
        let said = bench.run(&[&VERIFY[..], &["--json"]].concat(), PASSWORD);
        assert_eq!(said.code(), code);
        let wanted = json!({"format": "keyward.password.verify/1", "verdict": verdict, "reason": reason, "needs_upgrade": null});
        assert_eq!(said.json(), wanted);
    }
    let said = bench.run(
        &[&VERIFY[..], &["--scheme", "hex-md5"]].concat(),
        b"password",
    );
    assert_eq!(said.ok().text(), "match\n");
    let said = bench.run(
        &[&VERIFY[..], &["--scheme", "hunter2"]].concat(),
        b"password",
    );
    assert_eq!(said.code(), 6);
    assert!(said.said().contains("no scheme has that label"));
    assert!(!said.said().contains("hunter2"));
    // Longer than any hash is of: not looked at, so not a mismatch.
    let said = bench.run(&VERIFY, &[b'a'; 4097]);
    assert_eq!((said.code(), said.text().as_str()), (6, "refused\n"));
    assert!(!bench.home().exists());
}

/// A job that was started without one, or a pipe that was forgotten, has typed no wrong password.
#[test]
fn where_no_password_can_come_from_there_is_no_verdict() {
    let bench = Bench::empty();
    // `{SHA}` of nothing.
    write(&bench, "stored", "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    assert_eq!(bench.run(&VERIFY, b"").ok().text(), "match\n");
    for command in [
        "keyward password verify stored <&-",
        "keyward password verify stored --json </dev/null",
        "keyward password hash <&-",
        "keyward password hash --json </dev/null",
    ] {
        bench.sh(command, &[]).fails(2, "there is no password");
    }
    // A batch of nothing is one.
    let batch = "keyward password verify --batch - </dev/null";
    assert_eq!(bench.sh(batch, &[]).ok().text(), "");
    let same = "keyward password verify stored < stored";
    assert_eq!(bench.sh(same, &[]).code(), 1);
}

#[test]
fn a_context_is_read_from_its_file() {
    let bench = Bench::empty();
    let with = |wanted: &str| {
        let lines = KNOWN
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut lines = lines.filter(|line| {
            line["verdict"] == "match" && line["scheme"] == wanted && line["context"].is_object()
        });
        lines.next().unwrap()
    };
    for scheme in ["firebase", "devise"] {
        let line = with(scheme);
        write(&bench, "stored", line["encoded"].as_str().unwrap());
        write(&bench, "context", line["context"].to_string());
        let mut one =
            json!({"scheme": scheme, "encoded": line["encoded"], "context": line["context"]});
        one["password_hex"] = line["password_hex"].clone();
        let said = bench.run(&BATCH, one.to_string().as_bytes()).ok().text();
        assert_eq!(answers(&said)[0]["verdict"], "match");
        let verify = [&VERIFY[..], &["--scheme", scheme]].concat();
        let verify_with = [&verify[..], &["--context", "context"]].concat();
        let typed = line["password_hex"].as_str().unwrap();
        let typed: Vec<u8> = (0..typed.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&typed[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(bench.run(&verify_with, &typed).ok().text(), "match\n");
        assert_ne!(bench.run(&verify, &typed).code(), 0);
        write(&bench, "context", r#"{"peper": "a"}"#);
        bench.run(&verify_with, &typed).fails(2, "a context is");
    }
    for wrong in [
        &["password", "verify", "-"][..],
        &["password", "verify", "stored", "--context", "-"],
    ] {
        bench
            .run(wrong, PASSWORD)
            .fails(2, "standard input is the password");
    }
    bench
        .run(&["password", "verify", "nothing"], PASSWORD)
        .fails(2, "there is no file");
}

#[test]
fn what_the_rules_refuse_is_hashed_only_by_name() {
    let bench = Bench::empty();
    let hash =
        |more: &[&str], typed: &[u8]| bench.run(&[&["password", "hash"], more].concat(), typed);
    hash(&[], b"fourteen chars").fails(1, "fewer than 15 characters");
    hash(&["--second-factor"], b"fourteen chars").ok();
    hash(&["--second-factor"], b"7 chars").fails(1, "fewer than 8 characters");
    let known = [
        "--service",
        "Deploydesk",
        "--email",
        "ann.lee@example.org",
        "--name",
        "Ann Lee",
    ];
    hash(&known, b"deploydesk-ann-lee").fails(1, "--service, --email and --name");
    hash(&known, b"four words of my own").ok();
    hash(&[], &[b'a'; 1025]).fails(1, "more than 1024 bytes");
    hash(&["--even-unfit"], &[b'a'; 1025]).ok();
    hash(&["--even-unfit"], &[&[b'a'; 4096][..], b"\r\n"].concat()).ok();
    hash(&["--even-unfit"], &[b'a'; 4099]).fails(1, "more than 4,096 bytes");
    hash(&["--even-unfit"], &[b'a'; 4097]).fails(1, "more than 4,096 bytes");
    hash(&["--even-unfit", "--second-factor"], b"short").fails(2, "--even-unfit");
    hash(&["--hardened", "--bcrypt"], PASSWORD).fails(2, "--hardened");
    let said = hash(&["--even-unfit", "--json"], b"short").ok().json();
    assert_eq!(said["format"], "keyward.password.hash/1");
    write(&bench, "stored", said["encoded"].as_str().unwrap());
    bench.run(&VERIFY, b"short").ok();
    for empty in [&b""[..], b"\n", b"\r\n"] {
        hash(&["--even-unfit"], empty).fails(2, "there is no password");
    }
    hash(&["--bcrypt"], &[b'a'; 73]).fails(1, "72 bytes");
    hash(&["--bcrypt"], b"fifteen \0 characters").fails(1, "72 bytes");
    // A file of one breached password, in its format: the first 8 bytes of its SHA-1.
    let listed = b"\x31\xaa\x2f\x58\x24\x46\xe2\xcd";
    write(
        &bench,
        "breached",
        [&b"keyward breach 1"[..], &1_u64.to_be_bytes(), listed].concat(),
    );
    let breached = b"correct horse battery breached";
    hash(&["--breach-file", "breached"], breached).fails(1, "that were breached");
    hash(&["--breach-file", "breached"], PASSWORD).ok();
    write(
        &bench,
        "breached",
        "another file, which is no list of passwords",
    );
    hash(&["--breach-file", "breached"], PASSWORD).fails(4, "no file of breached passwords");
}

#[test]
fn a_malformed_line_ends_a_batch_and_is_named() {
    let bench = Bench::empty();
    let good =
        json!({"scheme": "django", "password": "correct horse", "encoded": DJANGO, "more": 1})
            .to_string();
    let with = |field: &str, value: Value| {
        let mut line: Value = serde_json::from_str(&good).unwrap();
        line[field] = value;
        line.to_string()
    };
    for (wrong, says) in [
        (String::new(), "it is no JSON"),
        ("{".to_owned(), "it is no JSON"),
        ("[]".to_owned(), "it is no object"),
        ("{}".to_owned(), "it is no object"),
        (format!("{good}{good}"), "it is no JSON"),
        (
            with("password_hex", json!("00")),
            "either a password or a password_hex",
        ),
        (
            with("password", Value::Null),
            "either a password or a password_hex",
        ),
        (with("password", json!(5)), "password is no text"),
        (with("scheme", json!(["a"])), "scheme is no text"),
        (with("encoded", Value::Null), "encoded is no text"),
        (
            with("context", json!({"hunter2": "x"})),
            "its context is no object",
        ),
        (
            with("context", json!("hunter2")),
            "its context is no object",
        ),
        (
            with("context", json!({"pepper": 1.5})),
            "its context is no object",
        ),
        (
            with("context", json!({"pepper": "p"}))
                .replace("\"p\"", "\"p\",\"pepper\":\"hunter2\""),
            "its context is no object",
        ),
        (good.replace("correct", "\\ud800"), "password is no text"),
        (
            good.replace("\"password\"", "\"password_hex\""),
            "two hexadecimal digits",
        ),
        (
            good.replacen('{', "{\"password\":\"hunter2\",", 1),
            "there twice",
        ),
        (
            with("more", json!("a".repeat(128 << 10))),
            "more than 131072 bytes",
        ),
    ] {
        let said = bench.run(
            &BATCH,
            format!("{good}\n{good}\n{wrong}\n{good}\n").as_bytes(),
        );
        assert_eq!(said.code(), 2, "{wrong:.99}");
        let verdicts = answers(&said.text());
        assert_eq!(verdicts.len(), 2, "{wrong:.99}");
        assert!(verdicts.iter().all(|one| one["verdict"] == "match"));
        let told = said.said();
        assert!(
            told.starts_with("keyward: line 3 of the batch: ") && told.contains(says),
            "{told}"
        );
        assert!(
            !told.contains("hunter2") && told.lines().count() == 1,
            "{told}"
        );
    }
    // What is right in a way of its own: escapes, a label that nobody knows, another end of line.
    let escaped = good
        .replace("correct", "\\u0063orre\\u0063t")
        .replace("django", "nobody's");
    let emoji =
        json!({"password": "\u{1f40e}", "encoded": "{MD5}yIIRY9QPaYAFhs+u1USKWQ=="}).to_string();
    let pair = emoji.replace('\u{1f40e}', "\\ud83d\\udc0e");
    let long = json!({"password": "a".repeat(4097), "encoded": DJANGO}).to_string();
    let text = format!("{escaped}\r\n{emoji}\n{pair}\n{long}");
    let said = answers(&bench.run(&BATCH, text.as_bytes()).ok().text());
    assert_eq!(said[0]["verdict"], "match");
    assert_eq!(said[1], said[2]);
    assert_eq!(
        (&said[3]["verdict"], &said[3]["reason"]),
        (&json!("refused"), &json!("too-long"))
    );
    assert_eq!(bench.run(&BATCH, b"").ok().text(), "");
    // The longest line, with its end and without, and one byte more.
    let most = |more: usize| {
        let room = (128 << 10) - good.len() - r#","most":"""#.len();
        let filler = "a".repeat(room + more);
        good.replacen('{', &format!("{{\"most\":\"{filler}\","), 1)
    };
    assert_eq!(most(0).len(), 128 << 10);
    let text = format!("{}\n{}", most(0), most(0));
    let said = answers(&bench.run(&BATCH, text.as_bytes()).ok().text());
    assert!(said.len() == 2 && said.iter().all(|one| one["verdict"] == "match"));
    bench
        .run(&BATCH, most(1).as_bytes())
        .fails(2, "line 1 of the batch: it has more than");
}

#[test]
fn a_batch_keeps_its_order_and_answers_before_its_input_ends() {
    let bench = Bench::empty();
    // Slow ones before quick ones, so that the quick are done first.
    let slow = DJANGO.replace("$1000$", "$40000$");
    let mut text = String::new();
    for at in 0..200 {
        let (encoded, password) = if at % 20 == 0 {
            (slow.as_str(), "correct horse")
        } else if at % 3 == 0 {
            (DJANGO, "correct horse")
        } else {
            ("{noop}x", "x")
        };
        writeln!(
            text,
            "{}",
            json!({"password": password, "encoded": encoded})
        )
        .unwrap();
    }
    let said = answers(&bench.run(&BATCH, text.as_bytes()).ok().text());
    assert_eq!(said.len(), 200);
    for (at, answer) in said.iter().enumerate() {
        let wanted = if at % 20 == 0 {
            "mismatch"
        } else if at % 3 == 0 {
            "match"
        } else {
            "refused"
        };
        assert_eq!(answer["verdict"], wanted, "{at}");
    }
    // A program that writes a line and waits for its verdict.
    let mut child = bench.keyward(&BATCH).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for (password, wanted) in [("correct horse", "match"), ("another", "mismatch")] {
        writeln!(
            input,
            "{}",
            json!({"password": password, "encoded": DJANGO})
        )
        .unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(answers(&line)[0]["verdict"], wanted);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn output_that_nobody_takes_is_told_unless_its_reader_went_away() {
    let bench = Bench::empty();
    let line = json!({"password": "x", "encoded": "{noop}x"}).to_string();
    write(&bench, "lines", format!("{line}\n").repeat(20_000));
    write(&bench, "stored", DJANGO);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.keyward(&["password", "verify", "--batch", "lines"]);
    let ran = support::finish_into(command.stdout(writer));
    assert_eq!(ran.code(), 0, "{}", ran.said());
    // It ends with its reader, though more may come in.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = bench.keyward(&BATCH).stdout(writer).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{line}").unwrap();
    assert!(child.wait().unwrap().success());
    drop(input);
    for command in [
        "keyward password verify --batch lines > /dev/full",
        "keyward password schemes > /dev/full",
        "printf 'correct horse' | keyward password verify stored > /dev/full",
        "printf 'four words of my own' | keyward password hash > /dev/full",
    ] {
        bench
            .sh(command, &[])
            .fails(3, "standard output cannot be written");
    }
}

#[test]
fn parameters_are_proposed_and_schemes_are_listed() {
    let bench = Bench::empty();
    let few = ["password", "calibrate", "--workers", "2", "--memory", "14"];
    let said = bench.json(&few);
    assert_eq!(said["format"], "keyward.password.calibrate/1");
    assert_eq!(
        (&said["workers"], &said["budget_bytes"]),
        (&json!(2), &json!(14 << 20))
    );
    let proposed = &said["proposed"];
    assert_eq!(
        (&proposed["memory_kib"], &proposed["passes"]),
        (&json!(7168), &json!(5))
    );
    assert!(proposed["ms"].as_f64().unwrap() > 0.0);
    assert_eq!(said["within_target"], true);
    let words = bench.run(&few, b"").ok();
    assert!(
        words.text().contains("NewHash::argon2id(7168, 5, 1)"),
        "{}",
        words.text()
    );
    for few in [
        &["password", "calibrate", "--memory", "1"][..],
        &["password", "calibrate", "--workers", "2", "--memory", "13"],
    ] {
        bench.run(few, b"").fails(2, "7 MiB for each worker");
    }
    bench
        .run(&["password", "calibrate", "--target", "0"], b"")
        .fails(2, "milliseconds");

    let schemes = bench.json(&["password", "schemes"]);
    assert_eq!(schemes["format"], "keyward.password.schemes/1");
    let labels = schemes["schemes"].as_array().unwrap();
    let table = bench.run(&["password", "schemes"], b"").ok().text();
    for known in KNOWN.lines() {
        let line: Value = serde_json::from_str(known).unwrap();
        let keys = line["context"]
            .as_object()
            .into_iter()
            .flat_map(|context| context.keys());
        for key in keys.filter(|key| *key != "algorithm") {
            let listed = schemes["context"].as_array().unwrap().iter();
            assert!(listed.clone().any(|one| one["key"] == **key), "{key}");
        }
    }
    for one in labels {
        assert!(table.contains(one["label"].as_str().unwrap()), "{table}");
    }
    assert!(labels.iter().any(|one| one["label"] == "django"));
}

/// With `--debug` too, and where a line is malformed behind the password.
#[test]
fn no_password_is_in_what_is_said() {
    let bench = Bench::empty();
    let secret = random_text(40);
    let leaks = Leaks::of(secret.as_bytes());
    let mut runs = vec![bench.run(&["--debug", "password", "hash"], secret.as_bytes())];
    write(&bench, "stored", runs[0].out());
    runs.push(bench.run(&VERIFY, secret.as_bytes()).ok());
    runs.push(bench.run(&["--debug", "password", "hash", &secret], b"x"));
    for line in [
        json!({"password": secret, "encoded": DJANGO}),
        json!({"password": [secret], "encoded": DJANGO}),
        json!({"password": "a", "encoded": {"a": secret}}),
        json!({"password": "a", "encoded": "a", "context": {secret.as_str(): secret}}),
        json!(secret),
    ] {
        let debug = [&["--debug"], &BATCH[..]].concat();
        runs.push(bench.run(&debug, line.to_string().as_bytes()));
    }
    for ran in runs {
        assert!(
            !leaks.in_bytes(ran.out()) && !leaks.in_bytes(ran.said().as_bytes()),
            "{}",
            ran.said()
        );
    }
}
