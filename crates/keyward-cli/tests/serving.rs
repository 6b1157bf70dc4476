//! Rotation beside a serving process: this test is one, with a lease and a tick of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::io::{BufRead as _, BufReader};

use keyward_embedded::{Embedded, Home, Options, RootSource};
use support::Bench;

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn serve(bench: &Bench) -> Embedded {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(bench.anchor());
    options.replica = Some("serving".to_owned());
    block_on(Embedded::open(&Home::at(bench.home()), &options)).unwrap()
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
    assert!(said.any(|line| line.unwrap().contains("is active")));
    assert_eq!(bench.keys_in("retired"), old);
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
    bench
        .run(&["keys", "destroy", &old], b"")
        .fails(3, "serving");
    block_on(async {
        serving.keyring().refresh().await.unwrap();
        serving.keyring().tick().await.unwrap();
    });
    bench.run(&["keys", "destroy", &old], b"").ok();
}
