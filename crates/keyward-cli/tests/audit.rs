//! `keyward audit`: what was done is in the log, an auditor verifies it, and every edit is seen.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use serde_json::json;
use support::{Bench, Ran};

/// A home that records, with what was done to two credentials of one tenant and one of another.
fn recorded() -> Bench {
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    bench
        .seal("account.token", "1", "api-key", b"ghp_0123456789abcdef")
        .ok();
    bench.open("account.token", "1").ok();
    bench.open("account.token", "2").fails(1, "rejected");
    let other = ["--tenant", "globex", "--at", "account.token", "--id", "9"];
    let seal = ["vault", "seal", "--kind", "api-key"];
    let sealed = bench.run(&[&seal[..], &other[..]].concat(), b"ghp_0123456789abcdef");
    sealed.ok();
    bench
}

fn audit(bench: &Bench, arguments: &str) -> Ran {
    let words: Vec<&str> = arguments.split(' ').collect();
    bench.run(&[&["audit"], &words[..]].concat(), b"")
}

/// Does to the data store what who writes to it can.
fn edit(bench: &Bench, sql: &str) {
    let data = rusqlite::Connection::open(bench.home().join("data.db")).unwrap();
    assert!(data.execute(sql, []).unwrap() > 0, "{sql}");
}

fn write(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(bench.folder().join(name), bytes).unwrap();
}

#[test]
fn a_home_records_once_it_was_told_to_and_shows_who_did_what() {
    let bench = Bench::new();
    for words in [
        "show",
        "verify",
        "head",
        "key",
        "export",
        "prove 0",
        "tail",
        "retain",
        "keep",
        "hold acme",
    ] {
        audit(&bench, words).fails(2, "keyward audit init");
    }
    let begun = audit(&bench, "init --json").ok().json();
    assert_eq!(
        begun,
        json!({"format": "keyward.audit.init/1", "begun": true})
    );
    let nothing = audit(&bench, "verify").ok();
    assert!(nothing.said().contains("nothing was recorded yet"));
    assert!(nothing.out().is_empty());
    assert_eq!(audit(&bench, "init --json").ok().json()["begun"], false);
    audit(&bench, "key").fails(2, "--tenant");
    drop(bench);

    let bench = recorded();
    let shown = audit(&bench, "show").ok().text();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 6, "{shown}");
    assert!(
        lines[0].contains("acme#0  vault.put  intended  by uid:"),
        "{shown}"
    );
    assert!(
        lines[0].contains("(staff)") && lines[0].contains("record=1"),
        "{shown}"
    );
    assert!(lines[2].contains("acme#2  vault.open  granted"), "{shown}");
    assert!(shown.contains("globex#1  vault.put  done"), "{shown}");
    assert!(
        !shown.contains("ghp_") && !shown.contains("cdef"),
        "{shown}"
    );
    for (only, count) in [
        ("--tenant acme", 4),
        ("--action vault.open", 2),
        ("--action vault. --outcome failed --staff", 1),
        ("--actor nobody", 0),
        ("--limit 2", 2),
    ] {
        let entries = audit(&bench, &format!("show {only} --json")).ok().json()["entries"].take();
        assert_eq!(
            entries.as_array().unwrap().len(),
            count,
            "{only}: {entries}"
        );
    }
    // What --debug tells beside is recorded all the same.
    bench
        .run(
            &[
                "vault",
                "open",
                "--debug",
                "--tenant",
                "acme",
                "--at",
                "account.token",
                "--id",
                "1",
            ],
            b"",
        )
        .ok();
    let shown = audit(&bench, "show --tenant acme").ok().text();
    assert_eq!(shown.lines().count(), 5, "{shown}");
    // A new key takes over, and the one before ends; of the one that signs, both sign once.
    let rotate = |purpose: &str| {
        let words = ["keys", "rotate", "--to-end", "--json", "--purpose", purpose];
        bench.run(&words, b"").ok().json()
    };
    let ended = rotate("audit-head");
    assert_eq!(ended["destroyed"].as_array().unwrap().len(), 1, "{ended}");
    assert_eq!(ended["draining"], json!([]), "{ended}");
    let verified = audit(&bench, "verify").ok().text();
    assert!(
        verified.contains("ok  the log of tenant acme: 5 entries"),
        "{verified}"
    );
    let doctor = || bench.run(&["doctor"], b"").ok().text();
    let told = doctor();
    assert!(
        told.contains("knows nothing of") && told.contains("keyward audit head"),
        "{told}"
    );
    let ended = rotate("audit-sign");
    assert_eq!(ended["destroyed"].as_array().unwrap().len(), 1, "{ended}");
    // The root log's, the service's, and two tenants'.
    let checkpoints = ended["checkpoints"].as_array().unwrap();
    assert_eq!(checkpoints.len(), 4, "{ended}");
    for checkpoint in checkpoints {
        let lines = checkpoint.as_str().unwrap().lines();
        let signed = lines.filter(|line| line.starts_with('\u{2014}')).count();
        assert_eq!(signed, 2, "{checkpoint}");
    }
    audit(&bench, "head").ok();
    assert!(doctor().contains("logs are kept, and the anchor knows them"));
}

