//! The shapes of the answers: JSON that programs rely on, and the drawings that people look at.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use serde_json::Value;
use support::{Bench, finish, random_text};

fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_list_has_its_documented_shape() {
    let bench = Bench::new();
    let token = format!("ghp_{}", random_text(36));
    bench
        .seal("account.github_token", "42", "api-key", token.as_bytes())
        .ok();
    let listed = bench.json(&["vault", "list", "--tenant", "acme"]);
    assert_eq!(listed["format"], "keyward.vault.list/2");
    assert_eq!(
        fields(&listed),
        ["credentials", "format", "refused", "tenant", "verified"]
    );
    let row = &listed["credentials"][0];
    assert_eq!(
        fields(row),
        [
            "at",
            "created",
            "encrypted",
            "expires",
            "fingerprint",
            "hint",
            "id",
            "key",
            "key_type",
            "kind",
            "names",
            "refreshable",
            "revision",
            "role",
            "scopes",
            "tenant",
            "updated"
        ]
    );
    assert_eq!(
        (&row["at"], &row["id"], &row["kind"]),
        (
            &"account.github_token".into(),
            &"42".into(),
            &"api-key".into()
        )
    );
    assert_eq!(row["hint"], format!("ghp_••••{}", &token[36..]));
    assert!(row["revision"].as_u64().unwrap() < 1 << 53);
    assert_eq!(row["key"].as_str().unwrap().len(), 16);
    assert!(row["created"].as_str().unwrap().ends_with('Z'));
    let verified = bench.json(&["vault", "list", "--tenant", "acme", "--verify"]);
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["credentials"][0]["hint"], row["hint"]);
}

#[test]
fn the_status_has_its_documented_shape() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    bench.run(&["keys", "rotate"], b"").ok();
    let status = bench.json(&["keys", "status"]);
    assert_eq!(status["format"], "keyward.keys.status/3");
    assert_eq!(
        fields(&status),
        [
            "anchor",
            "columns",
            "epoch",
            "format",
            "keys",
            "mac_epoch",
            "mac_rotates",
            "oldest_living_epoch",
            "replicas",
            "ring",
            "root",
            "unreadable"
        ]
    );
    let [old, new] = status["keys"].as_array().unwrap().as_slice() else {
        panic!("two keys: {status}")
    };
    assert_eq!(
        fields(old),
        [
            "algorithm",
            "created_epoch",
            "drains_until",
            "ending",
            "history",
            "id",
            "longest_life",
            "public",
            "purpose",
            "root_version",
            "rows",
            "state",
            "suite",
            "tenant_keys",
            "unregistered"
        ]
    );
    assert_eq!(
        (&old["state"], &old["rows"]),
        (&"retired".into(), &1.into())
    );
    assert_eq!((&new["state"], &new["rows"]), (&"active".into(), &0.into()));
    let states: Vec<&str> = old["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["pending", "active", "retired"]);
    assert!(old["history"][0]["at"].as_str().unwrap().ends_with('Z'));

    let tenant = bench.json(&["keys", "status", "--tenant", "acme"]);
    assert_eq!(tenant["format"], "keyward.keys.tenant/1");
    assert_eq!(
        fields(&tenant["keys"][0]),
        [
            "current",
            "id",
            "purpose",
            "rows",
            "unregistered",
            "wrapped_by"
        ]
    );
    assert_eq!(tenant["keys"][0]["wrapped_by"], old["id"]);
    let nobody = bench.json(&["keys", "status", "--tenant", "nobody"]);
    assert_eq!(nobody["keys"], serde_json::json!([]));
}

