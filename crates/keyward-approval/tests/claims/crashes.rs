//! Processes that are killed at each of their calls to the system, and the order of what they sync.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use keyward_approval::claims::{ClaimAnchor, ClaimPin, Seen};
use keyward_testkit::tools::without;

use crate::{at, gate, open, pin, pinned};

const CHILD: &str = "KEYWARD_APPROVAL_TEST_CLAIMS";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// What the child pins, in its order.
fn plan() -> [(u64, ClaimPin); 5] {
    [
        (1, pin(1, 1)),
        (2, pin(1, 2)),
        (1, pin(2, 3)),
        (3, pin(1, 4)),
        // The answer was lost.
        (3, pin(1, 4)),
    ]
}

/// What the tests below run in a process of its own.
#[test]
#[ignore = "run by the tests of this file"]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    block_on(async {
        let anchor = open(&Path::new(&folder).join("deep/claims"));
        for (step, (nth, pin)) in plan().into_iter().enumerate() {
            pinned(&*anchor, gate(nth, 100 * nth), pin).await;
            println!("\nacknowledged {step}");
        }
        assert_eq!(anchor.prune(at(200)).await.unwrap(), 2);
    });
}

/// None: the run leaves it out.
fn strace(folder: &Path, arguments: &[&str]) -> Option<Output> {
    if without("strace") {
        println!("SKIPPED: no call is looked at (--without strace)");
        return None;
    }
    let mut command = Command::new("strace");
    command.arg("-f").args(arguments);
    command.arg(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "crashes::child",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let output = command.env(CHILD, folder).output();
    Some(output.expect("strace: install the package strace, or run with --without strace"))
}

async fn whole(anchor: &dyn ClaimAnchor, acknowledged: usize) {
    let mut wanted = BTreeMap::new();
    for (nth, pin) in plan().into_iter().take(acknowledged) {
        wanted.insert(nth, pin);
    }
    for nth in 1..=3 {
        let seen = anchor.load(gate(nth, 100 * nth)).await.unwrap();
        let least = wanted.get(&nth).map_or(0, |pin: &ClaimPin| pin.counter);
        match seen {
            Seen::Nothing => assert_eq!(least, 0, "{nth}"),
            Seen::Pinned(held) => {
                assert!(held.counter >= least, "{nth}: {held:?}");
                assert!(plan().contains(&(nth, held)), "{nth}: {held:?}");
            }
            Seen::Forgotten => assert!(nth < 3 && acknowledged == 5, "{nth}"),
        }
    }
}

#[test]
fn a_kill_at_every_step_loses_nothing_that_was_acknowledged() {
    let mut kills = BTreeMap::new();
    let calls = [
        "mkdir",
        "chmod",
        "fchmod",
        "flock",
        "fsync",
        "rename",
        "renameat2",
        "unlink",
        "write",
    ];
    // Calls are counted by thread: first those of the one that opens it, at most five of a sort; then,
    // where it was made before, those of its own.
    let opening = calls.map(|call| (call, false));
    for (call, made) in opening.into_iter().chain(calls.map(|call| (call, true))) {
        let most = if made { u32::MAX } else { 5 };
        for when in 1..=most {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path().join("deep/claims");
            if made {
                drop(open(&at));
            }
            let (trace, inject) = (
                format!("trace={call}"),
                format!("inject={call}:signal=KILL:when={when}"),
            );
            let arguments = ["-e", &trace, "-e", &inject];
            let Some(output) = strace(folder.path(), &arguments) else {
                return;
            };
            if output.status.success() {
                break;
            }
            *kills.entry(call).or_insert(0) += 1;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("killed by SIGKILL"), "{said}");
            let told = String::from_utf8_lossy(&output.stdout);
            let acknowledged = told.matches("acknowledged").count();
            block_on(async {
                let anchor = open(&at);
                whole(&*anchor, acknowledged).await;
                // The next one goes on.
                for nth in 1..=3 {
                    let last = gate(nth, 1_000);
                    pinned(&*anchor, last, pin(9, 9)).await;
                    assert_eq!(anchor.load(last).await.unwrap(), Seen::Pinned(pin(9, 9)));
                }
                whole(&*anchor, acknowledged).await;
            });
            assert!(!at.join("new").exists(), "{call} {when}");
        }
    }
    assert!(kills["fsync"] >= 22 && kills["rename"] >= 10, "{kills:?}");
}

/// What a file is renamed to is on disk, and its folder after it, before anything is acknowledged.
#[test]
fn everything_is_on_disk_before_it_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let trace = ["-y", "-e", "trace=fsync,rename,renameat2,flock,write"];
    let Some(output) = strace(folder.path(), &trace) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let claims = folder.path().join("deep/claims").display().to_string();
    let mut told = Vec::new();
    for line in said.lines() {
        let of = |name: &str| line.contains(&format!("<{claims}{name}>"));
        if line.contains("acknowledged") {
            told.push("told");
        } else if line.contains("flock(") && of("/lock") {
            told.push("locked");
        } else if line.contains("write(") && of("/new") {
            told.push("written");
        } else if line.contains("fsync(") && of("/new") {
            told.push("synced");
        } else if line.contains("rename") && line.contains(&format!("\"{claims}/new\"")) {
            told.push("named");
        } else if line.contains("fsync(") && of("") {
            told.push("folder");
        }
    }
    const WRITE: [&str; 4] = ["written", "synced", "named", "folder"];
    let mut wanted = vec!["locked"];
    wanted.extend(WRITE);
    // The file and the index; of the third, the file alone; of the last, what another may have left.
    for files in [2, 2, 1, 2, 0] {
        wanted.push("locked");
        wanted.extend(WRITE.repeat(files));
        wanted.extend(["folder"].into_iter().filter(|_| files == 0));
        wanted.push("told");
    }
    for _ in 0..2 {
        wanted.push("locked");
        wanted.extend(WRITE);
    }
    assert_eq!(told, wanted, "{said}");
    assert!(fs::exists(format!("{claims}/index")).unwrap());
}