#[test]
fn an_export_is_verified_without_a_home_and_none_that_was_edited() {
    let bench = recorded();
    let key = audit(&bench, "key --tenant acme").ok().text();
    let key = key.trim();
    let export = audit(&bench, "export --tenant acme --from 1 --to 4")
        .ok()
        .text();
    assert!(!export.contains("globex"));
    let nowhere = Bench::empty();
    let verify = |text: &str| {
        write(&nowhere, "export", text);
        nowhere.run(
            &[
                "audit", "verify", "--file", "export", "--key", key, "--json",
            ],
            b"",
        )
    };
    let answer = verify(&export).ok().json();
    let log = key.split('+').next().unwrap();
    assert_eq!(
        answer,
        json!({"format": "keyward.audit.verify-file/1", "log": log, "from": 1, "until": 4,
               "erased": 0, "by_no_rule": null, "size": 4, "erasures": []})
    );
    let mut dropped: Vec<&str> = export.lines().collect();
    dropped.remove(2);
    verify(&export.replacen("granted", "done", 1)).fails(4, "entry 2 of the export");
    verify(&format!("{}\n", dropped.join("\n"))).fails(4, "entry 2 of the export");
    verify(&export[..export.len() - 20]).fails(4, "no whole export");
    verify("").fails(4, "no whole export");
    let other = audit(&bench, "key --tenant globex").ok().text();
    let args = ["audit", "verify", "--file", "export", "--key"];
    write(&nowhere, "export", &export);
    nowhere
        .run(&[&args[..], &[other.trim()]].concat(), b"")
        .fails(4, "--key");
    nowhere
        .run(&[&args[..], &["keyward-log/1+2+3"]].concat(), b"")
        .fails(2, "keyward audit key");
    nowhere.run(&args[..4], b"").fails(2, "--key");

    // A time only chooses the ends.
    let all = audit(&bench, "export --tenant acme --from 2020-01-01")
        .ok()
        .text();
    assert_eq!(all.lines().count(), 6);
    let none = audit(&bench, "export --tenant acme --to 2020-01-01T00:00:00Z")
        .ok()
        .text();
    verify(&none).ok();
    audit(&bench, "export --tenant acme --to 5").fails(2, "--from and --to");
    audit(&bench, "export --tenant acme --to soon").fails(2, "2026-11-26");
    let table = audit(&bench, "export --tenant acme --format csv").ok();
    assert!(table.said().contains("proves nothing"), "{}", table.said());
    assert!(
        table.text().starts_with("seq,day,class,at,action,"),
        "{}",
        table.text()
    );
    assert_eq!(table.text().lines().count(), 5);

    let proof = audit(&bench, "prove 3 --tenant acme").ok().text();
    assert!(
        proof.starts_with("c2sp.org/tlog-proof@v1\nindex 3\n"),
        "{proof}"
    );
    audit(&bench, "prove 4 --tenant acme").fails(2, "no such entry");
}

