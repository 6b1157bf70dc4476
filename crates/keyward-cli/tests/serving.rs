//! Rotation beside a serving process: this test is one, with a lease and a tick of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::io::{BufRead as _, BufReader};

use std::sync::Arc;

use keyward_base::{Clock as _, Purpose};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::{ColumnId, Coverage, KeyState, Stage};
use keyward_store::{BoxFuture, StoreId};
use support::Bench;

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn serve(bench: &Bench) -> Home {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(bench.anchor());
    options.replica = Some("serving".to_owned());
    block_on(Home::open(&HomeDir::at(bench.home()), &options)).unwrap()
}

#[test]
fn rotate_waits_until_the_serving_process_has_the_key() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let old = bench.keys_in("active");
    let mut child = bench.keyward(&["keys", "rotate"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    assert!(first.contains("waiting: 0 of 1"), "{first}");
    let doctor = || bench.run(&["doctor"], b"").ok().text();
    let behind = doctor();
    assert!(
        behind.contains("1 serving process, 1 of them not yet at epoch"),
        "{behind}"
    );
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    assert_eq!(
        bench.keys_in("active"),
        old,
        "nothing is promoted meanwhile"
    );
    assert_eq!(bench.keys_in("pending").len(), 1);

    block_on(async {
        serving.keyring().refresh().await.unwrap();
        serving.keyring().tick().await.unwrap();
    });
    assert!(child.wait().unwrap().success());
    // It is said once that it waits.
    let said: Vec<String> = said.map(Result::unwrap).collect();
    assert!(
        said.iter().any(|line| line.contains("is active")),
        "{said:?}"
    );
    assert!(
        !said.iter().any(|line| line.contains("waiting: 0 of 1")),
        "{said:?}"
    );
    assert_eq!(bench.keys_in("retired"), old);
    let other = serve(&bench);
    tick(&serving);
    let all = doctor();
    assert!(all.contains("2 serving processes, all at epoch"), "{all}");
    block_on(other.keyring().leave()).unwrap();
    let one = doctor();
    assert!(one.contains("1 serving process, at epoch"), "{one}");
}

/// A clock that was set back, or a ring from another machine.
#[test]
fn the_doctor_tells_a_clock_that_is_behind_the_keyring() {
    let bench = Bench::empty();
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(bench.anchor());
    let now = keyward_base::SystemClock::new().now().unwrap();
    let ahead = now.saturating_add(std::time::Duration::from_secs(3_600));
    options.clock = Arc::new(keyward_base::ManualClock::new(ahead));
    block_on(Home::init(&HomeDir::at(bench.home()), &options)).unwrap();
    let ran = bench.run(&["doctor"], b"");
    assert!(
        ran.text().contains("is before the keyring's last change"),
        "{}",
        ran.text()
    );
}

/// What the web layer recorded while a process served is found by who looks at the home.
#[test]
fn the_doctor_tells_of_forwarding_headers_and_what_mends_them() {
    use keyward_base::audit::{Event, Outcome, Value};
    let bench = Bench::new();
    bench.run(&["audit", "init"], b"").ok();
    let serving = serve(&bench);
    let now = keyward_base::SystemClock::new().now().unwrap();
    let note = |days_ago: u64, action, reason, count| {
        let failed = Outcome::Failed(keyward_base::ErrorKind::Rejected, Some(reason));
        let at = now.as_millis() - days_ago * 24 * 60 * 60 * 1000;
        let at = keyward_base::Timestamp::from_millis(at);
        let mut event = Event::new(at, action, failed);
        event.detail = event.detail.with("count", Value::Number(count));
        block_on(serving.vault().trail().note(event));
    };
    let web = || {
        let told = bench.run(&["doctor"], b"").ok().text();
        let lines = told.lines().filter(|line| line.contains("  web "));
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(web(), Vec::<String>::new());
    let untrusted = keyward_http::reason::FORWARDED_UNTRUSTED;
    let bypassed = keyward_http::reason::FORWARDED_BYPASSED;
    note(9, "web.forwarded", bypassed, 5);
    note(6, "web.forwarded", untrusted, 40);
    note(0, "web.forwarded", untrusted, 2);
    note(0, "web.other", bypassed, 7);
    let told = web();
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "warn",
        "42 requests of the last 7 days: forwarded-untrusted",
        "→ if a proxy of yours sent it, name its network",
    ] {
        assert!(told[0].contains(part), "{told:?}");
    }
}

#[test]
fn files_are_private_while_a_process_serves() {
    let bench = Bench::new();
    let serving = serve(&bench);
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(bench.home()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(support::mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    assert!(names.iter().any(|name| name == "data.db-wal"), "{names:?}");
    drop(serving);
}

#[test]
fn no_wait_leaves_the_key_pending_for_the_next_rotate() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let told = bench.json(&["keys", "rotate", "--no-wait"]);
    assert_eq!(told["state"], "pending");
    let status = bench.json(&["keys", "status"]);
    assert_eq!(status["replicas"].as_array().unwrap().len(), 1);
    assert!(
        status["replicas"][0]["name"]
            .as_str()
            .unwrap()
            .starts_with("serving")
    );
    // The process leaves: nobody is to be waited for, and no second key is added.
    block_on(serving.keyring().leave()).unwrap();
    let again = bench.json(&["keys", "rotate"]);
    assert_eq!(
        (&again["key"], &again["state"]),
        (&told["key"], &"active".into())
    );
    assert_eq!(
        bench.json(&["keys", "status"])["keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_killed_rotate_is_repeated_and_adds_no_second_key() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let mut child = bench.keyward(&["keys", "rotate"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("waiting"));
    child.kill().unwrap();
    child.wait().unwrap();
    let pending = bench.keys_in("pending");
    assert_eq!(pending.len(), 1);
    drop(said);
    block_on(serving.keyring().leave()).unwrap();
    bench.run(&["keys", "rotate"], b"").ok();
    assert_eq!(bench.keys_in("active"), pending);
}

#[test]
fn a_key_is_not_destroyed_under_a_process_that_may_still_use_it() {
    let bench = Bench::new();
    let old = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    let serving = serve(&bench);
    bench.run(&["keys", "disable", &old], b"").ok();
    let mut child = bench.keyward(&["keys", "destroy", &old]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    assert!(first.contains("waiting: 0 of 1"), "{first}");
    let doctor = || bench.run(&["doctor"], b"").ok().text();
    let behind = doctor();
    assert!(
        behind.contains("1 serving process, 1 of them not yet at epoch"),
        "{behind}"
    );
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    assert_eq!(bench.keys_in("disabled"), [old.as_str()]);
    tick(&serving);
    assert!(child.wait().unwrap().success());
    assert!(said.any(|line| line.unwrap().contains("is destroyed")));
    assert_eq!(bench.keys_in("destroyed"), [old.as_str()]);
}

fn tick(serving: &Home) {
    block_on(async {
        serving.keyring().refresh().await.unwrap();
        serving.keyring().tick().await.unwrap();
    });
}

#[test]
fn one_command_rotates_to_the_end_beside_a_serving_process_and_goes_on_when_killed() {
    let bench = Bench::new();
    for id in 0..20 {
        bench
            .seal("t.c", &id.to_string(), "opaque", b"one value")
            .ok();
    }
    let by_hand = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["vault", "rewrap"], b"").ok();
    bench.run(&["keys", "disable", &by_hand], b"").ok();
    let old = bench.keys_in("active").remove(0);
    let serving = serve(&bench);
    let to_end = ["keys", "rotate", "--to-end"];
    // Killed while it waits for the new key to be known, and again while the old one ends.
    let start = || {
        let mut child = bench.keyward(&to_end).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        (child, said)
    };
    for what in ["have the new key", "old key is disabled"] {
        let (mut child, mut said) = start();
        assert!(said.any(|line| line.unwrap().contains(what)), "{what}");
        child.kill().unwrap();
        child.wait().unwrap();
        tick(&serving);
    }
    let ended = bench.json(&to_end);
    assert_eq!(ended["format"], "keyward.keys.ended/4");
    assert_eq!(ended["destroyed"], serde_json::json!([old]));
    assert_eq!(bench.keys_in("destroyed"), [old.as_str()]);
    // What an operator disabled is left as it is.
    assert_eq!(bench.keys_in("disabled"), [by_hand.as_str()]);
    assert_eq!(bench.keys_in("active").len(), 1);
    for id in 0..20 {
        assert_eq!(bench.open("t.c", &id.to_string()).ok().text(), "one value");
    }
}

#[test]
fn a_column_that_only_a_service_can_count_is_named_by_every_command() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let keyring = serving.keyring();
    let store = StoreId::new("app-1").unwrap();
    let purpose = Purpose::new("vault").unwrap();
    let column = ColumnId::new(store, "account.token", purpose).unwrap();
    block_on(keyring.cover(Arc::new(Own(column)))).unwrap();
    tick(&serving);
    let key = bench.keys_in("active").remove(0);
    bench.seal("t.c", "1", "opaque", b"one value").ok();

    let status = bench.json(&["keys", "status"]);
    let column = status["columns"]
        .as_array()
        .unwrap()
        .iter()
        .find(|column| column["column"] == "account.token")
        .unwrap();
    assert_eq!(
        (&column["store"], &column["counted"]),
        (&"app-1".into(), &false.into())
    );
    assert_eq!(column["reports"][0]["rows"], 7, "{column}");
    assert_eq!(column["reports"][0]["keys"][0]["key"], key.as_str());
    let drawn = bench.run(&["keys", "status"], b"").ok().text();
    assert!(drawn.contains("account.token of store app-1"), "{drawn}");
    assert!(
        drawn.contains("serving-") && drawn.contains("counted 7 values"),
        "{drawn}"
    );
    assert!(drawn.contains("none under an older key"), "{drawn}");

    let mut rotate = bench.keyward(&["keys", "rotate"]).spawn().unwrap();
    let mut said = BufReader::new(rotate.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("waiting"));
    tick(&serving);
    assert!(rotate.wait().unwrap().success());
    // What the service counts under keys that seal no more is told beside the rest.
    tick(&serving);
    let drawn = bench.run(&["keys", "status"], b"").ok().text();
    assert!(
        drawn.contains("counted 7 values") && drawn.contains("7 under older keys"),
        "{drawn}"
    );
    let rewrapped = bench.run(&["vault", "rewrap"], b"").ok();
    assert!(
        rewrapped.said().contains("not looked at: account.token"),
        "{}",
        rewrapped.said()
    );
    let rewrapped = bench.json(&["vault", "rewrap"]);
    assert_eq!(rewrapped["uncounted"][0]["column"], "account.token");
    let doctor = bench.run(&["doctor"], b"").ok().text();
    assert!(
        doctor.contains("account.token of store app-1 for vault cannot be counted here"),
        "{doctor}"
    );

    bench
        .run(&["keys", "disable", &key], b"")
        .fails(2, "--even-uncounted");
    bench
        .run(&["keys", "rotate", "--to-end"], b"")
        .fails(2, "account.token");
    assert_eq!(bench.keys_in("retired"), [key.as_str()]);
    bench
        .run(&["keys", "disable", &key, "--even-uncounted"], b"")
        .ok();
    bench
        .run(&["keys", "destroy", &key], b"")
        .fails(2, "account.token");
    assert_eq!(bench.keys_in("disabled"), [key.as_str()]);
    // It stands in the way of no other purpose.
    block_on(keyring.leave()).unwrap();
    bench.run(&["keys", "add-purpose", "mail"], b"").ok();
    bench
        .run(&["keys", "rotate", "--to-end", "--purpose", "mail"], b"")
        .ok();
}

#[test]
fn a_key_that_came_between_is_named_at_the_end_of_a_rotation() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let first = bench.keys_in("active").remove(0);
    let purpose = Purpose::new("vault").unwrap();
    // A rotation that is left while it waits for its last step.
    let mut rotation = serving.keyring().admin().rotation(&purpose);
    loop {
        match block_on(rotation.step()).unwrap() {
            Stage::Waiting {
                to: KeyState::Destroyed,
                ..
            } => break,
            Stage::Waiting { .. } => tick(&serving),
            stage => panic!("{stage:?}"),
        }
    }
    drop(rotation);
    let between = bench.keys_in("active").remove(0);
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    bench.run(&["keys", "rotate", "--no-wait"], b"").ok();
    tick(&serving);
    block_on(serving.keyring().leave()).unwrap();

    let said = bench.run(&["keys", "rotate", "--to-end"], b"").ok().said();
    assert_eq!(bench.keys_in("destroyed"), [first.as_str()]);
    assert_eq!(bench.keys_in("retired"), [between.as_str()]);
    let named = format!("key {between} is retired, and no part of this rotation");
    assert!(said.contains(&named), "{said}");
    let said = bench.run(&["keys", "rotate", "--to-end"], b"").ok().said();
    assert!(
        said.contains("1 value sealed anew, 2 keys destroyed"),
        "{said}"
    );
    assert!(!said.contains("no part of this rotation"), "{said}");
    assert_eq!(bench.open("t.c", "1").ok().text(), "one value");
}

#[test]
fn a_store_that_nobody_presents_is_named_and_its_key_stays() {
    let bench = Bench::new();
    let serving = serve(&bench);
    let keyring = serving.keyring();
    // A data store of the service's own, beside the one of the home.
    let store = keyward_sqlite::SqliteStore::open(bench.folder().join("second.db"));
    let second = keyward_vault::Vault::builder(keyring.clone(), Arc::new(store.unwrap()));
    block_on(second.build()).unwrap();
    block_on(keyring.leave()).unwrap();
    let key = bench.keys_in("active").remove(0);

    let doctor = bench.run(&["doctor", "--json"], b"").ok().json();
    let checks = doctor["checks"].as_array().unwrap();
    let named: Vec<_> = checks.iter().filter(|c| c["name"] == "columns").collect();
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(named[0]["verdict"], "warn");
    let says = named[0]["says"].as_str().unwrap();
    assert!(
        says.contains("in a store that nobody presents here"),
        "{says}"
    );
    assert!(
        named[0]["fix"]
            .as_str()
            .unwrap()
            .contains("the home that has the store")
    );

    bench.run(&["keys", "rotate"], b"").ok();
    bench
        .run(&["keys", "disable", &key], b"")
        .fails(2, "--even-uncounted");
    bench
        .run(&["keys", "disable", &key, "--even-uncounted"], b"")
        .ok();
    for destroy in [
        &["keys", "destroy", &key][..],
        &["keys", "destroy", &key, "--even-unregistered"],
    ] {
        bench.run(destroy, b"").fails(2, "vault");
    }
    assert_eq!(bench.keys_in("disabled"), [key.as_str()]);
}

/// A column of the service's own with seven values under the first key that is asked for.
#[derive(Debug)]
struct Own(ColumnId);

impl Coverage for Own {
    fn id(&self) -> &ColumnId {
        &self.0
    }

    fn has_barrier(&self) -> bool {
        false
    }

    fn close(&self, _: u64) -> BoxFuture<'_, keyward_base::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, keyward_base::Result<u64>> {
        Box::pin(async { Ok(7) })
    }
}
