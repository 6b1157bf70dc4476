//! Processes with many tasks each, on one folder: they are this test binary itself. One of them is killed.
//!
//! `KEYWARD_APPROVAL_KILLS` says how often: 4 unless told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, Seen};

use crate::{at, gate, id, open, pin};

const HOME: &str = "KEYWARD_APPROVAL_TEST_RACE";
const WHO: &str = "KEYWARD_APPROVAL_TEST_WHO";

fn class() -> ClaimName {
    ClaimName::class(id(0), at(1_000))
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).build().unwrap()
}

/// Claims gates that the others claim, counts the uses of one class, and says what it was told.
#[test]
#[ignore = "run by the test of this file"]
fn child() {
    let (Some(home), Ok(who)) = (std::env::var_os(HOME), std::env::var(WHO)) else {
        return;
    };
    let who: u8 = who.parse().unwrap();
    runtime().block_on(async move {
        let anchor = open(Path::new(&home));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8_u64 {
            let anchor = Arc::clone(&anchor);
            tasks.spawn(async move {
                for turn in 0..6 {
                    works(&*anchor, who, 1 + task * 6 + turn).await;
                }
            });
        }
        tasks.join_all().await;
    });
}

async fn works(anchor: &dyn ClaimAnchor, who: u8, nth: u64) {
    let claim = pin(u64::from(who), who);
    match anchor.advance(gate(nth, 1_000), claim).await.unwrap() {
        Advanced::Pinned => println!("\ngate {nth} {who}"),
        Advanced::Held(_) => {}
        other => panic!("{other:?}"),
    }
    let Seen::Pinned(seen) = anchor.load(class()).await.unwrap() else {
        panic!("it was counted before")
    };
    // No other use has it.
    let mut next = pin(seen.counter + 1, who);
    next.digest[..8].copy_from_slice(&nth.to_be_bytes());
    if anchor.advance(class(), next).await.unwrap() == Advanced::Pinned {
        println!("\nuse {} {who}", next.counter);
    }
    let _gone = anchor.prune(at(999)).await.unwrap();
}

fn spawn(home: &Path, who: u8) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["races::child", "--exact", "--ignored", "--nocapture"])
        .env(HOME, home)
        .env(WHO, who.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
fn of_processes_that_claim_the_same_one_does_and_no_kill_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("claims");
    let kills = std::env::var("KEYWARD_APPROVAL_KILLS");
    let kills: u8 = kills.map_or(4, |text| text.parse().unwrap());
    let runtime = runtime();
    runtime.block_on(async {
        let anchor = open(&home);
        let _pinned = anchor.advance(class(), pin(1, 0)).await.unwrap();
    });
    let (mut gates, mut uses) = (BTreeMap::<u64, u64>::new(), BTreeSet::new());
    for round in 0..kills {
        // Each with a counter of its own, so that a later one may go on from an earlier one.
        let mut children = [2 * round + 1, 2 * round + 2].map(|who| spawn(&home, who));
        for (nth, child) in children.iter_mut().enumerate() {
            let told = BufReader::new(child.stdout.take().unwrap());
            let mut heard = 0;
            for line in told.lines().map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["gate", of, by] => {
                        let (of, by) = (of.parse().unwrap(), by.parse().unwrap());
                        let held = gates.entry(of).or_insert(by);
                        *held = (*held).max(by);
                    }
                    ["use", number, _] => {
                        let number: u64 = number.parse().unwrap();
                        assert!(uses.insert(number), "use {number} was counted twice");
                    }
                    _ => continue,
                }
                heard += 1;
                if nth == 0 && heard == 5 + usize::from(round) * 7 {
                    let _dead_or_done = child.kill();
                }
            }
            child.wait().unwrap();
        }
    }
    assert!(gates.len() >= 48, "{gates:?}");
    runtime.block_on(async {
        let anchor = open(&home);
        for (nth, least) in gates {
            let Seen::Pinned(held) = anchor.load(gate(nth, 1_000)).await.unwrap() else {
                panic!("{nth} was lost")
            };
            assert!(held.counter >= least, "{nth}: {held:?}");
        }
        let Seen::Pinned(held) = anchor.load(class()).await.unwrap() else {
            panic!("the class was lost")
        };
        assert!(uses.last().is_some_and(|last| held.counter >= *last));
    });
}