#[test]
fn what_a_database_writer_did_is_named_by_its_number() {
    let bench = recorded();
    write(&bench, "heads", audit(&bench, "head").ok().out());
    bench.open("account.token", "1").ok();
    let verified = audit(&bench, "verify --since heads").ok().text();
    assert!(
        verified.contains("the first 4 as the anchor remembers"),
        "{verified}"
    );
    let copy = |from: &str, to: &str| {
        for file in ["data.db", "data.db-wal"] {
            let _none = std::fs::remove_file(bench.home().join(format!("{to}{file}")));
            let from = bench.home().join(format!("{from}{file}"));
            let _none = std::fs::copy(from, bench.home().join(format!("{to}{file}")));
        }
    };
    copy("", "whole-");
    for (sql, says) in [
        (
            "UPDATE entry SET bytes = zeroblob(40) WHERE owner = 'acme' AND seq = 3",
            "tenant acme: entry 3",
        ),
        (
            "DELETE FROM entry WHERE owner = 'acme' AND seq >= 4",
            "tenant acme: entry 4",
        ),
        (
            "DELETE FROM entry WHERE owner = 'acme' AND seq = 1",
            "tenant acme",
        ),
    ] {
        edit(&bench, sql);
        let ran = audit(&bench, "verify");
        assert_eq!(ran.code(), 4, "{sql}: {}", ran.said());
        assert!(ran.said().contains(says), "{sql}: {}", ran.said());
        assert!(ran.text().contains("ok  the log of tenant globex"));
        copy("whole-", "");
    }
    // A whole log that is gone, with its head: the anchor knows, and so does the older checkpoint.
    edit(&bench, "DELETE FROM entry WHERE owner = 'globex'");
    edit(
        &bench,
        "DELETE FROM record WHERE owner = 'globex' AND collection LIKE 'audit%'",
    );
    for words in ["verify", "verify --since heads"] {
        let ran = audit(&bench, words);
        assert_eq!(ran.code(), 4, "{}", ran.said());
        assert!(ran.said().contains("it was dropped"), "{}", ran.said());
    }
    let doctor = bench.run(&["doctor"], b"");
    assert_ne!(doctor.code(), 0);
    assert!(
        doctor.text().contains("it was dropped"),
        "{}",
        doctor.text()
    );
    write(&bench, "none", "no checkpoint\n");
    audit(&bench, "verify --since none").fails(2, "holds no checkpoint");
}

