//! `keyward redact`: a filter.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use keyward_testkit::tools::without;

use super::support::{Bench, finish, random, random_text};

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

/// A filter that refused a file without secrets would end what writes into it.
#[test]
fn a_file_without_a_value_lets_all_through_and_says_so() {
    let bench = Bench::empty();
    for file in [
        "",
        "\n\n",
        "# none yet\r\n  # nor here\n",
        "\u{feff}",
        "A=\nB=\n",
    ] {
        with(&bench, file);
        let ran = bench.run(&FILTER, b"all of it").ok();
        assert_eq!(ran.text(), "all of it", "{file:?}");
        assert!(
            ran.said().contains("no value: nothing is masked"),
            "{file:?}"
        );
    }
    // What could be a secret and cannot be read is refused, without advice of other commands.
    with(&bench, "# none yet\n-----BEGIN\n");
    let ran = bench.run(&FILTER, b"").fails(2, "line 2");
    assert!(!ran.said().contains("opaque"), "{}", ran.said());
}

#[test]
fn what_one_loader_reads_shorter_is_not_called_short() {
    let bench = Bench::empty();
    with(&bench, "A=first#and more of it\nB=short\n");
    let ran = bench.run(&FILTER, b"").ok();
    assert_eq!(
        ran.said(),
        "keyward: A is shorter than 8 bytes as one loader reads it, and that is not masked: \
         --mask-anyway A masks it\n\
         keyward: B is shorter than 8 bytes and is not masked: --mask-anyway B masks it\n"
    );
}

#[test]
fn a_short_password_in_a_url_is_masked_if_asked_for() {
    let bench = Bench::empty();
    with(&bench, "DATABASE_URL=postgres://app:hunter2@db/app\n");
    let text = b"postgres://app:hunter2@db/app as app with hunter2";
    let ran = bench.run(&FILTER, text).ok();
    assert_eq!(ran.text(), "••• as app with hunter2");
    assert!(
        ran.said()
            .contains("not masked by itself: --mask-anyway DATABASE_URL masks it"),
        "{}",
        ran.said()
    );
    let anyway = [&FILTER[..], &["--mask-anyway", "DATABASE_URL"]].concat();
    let ran = bench.run(&anyway, text).ok();
    assert_eq!(
        (ran.text().as_str(), ran.said().as_str()),
        ("••• as app with •••", "")
    );
}

/// What is non-blocking is waited for, be it what is read or what is written.
#[test]
fn ends_that_do_not_block_are_waited_for() {
    const SESSION: &str = "
import os, subprocess, sys
inside, into = os.pipe()
out, outside = os.pipe()
os.set_blocking(inside, False)
os.set_blocking(outside, False)
filter = subprocess.Popen(sys.argv[1:], stdin=inside, stdout=outside)
os.close(inside)
os.close(outside)
if os.fork() == 0:
    os.close(out)
    for _ in range(10):
        os.write(into, b'x' * 100000)
    os._exit(0)
os.close(into)
count = 0
while piece := os.read(out, 65536):
    count += len(piece)
print(count, filter.wait())
";
    if without("python3") {
        return;
    }
    let bench = Bench::empty();
    with(&bench, "TOKEN=wJalrXUtnFEMI7MDENG\n");
    for json in [&[][..], &["--json"]] {
        let mut python = bench.command("python3");
        let words = [&["-c", SESSION, super::support::KEYWARD], &FILTER[..], json].concat();
        python.args(words);
        let ran = finish(python, b"").ok();
        assert_eq!(
            (ran.text().as_str(), ran.said().as_str()),
            ("1000000 0\n", "")
        );
    }
}
