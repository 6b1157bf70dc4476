//! `keyward audit` where something is amiss: anchors, locks, races and files that are no exports.
//! What each exit code is, `docs/formats/command.md` says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::fs;

use support::{Bench, Ran};

/// A home that records, with an entry in a tenant's log, and whose anchor has it.
fn recorded() -> Bench {
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    bench.seal("account.token", "1", "opaque", b"first").ok();
    audit(&bench, "head").ok();
    bench
}

fn audit(bench: &Bench, arguments: &str) -> Ran {
    let words: Vec<&str> = arguments.split(' ').collect();
    bench.run(&[&["audit"], &words[..]].concat(), b"")
}

/// One line on standard error, and that code.
fn refused(ran: &Ran, code: i32, part: &str) {
    let said = ran.said();
    assert_eq!(ran.code(), code, "{said}");
    assert!(
        said.starts_with("keyward: ") && said.contains(part),
        "{said}"
    );
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
}

const COMMANDS: [&str; 3] = ["verify", "head", "retain --yes"];

#[test]
fn an_anchor_that_is_missing_refuses_until_the_keyring_is_accepted() {
    let bench = recorded();
    let away = bench.folder().join("away");
    fs::rename(bench.anchor(), &away).unwrap();
    for words in COMMANDS {
        refused(&audit(&bench, words), 3, "is missing");
    }
    assert!(!bench.anchor().exists());
    fs::rename(&away, bench.anchor()).unwrap();
    for words in COMMANDS {
        audit(&bench, words).ok();
    }
    fs::remove_file(bench.anchor()).unwrap();
    bench.run(&["keys", "accept-restore"], b"").ok();
    for words in COMMANDS {
        audit(&bench, words).ok();
    }
}

#[test]
fn an_anchor_from_before_is_raised_and_one_of_a_newer_database_is_believed() {
    let bench = recorded();
    let (data, older) = (bench.home().join("data.db"), bench.folder().join("older"));
    let anchor = fs::read(bench.anchor()).unwrap();
    let copy = rusqlite::Connection::open(&data).unwrap();
    copy.execute("VACUUM INTO ?1", [older.to_str().unwrap()])
        .unwrap();
    drop(copy);
    bench.open("account.token", "1").ok();
    audit(&bench, "head").ok();
    let newer = fs::read(bench.anchor()).unwrap();
    assert_ne!(anchor, newer);
    // The logs go on from what a stale one has.
    fs::write(bench.anchor(), &anchor).unwrap();
    audit(&bench, "verify").ok();
    audit(&bench, "head").ok();
    assert_eq!(fs::read(bench.anchor()).unwrap(), newer);
    // An older database does not go on from a newer one.
    for name in ["data.db-wal", "data.db-shm"] {
        let _none = fs::remove_file(bench.home().join(name));
    }
    let private = fs::metadata(&data).unwrap().permissions();
    fs::copy(&older, &data).unwrap();
    fs::set_permissions(&data, private).unwrap();
    for words in COMMANDS {
        refused(&audit(&bench, words), 4, "older database was put back");
    }
    assert_eq!(fs::read(bench.anchor()).unwrap(), newer);
}

#[test]
fn a_data_store_that_another_holds_is_unavailable_and_nothing_is_changed() {
    let bench = recorded();
    bench.open("account.token", "1").ok();
    let data = rusqlite::Connection::open(bench.home().join("data.db")).unwrap();
    data.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // Whoever only reads is not kept waiting: there is nothing to erase.
    for words in ["verify", "retain --yes"] {
        audit(&bench, words).ok();
    }
    for words in ["head", "keep --days 30", "hold acme --name case-14"] {
        refused(&audit(&bench, words), 3, "");
    }
    data.execute_batch("ROLLBACK").unwrap();
    drop(data);
    for words in COMMANDS {
        audit(&bench, words).ok();
    }
    assert!(audit(&bench, "hold acme").ok().text().is_empty());
}

#[test]
fn two_that_begin_the_logs_at_once_begin_them_once() {
    for _ in 0..4 {
        let bench = Bench::new();
        let begin = || bench.keyward(&["audit", "init", "--json"]).spawn().unwrap();
        let both = [begin(), begin(), begin()];
        let mut begun = 0;
        for one in both {
            let ended = one.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            // Who lost the race is told so, or that there are logs.
            match ended.status.code() {
                Some(0) => {
                    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
                    begun += u32::from(told["begun"] == true);
                }
                code => assert_eq!(code, Some(3), "{said}"),
            }
        }
        // Each that found none when it looked says that it began them.
        assert!(begun >= 1, "{begun}");
        let told = audit(&bench, "init --json").ok().json();
        assert_eq!(told["begun"], false);
        for purpose in ["audit-head", "audit-sign"] {
            let keys = bench.json(&["keys", "status"]);
            let keys = keys["keys"].as_array().unwrap().clone();
            let keys = keys.iter().filter(|key| key["purpose"] == purpose);
            assert_eq!(keys.count(), 1, "{purpose}");
        }
        bench.seal("account.token", "1", "opaque", b"first").ok();
        audit(&bench, "verify").ok();
    }
}

#[test]
fn what_is_no_whole_export_is_refused_with_its_code() {
    let bench = recorded();
    let key = audit(&bench, "key --tenant acme").ok().text();
    let export = audit(&bench, "export --tenant acme").ok().text();
    let check = |name: &str| {
        let args = ["audit", "verify", "--file", name, "--key", key.trim()];
        bench.run(&args, b"")
    };
    let write = |bytes: &[u8]| fs::write(bench.folder().join("file"), bytes).unwrap();
    write(export.as_bytes());
    check("file").ok();
    // Cut after each line, in each line, and before the last line feed.
    let ends: Vec<usize> = export.match_indices('\n').map(|(at, _)| at).collect();
    let mut cuts = vec![0, 1, export.len() / 3, export.len() / 2];
    cuts.extend(ends.iter().copied());
    cuts.extend(ends.iter().map(|at| at + 1).filter(|at| *at < export.len()));
    for cut in cuts {
        write(&export.as_bytes()[..cut]);
        refused(&check("file"), 4, "file");
    }
    let doubled = [
        ("\"from\":0,", "\"from\":0,\"from\":0,"),
        ("\"seq\":0,", "\"seq\":0,\"seq\":0,"),
        ("{\"v\":2,", "{\"v\":2,\"v\":2,"),
        ("\"checkpoint\":", "\"checkpoint\":\"\",\"checkpoint\":"),
        // Another version, of the file and of an entry.
        ("\"keyward-audit-export\":1", "\"keyward-audit-export\":2"),
        ("{\"v\":2,", "{\"v\":3,"),
    ];
    for (from, to) in doubled {
        let edited = export.replacen(from, to, 1);
        assert_ne!(edited, export, "{from}");
        write(edited.as_bytes());
        refused(&check("file"), 4, "file");
    }
    fs::create_dir(bench.folder().join("folder")).unwrap();
    refused(&check("folder"), 2, "folder");
    refused(&check("none"), 2, "none");
}