#[test]
fn a_tenant_who_asks_is_erased_with_a_receipt_unless_a_hold_is_on_it() {
    let bench = recorded();
    let key = audit(&bench, "key --tenant acme").ok().text();
    let key = key.trim();
    audit(&bench, "hold acne --name case-14").fails(2, "nothing was ever recorded");
    audit(&bench, "hold acme --lift").fails(2, "--name");
    audit(&bench, "hold acme --name case-14 --lift").fails(2, "no hold of that name");
    let held = audit(&bench, "hold acme --name case-14").ok().text();
    assert!(held.starts_with("case-14  since 20"), "{held}");
    for words in [
        "erase --tenant acme --yes",
        "erase --tenant acme --yes --receipt gone",
    ] {
        audit(&bench, words).fails(2, "legal hold case-14");
    }
    assert!(!bench.folder().join("gone").exists());
    let retained = audit(&bench, "retain --yes --json").ok().json();
    assert_eq!(retained["held"], json!(["acme"]));
    assert_eq!(retained["erased"], json!([]));
    audit(&bench, "hold acme --name case-14 --lift").ok();
    audit(&bench, "hold acme").ok();
    // Four entries of what was done, and two of the hold, which stay.
    audit(&bench, "erase --tenant nobody --yes").fails(2, "no entry");
    let erased = audit(&bench, "erase --tenant acme --yes --receipt gone --json")
        .ok()
        .json();
    assert_eq!(
        (
            &erased["erased"][0]["count"],
            &erased["erased"][0]["record"]
        ),
        (&json!(4), &json!(6))
    );
    assert!(
        audit(&bench, "erase --tenant acme --yes")
            .ok()
            .said()
            .contains("nothing")
    );
    audit(&bench, "erase --tenant globex --yes --receipt gone").fails(2, "a new file");

    // The receipt verifies by itself, and says what went.
    let args = ["audit", "verify", "--file", "gone", "--key", key];
    let told = bench.run(&args, b"").ok().text();
    assert!(
        told.contains("entry 6 records an erasure: 4 entries from number 0 to 3"),
        "{told}"
    );
    // The log verifies still, and shows what is left, and what is gone by which entry.
    let verified = audit(&bench, "verify").ok().text();
    assert!(
        verified.contains("tenant acme: 7 entries, 4 erased by rule"),
        "{verified}"
    );
    let shown = audit(&bench, "show --tenant acme").ok().text();
    assert!(
        shown.contains("acme#0  (erased, as entry 6 says)"),
        "{shown}"
    );
    assert!(
        shown.contains("acme#4  audit.hold  done  by uid:"),
        "{shown}"
    );
    assert_eq!(shown.lines().count(), 7, "{shown}");
    assert_eq!(
        audit(&bench, "show --tenant acme --staff")
            .ok()
            .text()
            .lines()
            .count(),
        3
    );
    // A body that somebody takes out of an export, or of the database, is gone by no rule.
    let export = audit(&bench, "export --tenant globex").ok().text();
    let globex = audit(&bench, "key --tenant globex").ok().text();
    let cut = |line: &str| match line.split_once(",\"salt\"") {
        Some((front, _)) if line.starts_with("{\"seq\":1,") => format!("{front}}}"),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = export.lines().map(cut).collect();
    write(&bench, "cut", format!("{}\n", lines.join("\n")));
    let args = ["audit", "verify", "--file", "cut", "--key", globex.trim()];
    bench.run(&args, b"").fails(
        4,
        "entry 1 of the export cut was erased, and no rule says so",
    );
    edit(
        &bench,
        "UPDATE entry SET bytes = substr(bytes, 1, 69) WHERE owner = 'globex' AND seq = 1",
    );
    audit(&bench, "verify --tenant globex")
        .fails(4, "entry 1 of an audit log was erased, and no rule");
    let shown = audit(&bench, "show --tenant globex").ok().text();
    assert!(
        shown.contains("globex#1  (gone, and no rule says so"),
        "{shown}"
    );
}

#[test]
fn how_long_entries_are_kept_is_set_and_shown() {
    let bench = recorded();
    assert!(audit(&bench, "keep").ok().said().contains("90 days"));
    audit(&bench, "keep --days 0").fails(2, "--days");
    audit(&bench, "keep --days 7 --for-good").fails(2, "--for-good");
    audit(&bench, "keep --class audit --days 7").fails(2, "kept for good");
    audit(&bench, "keep --days 365").ok();
    audit(&bench, "keep --tenant acme --class std --for-good").ok();
    let own = audit(&bench, "keep --tenant acme --json").ok().json();
    assert_eq!(own["rules"], json!([{"class": "std", "days": null}]));
    assert_eq!(audit(&bench, "keep").ok().text(), "all others: 365 days\n");
    audit(&bench, "keep --unset").ok();
    assert_eq!(audit(&bench, "keep").ok().text(), "");
    let erased = audit(&bench, "retain --json").ok().json();
    assert_eq!(erased["erased"], json!([]));
    // A hold that a database writer took out is missed.
    audit(&bench, "hold acme --name case-14").ok();
    edit(
        &bench,
        "DELETE FROM record WHERE collection = 'audit.state' AND owner = 'acme'",
    );
    audit(&bench, "hold acme").fails(4, "holds and rules");
    let ran = audit(&bench, "verify");
    assert_eq!(ran.code(), 4, "{}", ran.said());
    assert!(
        ran.said().contains("tenant acme: the holds and rules"),
        "{}",
        ran.said()
    );
    let ran = audit(&bench, "retain");
    assert_eq!(ran.code(), 4, "{}", ran.said());
    assert!(
        ran.said().contains("tenant acme: the holds and rules"),
        "{}",
        ran.said()
    );
}

#[test]
fn a_log_in_the_place_of_one_that_was_dropped_is_not_verified() {
    let bench = recorded();
    audit(&bench, "head").ok();
    let keep = |sql: &str| edit(&bench, &format!("{sql} owner = 'acme'"));
    keep("DELETE FROM entry WHERE");
    // Its head kept beside, as if the log were here.
    keep("UPDATE record SET id = 'kept' WHERE collection = 'audit.head' AND");
    let ran = audit(&bench, "verify --tenant acme");
    assert_eq!(ran.code(), 4, "{}", ran.said());
    bench.open("account.token", "1").ok();
    audit(&bench, "verify --tenant globex").ok();
    for words in ["verify --tenant acme", "verify"] {
        let ran = audit(&bench, words);
        assert_eq!(ran.code(), 4, "{words}: {}", ran.said());
        assert!(
            ran.said().contains("it was dropped"),
            "{words}: {}",
            ran.said()
        );
    }
    let doctor = bench.run(&["doctor"], b"");
    assert!(doctor.text().contains("put there, or moved"));
    audit(&bench, "verify --tenant nobody").fails(4, "it was dropped");
    audit(&bench, "verify --key any").fails(2, "--since");
}

#[test]
fn a_head_that_is_none_stops_nobody_else() {
    let bench = recorded();
    let newer = format!(
        "UPDATE record SET data = x'6b776168ff{}'
         WHERE collection = 'audit.head' AND owner = 'acme'",
        "00".repeat(200)
    );
    edit(&bench, &newer);
    let open = "vault open --tenant globex --at account.token --id 9";
    let words: Vec<&str> = open.split(' ').collect();
    bench.run(&words, b"").ok();
    bench.open("account.token", "1").fails(4, "audit log");
    audit(&bench, "verify --tenant globex").ok();
    let ran = audit(&bench, "verify");
    assert_eq!(ran.code(), 4, "{}", ran.said());
    assert!(ran.text().contains("ok  the log of tenant globex"));
    let head = audit(&bench, "head");
    assert_eq!(head.code(), 4, "{}", head.said());
    assert!(head.said().contains("tenant acme"), "{}", head.said());
    let rotated = bench.run(&["keys", "rotate", "--purpose", "audit-sign"], b"");
    for signed in [head.text(), rotated.ok().text()] {
        assert!(signed.starts_with("keyward-log/"), "{signed}");
    }
    edit(
        &bench,
        "UPDATE record SET owner = char(7) WHERE collection = 'audit.head' AND owner = 'acme'",
    );
    let ran = audit(&bench, "verify");
    assert_eq!(ran.code(), 4, "{}", ran.said());
    assert!(
        ran.said().contains("lies among the heads"),
        "{}",
        ran.said()
    );
    audit(&bench, "show --tenant globex").ok();
}

#[test]
fn the_purposes_of_the_log_are_its_own() {
    let bench = Bench::new();
    for purpose in ["audit-head", "audit-sign"] {
        let add = ["keys", "add-purpose", purpose, "--algorithm", "mac"];
        bench.run(&add, b"").fails(2, "keyward audit init");
    }
    audit(&bench, "init").ok();
}

#[test]
fn tail_ends_with_its_reader() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let bench = recorded();
    let mut tail = bench.keyward(&["audit", "tail", "--tenant", "acme"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(tail.stdout.take().unwrap());
    // Until it has looked for the first time, nothing is new.
    let (bench, told) = (&bench, std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !told.load(std::sync::atomic::Ordering::Relaxed) {
                bench.open("account.token", "1").ok();
            }
        });
        let mut line = String::new();
        shown.read_line(&mut line).unwrap();
        assert!(line.contains("vault.open"), "{line}");
        drop(shown);
        let ended = tail.wait().unwrap();
        told.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(ended.success());
    });
}

