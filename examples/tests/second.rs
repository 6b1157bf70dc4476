//! A second implementation, in Python, made from `docs/formats` alone: each reads what the other
//! wrote, and goes on with it.
// A panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{Place, TOKEN, keyward, ok, programs, root};

/// A folder with a home, and both implementations.
struct Two {
    place: Place,
    keyward: PathBuf,
    python: PathBuf,
}

/// Where `cargo xtask test` puts it.
fn python() -> Option<PathBuf> {
    let without = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    if without.split(',').any(|name| name == "python3") {
        println!("skipped: --without python3");
        return None;
    }
    let path = programs()
        .parent()
        .unwrap()
        .join("tools/python/bin/python3");
    assert!(
        path.exists(),
        "`cargo xtask test` installs what this needs, or leaves it out: --without python3"
    );
    Some(path)
}

impl Two {
    fn new() -> Option<Self> {
        Some(Self {
            python: python()?,
            place: Place::new(),
            keyward: keyward(),
        })
    }

    fn first(&self, line: &str, input: &str) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        self.place.run(&self.keyward, &words, input)
    }

    fn json(&self, line: &str) -> Value {
        let said = ok(&self.first(&format!("{line} --json"), ""));
        serde_json::from_str(&said).unwrap()
    }

    fn second(&self, command: &str, words: &[&str], input: &str) -> String {
        let program = root().join("examples/tests/second");
        let (home, anchor) = (self.home(), self.place.folder().join("anchor"));
        let mut args = vec![program.to_str().unwrap(), command];
        args.extend([home.to_str().unwrap(), anchor.to_str().unwrap()]);
        args.extend(words);
        ok(&self.place.run(&self.python, &args, input))
    }

    fn home(&self) -> PathBuf {
        self.place.folder().join("home")
    }

    fn seal(&self, tenant: &str, at: &str, kind: &str, value: &str) {
        let line = format!("vault seal --tenant {tenant} --at {at} --id 1 --kind {kind}");
        ok(&self.first(&line, value));
    }

    /// What the second opens: tenant, place, and the value.
    fn opened(&self) -> Vec<(String, String, String)> {
        let said = self.second("read", &[], "");
        let each = said.lines().map(|line| {
            let found: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| found[key].as_str().unwrap().to_owned();
            let hex = word("bytes");
            let pairs = hex.as_bytes().chunks(2);
            let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            let value: Vec<u8> = pairs.map(byte).collect();
            (
                word("tenant"),
                word("at"),
                String::from_utf8(value).unwrap(),
            )
        });
        each.collect()
    }

    fn assert_first_opens(&self, tenant: &str, at: &str, value: &str) {
        let line = format!("vault open --tenant {tenant} --at {at} --id 1");
        assert_eq!(ok(&self.first(&line, "")), value, "{tenant} {at}");
    }

    /// Destroys every retired key: nothing may need one any more.
    fn destroy_retired(&self) {
        let status = self.json("keys status");
        let keys = status["keys"].as_array().unwrap();
        let retired: Vec<&Value> = keys.iter().filter(|k| k["state"] == "retired").collect();
        assert!(!retired.is_empty(), "{status}");
        for key in retired {
            assert_eq!(key["rows"], 0, "{status}");
            let id = key["id"].as_str().unwrap();
            ok(&self.first(&format!("keys disable {id}"), ""));
            ok(&self.first(&format!("keys destroy {id}"), ""));
        }
    }
}

fn owned(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let each = all
        .iter()
        .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()));
    each.collect()
}

#[test]
fn it_agrees_on_every_vector_of_sealed_values() {
    let Some(python) = python() else { return };
    let folder = root().join("crates/keyward-crypto/tests/vectors/sealed");
    let count = std::fs::read_dir(&folder).unwrap().count();
    let program = root().join("examples/tests/second");
    let args = [
        program.to_str().unwrap(),
        "vectors",
        folder.to_str().unwrap(),
    ];
    let said = ok(&Place::new().run(&python, &args, ""));
    assert_eq!(said.trim_end(), format!("{count} vectors"));
}

#[test]
fn it_agrees_on_every_vector_of_keys_that_mac_and_sign() {
    let Some(python) = python() else { return };
    let folder = root().join("crates/keyward-keys/tests/vectors/keyring");
    let program = root().join("examples/tests/second");
    let args = [program.to_str().unwrap(), "keys", folder.to_str().unwrap()];
    let said = ok(&Place::new().run(&python, &args, ""));
    assert_eq!(said.trim_end(), "5 vectors");
}

#[test]
fn each_goes_on_with_what_the_other_wrote() {
    let Some(two) = Two::new() else { return };
    ok(&two.first("keys init", ""));
    let env = "A_NAME=a value\nOTHER=\"quoted\"\n";
    two.seal("acme", "account.token", "api-key", TOKEN);
    two.seal("acme", "project.env", "env", env);
    two.seal("globex", "account.note", "opaque", "of another tenant");
    let mut all = vec![
        ("acme", "account.token", TOKEN),
        ("acme", "project.env", env),
        ("globex", "account.note", "of another tenant"),
    ];
    assert_eq!(two.opened(), owned(&all));

    // It replaces a value, and seals one for a tenant that has no key yet.
    two.second(
        "put",
        &["acme", "account.token", "1", "api-key"],
        "replaced",
    );
    two.second("put", &["initech", "a.b", "1", "opaque"], "of a third");
    all[0].2 = "replaced";
    all.push(("initech", "a.b", "of a third"));
    assert_eq!(two.opened(), owned(&all));
    for (tenant, at, value) in &all {
        two.assert_first_opens(tenant, at, value);
        let listed = two.json(&format!("vault list --verify --tenant {tenant}"));
        assert_eq!(listed["refused"], Value::Array(Vec::new()), "{listed}");
    }

    // Each replaces the key, and the other reads what was moved; the first ends all old keys.
    for first in [true, false] {
        if first {
            ok(&two.first("keys rotate", ""));
        } else {
            two.second("rotate", &[], "");
        }
        assert_eq!(two.opened(), owned(&all));
        let moved = two.json("vault rewrap");
        assert_eq!(
            (&moved["moved"], &moved["left"]),
            (&4.into(), &0.into()),
            "{moved}"
        );
        two.destroy_retired();
        assert_eq!(two.opened(), owned(&all));
        two.second(
            "put",
            &["acme", "account.token", "1", "api-key"],
            "replaced",
        );
        two.assert_first_opens("acme", "account.token", "replaced");
    }
}

#[test]
fn it_makes_a_home_that_the_command_goes_on_with() {
    let Some(two) = Two::new() else { return };
    two.second("make", &[], "");
    two.second("put", &["acme", "a.b", "1", "opaque"], "from the second");
    assert_private(&two.home());
    let doctor = two.json("doctor");
    let failed = |check: &Value| check["verdict"] == "fail";
    assert!(
        !doctor["checks"].as_array().unwrap().iter().any(failed),
        "{doctor}"
    );

    two.assert_first_opens("acme", "a.b", "from the second");
    two.seal("acme", "c.d", "opaque", "from the first");
    ok(&two.first("keys rotate", ""));
    ok(&two.first("vault rewrap", ""));
    two.destroy_retired();
    let all = [
        ("acme", "a.b", "from the second"),
        ("acme", "c.d", "from the first"),
    ];
    assert_eq!(two.opened(), owned(&all));
}

fn assert_private(home: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(home).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}
