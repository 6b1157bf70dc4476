//! Exports, checked by a program in Python that knows the pages of formats alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyward_approval::passkey::Scope;
use keyward_approval::reason::{FORBIDDEN, RULE};
use keyward_testkit::tools::without;
use serde_json::{Value, json};

use crate::authenticator::Said;
use crate::forgeries::all;
use crate::world::{Record, Row, World, later};

/// Where `cargo xtask test` puts one with `cryptography`; else the machine's.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = root.join("target/tools/python/bin/python3");
    if own.exists() { own } else { "python3".into() }
}

struct Checker {
    folder: tempfile::TempDir,
    trust: String,
}

impl Checker {
    /// None if the run leaves Python out.
    fn new(world: &World) -> Option<Self> {
        (!without("python3")).then(|| Self {
            folder: tempfile::tempdir().unwrap(),
            trust: world.trust.text().to_owned(),
        })
    }

    /// What it says, and whether it found enough.
    fn check(&self, export: &Value) -> (bool, String) {
        let (to, trust) = (
            self.folder.path().join("e.json"),
            self.folder.path().join("t.toml"),
        );
        std::fs::write(&to, export.to_string()).unwrap();
        std::fs::write(&trust, &self.trust).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/check_votes.py");
        let ran = Command::new(python())
            .arg(program)
            .args([to, trust])
            .output();
        let ran = ran.expect("`cargo xtask test` installs Python, or --without python3");
        let said = [ran.stdout, ran.stderr].concat();
        (
            ran.status.success(),
            String::from_utf8(said).unwrap().trim().to_owned(),
        )
    }
}

fn export(world: &World, record: &Record) -> Value {
    let votes: Vec<_> = record.votes.iter().map(Row::cast).collect();
    let text = world.trust.export(&record.facts(), &votes).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn another_program_finds_who_approved() {
    let world = World::new();
    let Some(checker) = Checker::new(&world) else {
        return;
    };
    let genuine = world.approved(World::ask().build());
    let said = |record: &Record| checker.check(&export(&world, record));
    assert_eq!(
        said(&genuine),
        (true, "approved by ada, bob under two-keys".to_owned())
    );
    // By RSA, as a class, and in another's place.
    let fixed: &'static [String] = Vec::leak(vec!["region".to_owned()]);
    let scope = Scope::Class {
        fixed,
        until: later(20),
        count: 5,
    };
    let mut class = Record {
        scope,
        ..genuine.clone()
    };
    let given = world.leave(&class, "bob", &world.bob, "dave", later(9));
    class.votes = vec![
        world.vote(&class, "ada", &world.ada_too),
        world.vote_for(&class, ("dave", &world.dave), "bob", given),
    ];
    assert!(class.recheck(&world.trust, later(1)).is_ok());
    assert_eq!(
        said(&class),
        (true, "approved by ada, dave under two-keys".to_owned())
    );
}

#[test]
fn an_export_says_what_was_decided_and_how_many_there_have_to_be() {
    let world = World::new();
    let mut record = world.approved(World::ask().build());
    let no = world.vote_saying(&record, "bob", &world.bob, false, Said::honestly);
    record.votes[1] = no;
    let export = export(&world, &record);
    assert_eq!(export["quorum"], 2);
    let decided = [0, 1].map(|nth| export["votes"][nth]["decision"].clone());
    assert_eq!(decided, ["approve", "deny"]);
}

#[test]
fn another_program_refuses_what_was_changed() {
    let world = World::new();
    let Some(checker) = Checker::new(&world) else {
        return;
    };
    let genuine = export(&world, &world.approved(World::ask().build()));
    let text = |at: &Value| at.as_str().unwrap().to_owned();
    let flipped = |at: &Value| {
        let mut bytes = keyward_base::encoding::from_base64url(&text(at)).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        json!(keyward_base::encoding::base64url(&bytes))
    };
    for (pointer, value, because) in [
        ("/gate", json!("08".repeat(16)), "vote 1: challenge"),
        ("/action", flipped(&genuine["action"]), "vote 1: challenge"),
        ("/rule", json!("alone"), "vote 1: challenge"),
        (
            "/scope",
            json!({ "fixed": [], "until": 1, "count": 1 }),
            "vote 1: challenge",
        ),
        (
            "/votes/0/approver",
            json!("bob"),
            "vote 1: no passkey of bob",
        ),
        ("/votes/0/decision", json!("deny"), "vote 1: challenge"),
        (
            "/votes/0/nonce",
            json!("00".repeat(32)),
            "vote 1: challenge",
        ),
        (
            "/votes/1/signed/signature",
            flipped(&genuine["votes"][1]["signed"]["signature"]),
            "vote 2: signature",
        ),
        (
            "/votes/1/signed/authenticator-data",
            flipped(&genuine["votes"][1]["signed"]["authenticator-data"]),
            "vote 2: signature",
        ),
        ("/votes/1", genuine["votes"][0].clone(), "one person twice"),
        ("/votes", json!([genuine["votes"][0]]), "too few"),
        (
            "/trust/sha256",
            json!("00".repeat(32)),
            "another file of trust",
        ),
    ] {
        let mut other = genuine.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        assert_eq!(
            checker.check(&other),
            (false, because.to_owned()),
            "{pointer}"
        );
    }
    assert!(checker.check(&genuine).0);
}

/// Each forgery and each control through the program, in one run of it.
#[test]
fn another_program_calls_no_forgery_approved() {
    const ALL: &str = "import json, sys; import check_votes as c\n\
        text = open(sys.argv[2], 'rb').read()\n\
        for one in json.load(open(sys.argv[1])):\n    \
            try: c.check(one, text, int(sys.argv[3])); print('approved')\n    \
            except SystemExit as e: print(e)\n";
    let forger = all();
    let Some(checker) = Checker::new(&forger.world) else {
        return;
    };
    let (now, mut tried, mut exports) = (later(0), Vec::new(), Vec::new());
    for one in &forger.tried {
        for (record, because) in [(&one.control, None), (&one.forged, Some(one.because))] {
            let votes: Vec<_> = record.votes.iter().map(Row::cast).collect();
            // What names no rule, or a passkey that the file does not have, is not exported.
            if let Ok(text) = forger.world.trust.export(&record.facts(), &votes) {
                exports.push(serde_json::from_str::<Value>(&text).unwrap());
                tried.push((one.name, because));
            }
        }
    }
    let (to, trust) = (
        checker.folder.path().join("all.json"),
        checker.folder.path().join("t.toml"),
    );
    std::fs::write(&to, Value::from(exports).to_string()).unwrap();
    std::fs::write(&trust, &checker.trust).unwrap();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let ran = Command::new(python())
        .env("PYTHONPATH", beside)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", ALL])
        .args([to, trust])
        .arg(now.as_millis().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let said: Vec<_> = said.lines().collect();
    let failed = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(said.len(), tried.len(), "{failed}");
    let mut forged = 0;
    for ((name, because), said) in tried.iter().zip(said) {
        match because {
            None => assert_eq!(said, "approved", "the control of {name}"),
            // Which rule the action needs is the policy's; the program says under which it was.
            Some(RULE | FORBIDDEN) => {}
            Some(_) => {
                assert_ne!(said, "approved", "{name}");
                forged += 1;
            }
        }
    }
    assert!(forged >= 40, "{forged}");
}