#[test]
fn the_status_draws_a_row_for_each_key() {
    let bench = Bench::new();
    // The first key of a ring is active from the start: only the legend has the mark of a wait.
    let first = bench.run(&["keys", "status"], b"").ok().text();
    assert_eq!(first.matches('╌').count(), 1, "{first}");
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    for _ in 0..2 {
        bench.run(&["keys", "rotate"], b"").ok();
    }
    for columns in [60, 100, 140_usize] {
        let mut command = bench.keyward(&["keys", "status"]);
        command.env("COLUMNS", columns.to_string());
        let drawn = finish(command, b"").ok().text();
        assert!(!drawn.contains('\x1b'), "no colour in a pipe");
        let rows: Vec<&str> = drawn
            .lines()
            .filter(|l| l.contains("retired ") || l.contains("active "))
            .filter(|l| l.contains('█'))
            .collect();
        let keys: Vec<&&str> = rows
            .iter()
            .filter(|l| l.split_whitespace().next().is_some_and(|w| w.len() == 16))
            .collect();
        assert_eq!(keys.len(), 3, "{drawn}");
        for key in keys {
            assert!(key.chars().count() <= columns, "{columns}: {key}");
        }
    }
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let bench = Bench::new();
    // `script` gives the command a terminal.
    let run = |variables: &str| {
        bench.sh(
            &format!("TERM=xterm {variables} script -qec 'keyward keys status' /dev/null"),
            &[],
        )
    };
    if bench.sh("command -v script", &[]).code() != 0 {
        return;
    }
    assert!(run("").ok().text().contains("\x1b[32m"));
    assert!(!run("NO_COLOR=1").ok().text().contains('\x1b'));
    // Nor does it ask a person to type a secret in.
    let typed = bench.sh(
        "script -qec 'keyward vault seal --tenant acme --at a.b --id 1' /dev/null",
        &[],
    );
    assert_eq!(typed.code(), 2, "{}", typed.text());
    assert!(
        typed.text().contains("not typed at a terminal"),
        "{}",
        typed.text()
    );
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_new_home() {
    let bench = Bench::new();
    let told = bench.json(&["doctor"]);
    assert_eq!(told["format"], "keyward.doctor/1");
    for check in told["checks"].as_array().unwrap() {
        let root = check["name"] == "root";
        assert_eq!(
            check["verdict"],
            if root { "warn" } else { "ok" },
            "{check}"
        );
        assert_eq!(fields(check), ["fix", "name", "says", "verdict"]);
    }
    let text = bench.run(&["doctor"], b"").ok().text();
    for part in [
        "ok",
        "home",
        "root",
        "clock",
        "keys.db",
        "data.db",
        "anchor",
        "replicas  no process is serving",
        "1 column is registered, and is counted here",
        "1 key, nothing to be done",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_doctor_says_what_mends_each_thing() {
    let told = |bench: &Bench, line: &str| {
        bench.sh(line, &[]).ok();
        let ran = bench.run(&["doctor"], b"");
        (ran.code(), ran.text())
    };
    let bench = Bench::empty();
    assert_eq!(bench.run(&["doctor"], b"").code(), 2);
    for (line, fix) in [
        ("chmod 755 home", "chmod 700"),
        ("chmod 644 home/root", "chmod 600"),
        ("chmod 644 home/data.db", "chmod 600"),
        ("rm home/root", "root"),
        ("rm state/anchor", "accept-restore"),
        (
            "head -c 8192 /dev/zero > home/data.db; rm -f home/data.db-*",
            "restore",
        ),
        (
            "cp -r home backup; keyward keys rotate; rm -r home; mv backup home",
            "accept-restore",
        ),
    ] {
        let (code, text) = told(&Bench::new(), line);
        assert_ne!(code, 0, "{line}: {text}");
        let failed: Vec<&str> = text.lines().filter(|l| l.contains("fail")).collect();
        assert!(!failed.is_empty() && text.contains(fix), "{line}: {text}");
    }
    let bench = Bench::new();
    for id in ["1", "2"] {
        bench.seal("t.c", id, "opaque", b"one value").ok();
    }
    let key = bench.keys_in("active").remove(0);
    let line = format!("keyward keys rotate; keyward keys disable {key}");
    let (code, text) = told(&bench, &line);
    let says = format!("2 rows need disabled key {key}, and do not open");
    assert!(code == 0 && text.contains(&says), "{text}");
    // Things worth a look are no failure.
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    for (line, part) in [
        ("keyward keys rotate", "keyward vault rewrap"),
        (
            "rm state/anchor; keyward keys accept-restore",
            "keyward vault rewrap",
        ),
    ] {
        let (code, text) = told(&bench, line);
        assert_eq!(code, 0, "{line}: {text}");
        assert!(
            text.lines().any(|l| l.contains("warn") && l.contains(part)) || text.contains(part),
            "{line}: {text}"
        );
    }
}

/// The exit code is of the kind of the first failure.
#[test]
fn the_doctor_ends_with_the_kind_of_what_it_found() {
    for (line, code, failed, says) in [
        (
            "chmod 644 home/root",
            2,
            "root",
            "2 of 7 checks failed: do what their lines say",
        ),
        ("rm home/data.db", 3, "data.db", "do what"),
        (
            "head -c 8192 /dev/zero > home/data.db; rm -f home/data.db-*",
            4,
            "data.db",
            "do what",
        ),
        (
            "rm state/anchor",
            3,
            "keyring",
            "1 of 7 checks failed: do what its line says",
        ),
    ] {
        let bench = Bench::new();
        bench.sh(line, &[]).ok();
        let ran = bench.run(&["doctor"], b"");
        assert_eq!(ran.code(), code, "{line}: {}", ran.text());
        assert!(ran.said().contains(says), "{line}: {}", ran.said());
        let mut lines = ran.text().lines().map(str::to_owned).collect::<Vec<_>>();
        lines.retain(|l| l.contains("fail") && l.contains(failed));
        assert!(!lines.is_empty(), "{line}: {}", ran.text());
    }
}

#[test]
fn the_doctor_names_what_each_key_asks_for() {
    let bench = Bench::new();
    let warned = || -> Vec<(String, String)> {
        let told = bench.json(&["doctor"]);
        let checks = told["checks"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        checks
            .iter()
            .filter(|c| c["verdict"] != "ok" && c["name"] != "root")
            .map(|c| (text(&c["says"]), text(&c["fix"])))
            .collect()
    };
    assert!(warned().is_empty(), "{:?}", warned());
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let first = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate", "--no-wait"], b"").ok();
    let second = bench.keys_in("pending").remove(0);
    let pending = (
        format!("{second} is pending"),
        "keyward keys rotate".to_owned(),
    );
    assert_eq!(warned(), [pending]);
    bench.run(&["keys", "rotate"], b"").ok();
    let retired = format!("1 row needs retired key {first}");
    assert_eq!(warned(), [(retired, "keyward vault rewrap".to_owned())]);
    bench.run(&["vault", "rewrap"], b"").ok();
    assert!(warned().is_empty(), "{:?}", warned());
    bench.run(&["keys", "disable", &first], b"").ok();
    assert!(warned().is_empty(), "{:?}", warned());
}

#[test]
fn the_doctor_finds_an_anchor_in_the_home_and_an_older_root() {
    let bench = Bench::new();
    let found = |line: &str| {
        let text = bench.sh(line, &[]).ok().text();
        let lines = text.lines().filter(|l| l.contains("warn"));
        lines.map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    let inside = found(
        "mkdir -p two/a && chmod 700 two two/a && export KEYWARD_HOME=$PWD/two KEYWARD_ANCHOR=$PWD/two/a/anchor \
         && keyward keys init > /dev/null 2>&1 && keyward doctor",
    );
    assert!(
        inside.contains("lies in the home, so a backup brings its own"),
        "{inside}"
    );
    let roots = "old=v1:$(head -c 32 /dev/urandom | base64) && new=v2:$(head -c 32 /dev/urandom | base64) \
         && export KEYWARD_HOME=$PWD/three KEYWARD_ANCHOR=$PWD/three.anchor && KEYWARD_ROOT=$old keyward keys init \
         && export KEYWARD_ROOT=$new,$old";
    let older = found(&format!("{roots} && keyward doctor"));
    assert!(
        older.contains("is wrapped by an older version of the root"),
        "{older}"
    );
    let none = found(&format!(
        "rm -r three three.anchor; {roots} && keyward keys rewrap && keyward doctor && keyward keys status --json > status"
    ));
    assert_eq!(none, "");
    let status = std::fs::read_to_string(bench.folder().join("status")).unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["root"]["source"], "env", "{status}");
}

/// A reader that goes away ends the output and is no failure; a disk that is full is one.
#[test]
fn output_that_nobody_takes_is_told_unless_its_reader_went_away() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.keyward(&["completions", "bash"]);
    let ran = support::finish_into(command.stdout(writer));
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let full = bench.sh("keyward completions bash > /dev/full", &[]);
    full.fails(3, "standard output cannot be written");
}

/// With `--debug` each event and each cause is told.
#[test]
fn debug_tells_events_and_causes() {
    let bench = Bench::new();
    let seal = [
        "--debug", "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "1",
    ];
    let said = bench.run(&seal, b"one value").ok().said();
    assert!(
        said.contains("keyward: debug: ") && said.contains(" tenant=acme at=t.c id=1"),
        "{said}"
    );
    assert!(
        !cfg!(target_os = "linux") || said.contains(" by=uid:"),
        "{said}"
    );
    let said = bench.run(&["--debug", "explain", "kw1.AQ"], b"").said();
    assert!(said.contains("keyward: debug: reason malformed"), "{said}");
    assert!(
        said.contains("keyward: debug: because the value is cut short"),
        "{said}"
    );
}