#[test]
fn after_a_restore_a_log_goes_on_under_a_new_key_and_the_old_one_is_kept() {
    let bench = recorded();
    let old = audit(&bench, "key --tenant acme").ok().text();
    audit(&bench, "head").ok();
    bench.sh("umask 077; cp -r home backup", &[]).ok();
    bench.open("account.token", "1").ok();
    write(&bench, "heads", audit(&bench, "head").ok().out());
    std::fs::remove_dir_all(bench.home()).unwrap();
    bench.sh("umask 077; cp -r backup home", &[]).ok();
    bench.open("account.token", "1").ok();
    let bad = |words: &str, says: &str| {
        let ran = audit(&bench, words);
        assert_eq!(ran.code(), 4, "{}", ran.said());
        assert!(ran.said().contains(says), "{}", ran.said());
    };
    bad("verify", "put back");
    audit(&bench, "export --tenant acme").fails(4, "put back");
    bench.run(&["keys", "accept-restore"], b"").ok();
    let shown = audit(&bench, "key --tenant acme").ok();
    let (key, said) = (shown.text(), shown.said());
    assert_ne!(key, old);
    let origin = old.split('+').next().unwrap().to_owned();
    assert!(
        said.contains(&origin) && said.contains("ended at 5 entries"),
        "{said}"
    );
    let verified = audit(&bench, "verify").ok().text();
    assert!(
        verified.contains(&format!("that ended, {origin}: 5 entries")),
        "{verified}"
    );
    // The checkpoints that are lost: they are no history of what is here.
    bad("verify --since heads", "more are wrong");
    let check = |words: &str, key: &str| {
        write(&bench, "export", audit(&bench, words).ok().out());
        bench.run(
            &["audit", "verify", "--file", "export", "--key", key.trim()],
            b"",
        )
    };
    check("export --tenant acme", &key).ok();
    let told = check(&format!("export --tenant acme --earlier {origin}"), &old)
        .ok()
        .text();
    assert!(told.contains("at 4 entries"), "{told}");
    check(&format!("export --tenant acme --earlier {origin}"), &key).fails(4, "--key");
    audit(
        &bench,
        &format!("export --tenant acme --earlier {origin} --to 5"),
    )
    .fails(2, "--from and --to");
    audit(&bench, "export --tenant acme --earlier keyward-log/00").fails(2, &origin);
    let words = format!("key --tenant acme --earlier {origin}");
    assert_eq!(audit(&bench, &words).ok().text(), old);
    let erased = audit(&bench, "erase --tenant acme --yes --receipt gone --json")
        .ok()
        .json();
    assert_eq!(erased["erased"].as_array().unwrap().len(), 1, "{erased}");
    let args = ["audit", "verify", "--file", "gone", "--key", key.trim()];
    bench.run(&args, b"").ok();
    audit(&bench, "verify").ok();
}

