//! `keyward apikey`: through the real command, in a real home.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keyward_base::danger::Operator;
use keyward_base::{Purpose, Subject, Tenant};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::{ColumnId, RecordColumn};
use keyward_session::api_key::{ApiKeys, KeyPolicy, NewKey};
use keyward_store::{Collection, Records as _, StoreId};
use serde_json::Value;
use support::Bench;
use support::leaks::Leaks;

const NEW: [&str; 8] = [
    "apikey",
    "new",
    "--tenant",
    "acme",
    "--name",
    "build",
    "--scope",
    "servers:read",
];

/// A key, and its id.
fn made(bench: &Bench, more: &[&str]) -> (String, String) {
    let json = bench.json(&[&NEW, more].concat());
    assert_eq!(json["format"], "keyward.apikey.new/1");
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

fn listed(bench: &Bench, more: &[&str]) -> Vec<Value> {
    let json = bench.json(&[&["apikey", "list", "--tenant", "acme"], more].concat());
    json["keys"].as_array().unwrap().clone()
}

fn check(bench: &Bench, key: &str, more: &[&str]) -> (i32, Value) {
    let ran = bench.run(
        &[&["apikey", "check", "--json"], more].concat(),
        key.as_bytes(),
    );
    (ran.code(), ran.json())
}

#[test]
fn a_key_is_written_once_and_kept_nowhere() {
    let bench = Bench::new();
    let ran = bench.run(&NEW, b"").ok();
    let text = ran.text();
    let key = text.trim_end();
    // Nothing but the key, so that it can be piped.
    assert!(key.starts_with("kwk_") && key.len() == 97, "{key}");
    assert_eq!(text, format!("{key}\n"));
    assert!(ran.said().contains("made ") && ran.said().contains("servers:read"));
    let leaks = Leaks::of(&key.as_bytes()[40..]);
    assert!(!leaks.in_bytes(ran.said().as_bytes()));
    assert_eq!(leaks.in_folder(bench.folder()), Vec::<String>::new());

    let shown = bench.run(&["apikey", "list", "--tenant", "acme"], b"").ok();
    assert!(
        shown
            .text()
            .contains("live  servers:read  from anywhere  until "),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("never used  build"));
    assert!(!leaks.in_bytes(shown.out()));
    let [row] = &listed(&bench, &[])[..] else {
        panic!()
    };
    assert_eq!(
        (&row["name"], &row["state"]),
        (&"build".into(), &"live".into())
    );
    assert_eq!(row["by_operator"], true);
    assert!(row["maker"].as_str().unwrap().starts_with("uid:"));
    assert_eq!(listed_of(&bench, "globex"), 0);
}

fn listed_of(bench: &Bench, tenant: &str) -> usize {
    let json = bench.json(&["apikey", "list", "--tenant", tenant]);
    json["keys"].as_array().unwrap().len()
}

#[test]
fn a_key_is_checked_by_what_it_may_and_from_where() {
    let bench = Bench::new();
    let (key, id) = made(&bench, &["--ranges", "192.0.2.0/24,2001:db8::/32"]);
    let from = ["--from", "192.0.2.7"];
    let (code, json) = check(&bench, &format!("{key}\n"), &from);
    assert_eq!((code, &json["verdict"]), (0, &"live".into()));
    assert_eq!(
        (&json["id"], &json["tenant"]),
        (&id.as_str().into(), &"acme".into())
    );
    assert_eq!(json["scopes"], serde_json::json!(["servers:read"]));
    for (more, reason) in [
        (&[][..], "address-not-allowed"),
        (&["--from", "198.51.100.1"], "address-not-allowed"),
        (
            &["--from", "192.0.2.7", "--scope", "servers:write"],
            "scope-missing",
        ),
    ] {
        let (code, json) = check(&bench, &key, more);
        assert_eq!((code, &json["reason"]), (1, &reason.into()), "{more:?}");
        assert!(json["tenant"].is_null());
    }
    let last = if key.ends_with('0') { "1" } else { "0" };
    let cut = &key[..key.len() - 1];
    for (wrong, reason) in [
        (cut.to_owned(), "malformed"),
        (format!("{cut}{last}"), "malformed"),
        ("kws_AQ".to_owned(), "malformed"),
        (key.replace("kwk_", "acme_live_"), "malformed"),
        ("x".repeat(93), "malformed"),
    ] {
        let (code, json) = check(&bench, &wrong, &from);
        assert_eq!((code, &json["reason"]), (1, &reason.into()), "{wrong}");
    }
    // A key of another home: its checksum fits, and nobody here made it.
    let other = Bench::new();
    let (foreign, _) = made(&other, &[]);
    let ran = bench.run(&["apikey", "check"], foreign.as_bytes());
    assert_eq!(ran.code(), 1);
    assert!(!Leaks::of(&foreign.as_bytes()[40..]).in_bytes(ran.said().as_bytes()));
    let said = bench
        .run(&[&["apikey", "check"], &from[..]].concat(), key.as_bytes())
        .ok();
    assert!(
        said.text()
            .starts_with(&format!("live: {id} of acme, build, servers:read, until "))
    );
}

#[test]
fn a_key_is_narrowed_and_never_widened() {
    let bench = Bench::new();
    let (key, id) = made(
        &bench,
        &["--scope", "servers:write", "--ranges", "192.0.2.0/24"],
    );
    let narrow = |more: &[&str]| {
        let base = ["apikey", "narrow", "--tenant", "acme", &id];
        bench.run(&[&base, more].concat(), b"")
    };
    narrow(&["--scopes", "servers:read"]).ok();
    narrow(&["--ranges", "192.0.2.128/25", "--expires", "2999-01-01"])
        .fails(1, "can be narrowed and not widened");
    narrow(&["--ranges", "192.0.2.128/25"]).ok();
    for wider in [
        ["--scopes", "servers:read servers:write"],
        ["--scopes", "servers:write"],
        ["--ranges", "192.0.2.0/24"],
        ["--ranges", "198.51.100.1"],
        ["--expires", "2999-01-01"],
    ] {
        narrow(&wider).fails(1, "can be narrowed and not widened");
    }
    let [row] = &listed(&bench, &[])[..] else {
        panic!()
    };
    assert_eq!(row["scopes"], serde_json::json!(["servers:read"]));
    assert_eq!(row["ranges"], serde_json::json!(["192.0.2.128/25"]));
    assert_eq!(check(&bench, &key, &["--from", "192.0.2.200"]).0, 0);
    assert_eq!(check(&bench, &key, &["--from", "192.0.2.7"]).0, 1);
    narrow(&["--scopes", ""]).ok();
    narrow(&[]).fails(2, "missing");
    assert_eq!(
        check(
            &bench,
            &key,
            &["--from", "192.0.2.200", "--scope", "servers:read"]
        )
        .0,
        1
    );
    let other = [
        "apikey", "narrow", "--tenant", "globex", &id, "--scopes", "",
    ];
    bench
        .run(&other, b"")
        .fails(1, "the tenant has no such key");
}

#[test]
fn a_key_is_rotated_with_both_good_for_a_while() {
    let bench = Bench::new();
    let (old, id) = made(&bench, &[]);
    let base = ["apikey", "rotate", "--tenant", "acme", &id, "--json"];
    let json = bench.run(&base, b"").ok().json();
    let (new, successor) = (json["key"].as_str().unwrap(), json["id"].as_str().unwrap());
    assert_eq!(json["predecessor"], id);
    assert_eq!(json["name"], "build");
    for key in [&old[..], new] {
        assert_eq!(check(&bench, key, &[]).0, 0);
    }
    let (_, told) = check(&bench, &old, &[]);
    assert_eq!(told["successor"], successor);
    bench.run(&base, b"").fails(1, "it has a successor");
    // Its answer was lost.
    let again = [&base[..], &["--replacing", successor, "--overlap", "0s"]].concat();
    let json = bench.run(&again, b"").ok().json();
    assert_eq!(check(&bench, json["key"].as_str().unwrap(), &[]).0, 0);
    assert_eq!(check(&bench, new, &[]).0, 1);
    assert_eq!(check(&bench, &old, &[]).1["reason"], "expired");
    bench
        .run(&[&base[..5], &["--overlap", "31d"]].concat(), b"")
        .fails(2, "30 days at most");
}

/// A key of a service of this home that lets keys live so long: its id.
fn of_service(bench: &Bench, policy: KeyPolicy, new: NewKey) -> String {
    opened(bench, async |home| {
        let keys = ApiKeys::builder(home.keyring().clone(), home.data().clone());
        let keys = keys.policy(policy).install().await.unwrap();
        let keys = keys.build().await.unwrap();
        let by = Operator::of(Tenant::new("acme").unwrap(), Subject::new("ada").unwrap());
        let issued = keys.issue_as_operator(&by, new).await.unwrap();
        issued.info().id.to_string()
    })
}

/// What another process does in the home.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn opened<T>(bench: &Bench, work: impl AsyncFnOnce(&Home) -> T) -> T {
    block_on(async {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(bench.anchor());
        let home = Home::open(&HomeDir::at(bench.home()), &options).await;
        let home = home.unwrap();
        let done = work(&home).await;
        home.close();
        done
    })
}

