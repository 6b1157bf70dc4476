//! The guide to approvals is done, as it stands there.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Output, Stdio};

use support::{Place, example, keyward, ok};

const GUIDE: &str = include_str!("../../docs/approvals.md");

/// The lines of the guide's shells that begin with `word`.
fn lines(word: &str) -> Vec<&'static str> {
    let blocks = GUIDE.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("\n```").next().unwrap());
    let lines = blocks.flat_map(str::lines);
    lines.filter(|line| line.starts_with(word)).collect()
}

fn shell(place: &Place, line: &str) -> Output {
    let program = keyward();
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(program.parent().unwrap().to_owned());
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
    let mut command = place.command("/bin/sh".as_ref());
    command
        .args(["-ec", line])
        .env("PATH", path)
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// The example, which has asked; and its gate.
fn asks(place: &Place) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut command = place.command(&example("approval"));
    let mut child = command.arg("web-1").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let gate = line.trim().strip_prefix("asked acme: ");
    let gate = gate
        .unwrap_or_else(|| panic!("it said {line:?}"))
        .to_owned();
    (child, said, gate)
}

#[test]
fn it_shows_the_example_that_runs() {
    let example = include_str!("../approval.rs");
    assert!(
        GUIDE.contains(&format!("```rust\n{example}```")),
        "docs/approvals.md and approval.rs differ"
    );
    assert!(example.lines().count() <= 80);
}

#[test]
fn its_first_action_is_held_until_somebody_decides() {
    let place = Place::new();
    ok(&shell(&place, lines("keyward keys init").first().unwrap()));
    ok(&shell(&place, lines("printf ").first().unwrap()));
    let [list] = lines("keyward approval list acme")[..] else {
        panic!("one line lists")
    };
    let [approve] = lines("keyward approval approve acme GATE")[..] else {
        panic!("one line approves")
    };
    let (approve, _) = approve.split_once("  #").unwrap();
    let deny = "keyward approval deny acme GATE --reason 'we need it'";
    assert!(GUIDE.contains(&format!("`{deny}`")));
    for (line, says) in [(approve, "deleting web-1\nexecuted\n"), (deny, "denied\n")] {
        let (mut child, said, gate) = asks(&place);
        let listed = ok(&shell(&place, list));
        assert_eq!(
            listed,
            format!("{gate}  server.delete \"web-1\"  asked by \"ada\"\n")
        );
        // A script has seen the digest that a person would type eight digits of.
        let shown = ok(&shell(
            &place,
            &format!("keyward approval show acme {gate} --json"),
        ));
        let (_, digest) = shown.split_once("\"action\": \"").unwrap();
        let digits = digest.get(..8).unwrap();
        let line = line.replace("GATE", &gate);
        ok(&shell(&place, &format!("{line} --yes {digits}")));
        let rest: Vec<String> = said.lines().map(Result::unwrap).collect();
        assert_eq!(format!("{}\n", rest.join("\n")), says);
        assert!(child.wait().unwrap().success());
    }
}