#[test]
fn a_log_that_is_lost_is_accepted_by_its_name_and_stays_known() {
    let bench = recorded();
    audit(&bench, "head").ok();
    let hers = bench.run(&["audit", "key", "--tenant", "globex"], b"").ok();
    let name = hers.text().split('+').next().unwrap().to_owned();
    let own = bench.run(&["audit", "key", "--tenant", "acme"], b"").ok();
    let here = own.text().split('+').next().unwrap().to_owned();
    for rows in ["entry WHERE", "record WHERE collection LIKE 'audit%' AND"] {
        edit(&bench, &format!("DELETE FROM {rows} owner = 'globex'"));
    }
    let missed = || {
        let ran = audit(&bench, "verify");
        assert!(
            ran.code() == 4 && ran.said().contains(&name),
            "{}",
            ran.said()
        );
    };
    missed();
    let accept = |words: &str| audit(&bench, &format!("accept-loss {words}"));
    accept("keyward-log/7").fails(2, "32 lower-case hexadecimal digits");
    accept(&format!("{name} {here}")).fails(2, "is not lost");
    accept(&format!("keyward-log/{}", "7".repeat(32))).fails(2, "the root log has no");
    missed();

    let told = accept(&format!("{name} --yes --json")).ok().json();
    assert_eq!(told["format"], "keyward.audit.accept-loss/1");
    let lost = &told["lost"][0];
    assert_eq!((&lost["log"], &lost["entries"]), (&json!(name), &json!(2)));
    assert!(lost["by"].as_str().unwrap().starts_with("uid:"), "{lost}");
    assert!(lost["at"].as_str().unwrap().ends_with('Z') && lost["record"].is_u64());
    assert_eq!(accept(&format!("{name} --json")).ok().json(), told);
    for _ in 0..2 {
        let said = audit(&bench, "verify").ok().text();
        let line = said.lines().find(|line| line.starts_with("lost  "));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains(&name) && line.contains("accepted as lost by uid:"));
        let verified = audit(&bench, "verify --json").ok().json();
        assert_eq!(verified["lost"], told["lost"]);
        let doctor = bench.run(&["doctor"], b"").text();
        assert!(
            doctor.contains(&name) && !doctor.contains("fail"),
            "{doctor}"
        );
    }
    audit(&bench, "retain --yes").ok();
    let shown = audit(&bench, "show --action audit.lost --staff")
        .ok()
        .text();
    assert!(
        shown.contains(name.trim_start_matches("keyward-log/")),
        "{shown}"
    );
}