#[test]
fn a_key_lives_as_the_service_lets_it() {
    let day = Duration::from_secs(24 * 60 * 60);
    let bench = Bench::new();
    let short = KeyPolicy::default().life(day * 10, day * 30).unwrap();
    let new = NewKey::new("build").unwrap();
    let id = of_service(&bench, short, new.expires_in(day * 30));
    let rotate = ["apikey", "rotate", "--tenant", "acme", &id, "--json"];
    for more in [["--life", "31d"], ["--life", "3653d"]] {
        bench
            .run(&[&NEW, &more[..]].concat(), b"")
            .fails(2, "at most 720 hours");
        bench
            .run(&[&rotate, &more[..]].concat(), b"")
            .fails(2, "at most 720 hours");
    }
    bench.run(&rotate, b"").ok();

    // What has no end is followed by what has none.
    let bench = Bench::new();
    let policy = KeyPolicy::default().allow_endless();
    let id = of_service(&bench, policy, NewKey::new("build").unwrap().endless());
    let rotate = ["apikey", "rotate", "--tenant", "acme", &id, "--json"];
    let next = bench.run(&rotate, b"").ok().json();
    assert_eq!(
        (&next["name"], &next["expires"]),
        (&"build".into(), &Value::Null)
    );
    // And one that says no life has one.
    let next = bench.json(&NEW);
    assert!(next["expires"].is_string(), "{next}");
}

