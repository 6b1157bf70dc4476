//! `keyward redact`: a filter.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use super::support::{Bench, random, random_text};

fn with(bench: &Bench, text: &str) {
    std::fs::write(bench.folder().join("live.env"), text).unwrap();
}

const FILTER: [&str; 3] = ["redact", "--secrets-file", "live.env"];

#[test]
fn values_are_masked_and_all_else_is_as_it_was() {
    let (bench, token) = (Bench::empty(), random_text(40));
    with(
        &bench,
        &format!("TOKEN={token}\nOTHER=\"a value with spaces\"\n"),
    );
    let ran = bench
        .run(
            &FILTER,
            format!("a {token}{token} b 'a value with spaces'").as_bytes(),
        )
        .ok();
    assert_eq!(ran.text(), "a •••••• b '•••'");
    let named = [&FILTER[..], &["--named"]].concat();
    let ran = bench.run(&named, token.as_bytes()).ok();
    assert_eq!(ran.text(), "•TOKEN•");
    let noise = random(20_000);
    assert_eq!(bench.run(&FILTER, &noise).ok().out(), noise);
    assert_eq!(bench.run(&FILTER, b"").ok().out(), b"");
}

/// One loader takes the quotes for a part of the value, another does not, and a third ends it at `#`.
#[test]
fn a_value_is_masked_as_each_loader_reads_it() {
    let bench = Bench::empty();
    with(&bench, "A=\"first value\"\nB=second#value\n");
    let said = b"[first value] [\"first value\"] [second#value]";
    let ran = bench.run(&FILTER, said).ok();
    let text = ran.text();
    assert!(
        !text.contains("first value") && !text.contains("second#value"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_a_secret_comes_at_once() {
    let (bench, token) = (Bench::empty(), random_text(40));
    with(&bench, &format!("TOKEN={token}\n"));
    let mut child = bench.keyward(&FILTER).spawn().unwrap();
    let (mut to, mut from) = (
        child.stdin.take().unwrap(),
        BufReader::new(child.stdout.take().unwrap()),
    );
    to.write_all(b"10 %\r").unwrap();
    let mut step = Vec::new();
    from.read_until(b'\r', &mut step).unwrap();
    assert_eq!(step, b"10 %\r");
    to.write_all(&token.as_bytes()[..20]).unwrap();
    to.write_all(&token.as_bytes()[20..]).unwrap();
    drop(to);
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "•••");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_wrong_is_said_without_a_value() {
    let (bench, token) = (Bench::empty(), random_text(40));
    with(&bench, &format!("TOKEN={token}\n"));
    bench
        .run(&["redact", "--secrets-file", "none.env"], b"")
        .fails(2, "there is no file");
    bench
        .run(&["redact", "--secrets-file", "-"], b"")
        .fails(2, "standard input");
    bench.run(&["redact"], b"").fails(2, "--secrets-file");
    bench
        .run(&[&FILTER[..], &["--mask-anyway", "OTHER"]].concat(), b"")
        .fails(2, "--mask-anyway");
    with(&bench, &format!("{token}\n"));
    bench.run(&FILTER, b"").fails(2, "line 1");
    // A reader that has gone away is no error.
    with(&bench, &format!("TOKEN={token}\n"));
    let ran = bench
        .sh(
            "yes | keyward redact --secrets-file live.env | head -n 1",
            &[],
        )
        .ok();
    assert_eq!((ran.text().as_str(), ran.said().as_str()), ("y\n", ""));
}

#[test]
fn json_stays_json_line_by_line_and_as_a_whole() {
    let (bench, token) = (Bench::empty(), random_text(40));
    with(
        &bench,
        &format!("TOKEN={token}\nQUOTED='n0 \"quoted\" one'\n"),
    );
    let json = [&FILTER[..], &["--json"]].concat();
    let lines =
        format!("{{\"a\": \"n0 \\\"quoted\\\" one\", \"b\": 1}}\nplain {token}\n[\"x{token}\"]\n");
    let ran = bench.run(&json, lines.as_bytes()).ok();
    assert_eq!(
        ran.text(),
        "{\"a\": \"•••\", \"b\": 1}\nplain •••\n[\"x•••\"]\n"
    );
    // The secret begins with the letter of the escape before it.
    let document = format!("{{\n  \"log\": \"first\\n{token}\",\n  \"n\": 0.10\n}}\n");
    let ran = bench.run(&json, document.as_bytes()).ok();
    assert_eq!(
        ran.text(),
        "{\n  \"log\": \"first\\n•••\",\n  \"n\": 0.10\n}\n"
    );
    assert_eq!(ran.said(), "");
    let ran = bench
        .run(&json, format!("{{\n \"cut\": \"{token}").as_bytes())
        .ok();
    assert_eq!(ran.text(), "{\n \"cut\": \"•••");
    assert!(ran.said().contains("not JSON"), "{}", ran.said());
    bench
        .run(&[&json[..], &["--named"]].concat(), b"")
        .fails(2, "--json");
}