/// Each reached rule is a line, once; what stops it is the signal.
#[test]
fn tail_tells_what_the_rules_of_a_file_reach_until_a_signal_ends_it() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;
    use std::sync::atomic::{AtomicBool, Ordering};
    let bench = recorded();
    let rule = r#"{"kind":"opened","count":2,"seconds":86400,"per":"actor"}"#;
    let file = format!("{{\"keyward-alert-rules\":1,\"rules\":[{rule}]}}");
    write(&bench, "bad.json", file.replace("86400", "0"));
    write(&bench, "rules.json", file);
    audit(&bench, "tail --rules bad.json").fails(2, "86400 seconds");
    audit(&bench, "tail --rules rules.json --tenant acme").fails(2, "--tenant");
    // Not SIGINT: a shell that starts the tests in the background has it ignored, by this too.
    for json in [true, false] {
        let mut words = vec!["audit", "tail", "--rules", "rules.json"];
        words.extend(json.then_some("--json"));
        let mut tail = bench.keyward(&words);
        let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
        let mut shown = BufReader::new(tail.stdout.take().unwrap());
        let (bench, told) = (&bench, AtomicBool::new(false));
        let mut line = String::new();
        std::thread::scope(|scope| {
            // What was opened before it looked for the first time does not count.
            scope.spawn(|| {
                while !told.load(Ordering::Relaxed) {
                    bench.open("account.token", "1").ok();
                }
            });
            shown.read_line(&mut line).unwrap();
            told.store(true, Ordering::Relaxed);
        });
        if json {
            let anomaly: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(anomaly["format"], "keyward.audit.anomaly/1");
            assert_eq!(anomaly["kind"], "opened");
            assert_eq!(anomaly["count"], 2);
            assert!(anomaly["key"].as_str().unwrap().starts_with("uid:"));
            assert_eq!(anomaly["tenant"], "acme");
        } else {
            let part = "opened: 2 or more of uid:";
            assert!(
                line.contains(part) && line.contains("entry acme#"),
                "{line}"
            );
        }
        assert!(!line.contains("ghp_"));
        let pid = tail.id().to_string();
        let mut kill = std::process::Command::new("kill");
        let kill = kill.args(["-TERM", &pid]);
        assert!(kill.status().unwrap().success());
        assert_eq!(tail.wait().unwrap().signal(), Some(15));
        // Each window once.
        let mut rest = String::new();
        shown.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