#[test]
fn a_revoked_key_is_gone_for_good() {
    let bench = Bench::new();
    let (key, id) = made(&bench, &[]);
    let (other, _) = made(&bench, &[]);
    let revoke = ["apikey", "revoke", "--tenant", "acme", &id];
    bench
        .run(&["apikey", "revoke", "--tenant", "globex", &id], b"")
        .fails(1, "the tenant has no such key");
    assert_eq!(check(&bench, &key, &[]).0, 0);
    assert!(bench.run(&revoke, b"").ok().said().contains("is revoked"));
    assert_eq!(check(&bench, &key, &[]).1["reason"], "api-key-ended");
    assert_eq!(check(&bench, &other, &[]).0, 0);
    bench
        .run(&revoke, b"")
        .fails(1, "the tenant has no such key");
    assert_eq!(listed(&bench, &[]).len(), 1);
}

#[test]
fn keys_of_each_prefix_are_apart() {
    let bench = Bench::new();
    let own = ["--prefix", "acme_live_"];
    let (key, id) = made(&bench, &own);
    assert!(key.starts_with("acme_live_"));
    assert_eq!(check(&bench, &key, &[]).0, 0);
    assert_eq!(
        (listed(&bench, &[]).len(), listed(&bench, &own).len()),
        (0, 1)
    );
    let revoke = ["apikey", "revoke", "--tenant", "acme", &id];
    bench.run(&revoke, b"").fails(1, "of each prefix by itself");
    bench.run(&[&revoke[..], &own].concat(), b"").ok();
    bench
        .run(&[&NEW[..], &["--prefix", "kwx_"]].concat(), b"")
        .fails(2, "a prefix of tokens is");
    // A leaked one says by which id it is revoked.
    let (key, id) = made(&bench, &own);
    let drawn = bench
        .run(&["explain", "--json"], key.as_bytes())
        .ok()
        .json();
    assert_eq!(
        (&drawn["kind"], &drawn["prefix"]),
        (&"api-key".into(), &"acme_live_".into())
    );
    assert_eq!(drawn["id"], id);
    assert!(
        drawn["key"]["known"]
            .as_str()
            .unwrap()
            .contains("ring key for api-key")
    );
}

#[test]
fn mistakes_are_named_and_repeat_no_key() {
    let bench = Bench::new();
    for line in [
        &["apikey", "list", "--tenant", "acme"][..],
        &[
            "apikey",
            "revoke",
            "--tenant",
            "acme",
            "AAAAAAAAAAAAAAAAAAAAAA",
        ],
    ] {
        bench
            .run(line, b"")
            .fails(2, "`keyward apikey new` makes the first");
    }
    let (key, _) = made(&bench, &[]);
    // A key in the place of its id.
    let ran = bench.run(&["apikey", "revoke", "--tenant", "acme", &key], b"");
    let ran = ran.fails(2, "it is not the key");
    assert!(!ran.said().contains(&key[10..]), "{}", ran.said());
    let ran = bench
        .run(&["apikey", "check", &key], b"")
        .fails(2, "argument too many");
    assert!(!ran.said().contains(&key[10..]), "{}", ran.said());
    bench.run(&["apikey", "check"], b"").fails(2, "empty");
    for (more, says) in [
        (&["--life", "90"][..], "a span is"),
        (&["--life", "-1d"], ""),
        (&["--life", "400d"], "at most"),
        (&["--life", "5s"], "at least a minute"),
        (&["--scope", "Servers"], "a scope is"),
        (&["--ranges", "192.0.2.7/24"], "ranges are"),
        (&["--ranges", ""], "ranges are"),
    ] {
        let ran = bench.run(&[&NEW[..], more].concat(), b"");
        ran.fails(2, says);
    }
    bench
        .run(&["apikey", "new", "--tenant", "acme", "--name", ""], b"")
        .fails(1, "rejected");
}

/// The ring's key that API keys need is not destroyed under them.
#[test]
fn a_key_of_the_ring_that_api_keys_need_stays() {
    let bench = Bench::new();
    let (key, _) = made(&bench, &[]);
    let rotate = ["keys", "rotate", "--purpose", "api-key"];
    let before = listed(&bench, &[])[0]["mac_key"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.run(&rotate, b"").ok();
    assert_eq!(check(&bench, &key, &[]).0, 0);
    bench.run(&["keys", "disable", &before], b"").ok();
    bench
        .run(&["keys", "destroy", &before, "--yes"], b"")
        .fails(2, "");
    bench.run(&["keys", "enable", &before], b"").ok();
    assert_eq!(check(&bench, &key, &[]).0, 0);
}

#[test]
fn the_lines_of_the_readme_work() {
    let bench = Bench::new();
    // Its file is nobody else's, whatever the umask is.
    let line = "(umask 077 && keyward apikey new --tenant acme --name 'nightly build' \
                --scope servers:read > build.key)";
    assert!(include_str!("../../../README.md").contains(line));
    bench.sh(line, &[]).ok();
    let said = bench.sh("keyward apikey check < build.key", &[]).ok();
    assert!(
        said.text()
            .contains("of acme, nightly build, servers:read, until ")
    );
    let said = bench.sh("keyward apikey list --tenant acme", &[]).ok();
    assert!(said.text().contains("nightly build"));
    let said = bench.sh("keyward explain < build.key", &[]).ok();
    assert!(said.text().contains("A token, api-key (kwk_)"));
}

/// What lies in the home's own store, and this command does not count, is no store that went missing:
/// it is well as long as a process serves that counts it.
#[test]
fn the_doctor_does_not_look_elsewhere_for_what_lies_here() {
    let bench = Bench::new();
    made(&bench, &[]);
    let purpose = Purpose::new("api-key").unwrap();
    opened(&bench, async |home| {
        let (ring, store) = (home.keyring(), home.data().identity().unwrap());
        let other = StoreId::new("app-1").unwrap();
        for (store, name) in [
            (store.clone(), "seats"),
            (store.clone(), "seats/since-7"),
            (store, "seats-of-old"),
            (other.clone(), "seats"),
            (other, "seats/since-7"),
        ] {
            let id = ColumnId::new(store, name, purpose.clone()).unwrap();
            ring.register(&id, true).await.unwrap();
        }
    });
    let doctor = |here: &str, says: &str| {
        let text = bench.run(&["doctor"], b"").ok().text();
        let columns = text.lines().filter(|line| line.contains("columns"));
        let [seats, mark, old, elsewhere @ ..] = &columns.collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        for line in [seats, mark] {
            assert!(line.starts_with(here) && line.contains(says), "{line}");
        }
        // Another of the same beginning is another.
        assert!(
            old.starts_with("warn") && old.contains("lies here"),
            "{old}"
        );
        assert_eq!(elsewhere.len(), 2, "{text}");
        for gone in elsewhere {
            assert!(
                gone.starts_with("warn") && gone.contains("backup"),
                "{gone}"
            );
        }
    };
    let nobody = "lies here, and no process that serves has counted it → start the service";
    doctor("warn", nobody);
    let serving = |counts: bool| {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(bench.anchor());
        options.replica = Some("seats-1".to_owned());
        block_on(async {
            let home = Home::open(&HomeDir::at(bench.home()), &options).await;
            let home = home.unwrap();
            if counts {
                let collection = Collection::new("seats").unwrap();
                let column =
                    RecordColumn::of_macs(home.data().clone(), collection, purpose.clone());
                let column = Arc::new(column.unwrap());
                home.keyring().cover(column).await.unwrap();
            }
            home.keyring().tick().await.unwrap();
            home
        })
    };
    // One that serves and does not count it is of no use.
    let other = serving(false);
    doctor("warn", nobody);
    let home = serving(true);
    doctor("ok", "is counted by seats-1-");
    let status = bench.run(&["keys", "status"], b"").ok().text();
    let told = status
        .lines()
        .find(|line| line.contains(": seats of store"));
    assert!(
        told.is_some_and(|line| line.ends_with("counts it when it destroys a key")),
        "{status}"
    );
    let status = bench.json(&["keys", "status"]);
    let columns = status["columns"].as_array().unwrap();
    let seats = columns.iter().find(|column| column["column"] == "seats");
    assert_eq!(seats.unwrap()["reports"][0]["rows"], Value::Null);
    block_on(home.keyring().leave()).unwrap();
    doctor("warn", nobody);
    block_on(other.keyring().leave()).unwrap();
}
