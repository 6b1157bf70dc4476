//! Files of root and anchor: whose they are, where they lie, what stands in their place.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    missing_docs
)] // Tests: a panic is the report.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use keyward_base::{Error, ErrorKind};
use keyward_crypto::Provider;
use keyward_keys::{Advance, Anchor as _, FileAnchor, FileRoot, Pin, PinName};
use keyward_testkit::tools::{can_give_files_away, without};

const STRANGER: u32 = 65_534;

fn pin(counter: u64) -> Pin {
    Pin {
        id: [7; 16],
        counter,
        digest: [0x5a; 32],
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn advance(path: &Path) -> keyward_base::Result<Advance> {
    FileAnchor::new(path.to_owned()).advance(&PinName::ring(), &pin(9))
}

fn load(path: &Path) -> keyward_base::Result<Option<Pin>> {
    FileAnchor::new(path.to_owned()).load(&PinName::ring())
}

fn root(path: &Path) -> keyward_base::Result<FileRoot> {
    FileRoot::open(path, &Provider::default())
}

fn refused(e: &Error, word: &str) {
    assert_eq!(e.kind(), ErrorKind::Misuse, "{e:?}");
    assert!(e.to_string().contains(word), "{e}");
}

/// A folder with an anchor and a root.
fn pair() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("state");
    let (anchor, held) = (at.join("anchor"), at.join("root"));
    assert_eq!(advance(&anchor).unwrap(), Advance::Pinned);
    FileRoot::create(&held, &Provider::default()).unwrap();
    (folder, anchor, held)
}

#[test]
fn folders_that_others_may_write_are_refused_without_harmful_advice() {
    let (folder, anchor, held) = pair();
    let state = anchor.parent().unwrap();
    for (at, modes) in [
        (state, &[0o777, 0o770, 0o722, 0o702][..]),
        (folder.path(), &[0o777, 0o703]),
    ] {
        for bits in modes {
            mode(at, *bits);
            for e in [
                load(&anchor).unwrap_err(),
                advance(&anchor).unwrap_err(),
                root(&held).unwrap_err(),
                FileRoot::create(&state.join("second"), &Provider::default()).unwrap_err(),
            ] {
                refused(&e, "others may write");
                assert!(!e.to_string().contains("chmod"), "{e}");
            }
        }
        // As /tmp is.
        mode(at, 0o1777);
        load(&anchor).unwrap();
        root(&held).unwrap();
        mode(at, 0o700);
    }
    // Above, the user's own group may write, and no other.
    mode(folder.path(), 0o770);
    load(&anchor).unwrap();
    root(&held).unwrap();
    if can_give_files_away() {
        chown(folder.path(), None, Some(STRANGER)).unwrap();
        refused(&load(&anchor).unwrap_err(), "others may write");
        refused(&root(&held).unwrap_err(), "others may write");
    }
    mode(folder.path(), 0o700);
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    if !can_give_files_away() {
        return;
    }
    let (folder, anchor, held) = pair();
    let state = anchor.parent().unwrap();
    for path in [&anchor, &held] {
        chown(path, Some(STRANGER), None).unwrap();
    }
    refused(&load(&anchor).unwrap_err(), "another user");
    refused(&advance(&anchor).unwrap_err(), "another user");
    refused(&root(&held).unwrap_err(), "another user");
    for path in [&anchor, &held] {
        chown(path, Some(0), None).unwrap();
    }
    for at in [state, folder.path()] {
        chown(at, Some(STRANGER), None).unwrap();
        refused(&load(&anchor).unwrap_err(), "another user");
        refused(&root(&held).unwrap_err(), "another user");
        chown(at, Some(0), None).unwrap();
    }
    let lock = state.join("anchor.lock");
    chown(&lock, Some(STRANGER), None).unwrap();
    let next = FileAnchor::new(anchor.clone()).advance(&PinName::ring(), &pin(10));
    refused(&next.unwrap_err(), "another user");
    chown(&lock, Some(0), None).unwrap();
    // A stranger's link leads where the stranger wants.
    let link = folder.path().join("link");
    symlink(state, &link).unwrap();
    load(&link.join("anchor")).unwrap().unwrap();
    std::os::unix::fs::lchown(&link, Some(STRANGER), None).unwrap();
    refused(&load(&link.join("anchor")).unwrap_err(), "another user");
    refused(&root(&link.join("root")).unwrap_err(), "another user");
}

#[test]
fn a_pipe_a_folder_and_a_loop_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut made = Command::new("mkfifo");
    made.args(["-m", "600"]).arg(at("pipe"));
    assert!(made.status().unwrap().success());
    fs::create_dir(at("folder")).unwrap();
    for name in ["pipe", "folder"] {
        refused(&load(&at(name)).unwrap_err(), "not a regular file");
        refused(&advance(&at(name)).unwrap_err(), "not a regular file");
        refused(&root(&at(name)).unwrap_err(), "not a regular file");
    }
    symlink(at("loop"), at("loop")).unwrap();
    assert_eq!(
        load(&at("loop")).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    // A pipe in the place of the lock.
    let mut made = Command::new("mkfifo");
    made.args(["-m", "600"]).arg(at("x.lock"));
    assert!(made.status().unwrap().success());
    refused(&advance(&at("x")).unwrap_err(), "not a regular file");
}

#[test]
fn links_of_our_own_are_followed_and_kept() {
    let (folder, anchor, held) = pair();
    let (a, r) = (folder.path().join("a"), folder.path().join("r"));
    symlink("state/anchor", &a).unwrap();
    symlink(&held, &r).unwrap();
    root(&r).unwrap();
    let next = FileAnchor::new(a.clone()).advance(&PinName::ring(), &pin(10));
    assert_eq!(next.unwrap(), Advance::Pinned);
    assert!(a.symlink_metadata().unwrap().is_symlink());
    assert_eq!(load(&anchor).unwrap(), Some(pin(10)));
}

#[test]
fn what_is_no_root_says_what_mends_it() {
    let (_folder, _, held) = pair();
    for text in [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0b root@host\n",
        "",
        "v1:hunter2",
    ] {
        fs::write(&held, text).unwrap();
        let e = root(&held).unwrap_err();
        refused(&e, "KEYWARD_ROOT");
        assert!(!format!("{e} {e:?}").contains("hunter2"));
    }
    fs::write(&held, vec![b'v'; 5000]).unwrap();
    refused(&root(&held).unwrap_err(), "is not a root file");
    fs::remove_file(&held).unwrap();
    refused(&root(&held).unwrap_err(), "there is no root file");
}

#[test]
fn a_lock_that_another_process_holds_is_waited_for_and_given_up() {
    let (_folder, anchor, _) = pair();
    let lock = fs::File::open(anchor.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let next = FileAnchor::new(anchor.clone()).advance(&PinName::ring(), &pin(10));
    assert_eq!(next.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(load(&anchor).unwrap(), Some(pin(9)), "reading needs none");
    lock.unlock().unwrap();
    let next = FileAnchor::new(anchor.clone()).advance(&PinName::ring(), &pin(10));
    assert_eq!(next.unwrap(), Advance::Pinned);
}

/// Each of many threads pins many names and many counters: no name gets lost under another's
/// write, and none goes back.
#[test]
fn writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let path = path.clone();
            scope.spawn(move || {
                let anchor = FileAnchor::new(path);
                for n in 0..12_u64 {
                    let own = PinName::new(&format!("gate/{thread}-{n}")).unwrap();
                    assert_eq!(anchor.advance(&own, &pin(n)).unwrap(), Advance::Pinned);
                    let counter = n * 4 + thread;
                    let _ = anchor.advance(&PinName::ring(), &pin(counter)).unwrap();
                    let held = anchor.load(&PinName::ring()).unwrap().unwrap();
                    assert!(held.counter >= counter, "it went back");
                }
            });
        }
    });
    let pins = FileAnchor::new(path).pins().unwrap().unwrap();
    assert_eq!(pins.names().count(), 49);
    assert_eq!(pins.find(&PinName::ring()).unwrap().counter, 47);
}

const CHILD: &str = "KEYWARD_TEST_CHILD";

/// What the tests below run in a process of its own: a root and an anchor are made.
#[test]
#[ignore = "run by the tests of this file"]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let at = Path::new(&folder).join("deep").join("state");
    assert_eq!(advance(&at.join("anchor")).unwrap(), Advance::Pinned);
    FileRoot::create(&at.join("root"), &Provider::default()).unwrap();
}

/// None: the run leaves it out.
fn strace(folder: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    if without("strace") {
        println!("SKIPPED: no call is looked at (--without strace)");
        return None;
    }
    let mut command = Command::new("strace");
    command.arg("-f").args(arguments);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--test-threads=1"]);
    let output = command.env(CHILD, folder).output();
    Some(output.expect("strace: install the package strace, or run with --without strace"))
}

#[test]
fn everything_is_on_disk_before_it_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let trace = [
        "-y",
        "-e",
        "trace=fsync,rename,renameat2,mkdir,flock,link,linkat",
    ];
    let Some(output) = strace(folder.path(), &trace) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let calls: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.ends_with("= 0"))
        .map(str::to_owned)
        .collect();
    let state = format!("{}/deep/state", folder.path().display());
    let deep = format!("{}/deep", folder.path().display());
    let find = |call: &str, end: &str| {
        calls
            .iter()
            .position(|line| line.contains(call) && line.contains(end))
            .unwrap_or_else(|| panic!("no {call} of {end}: {calls:#?}"))
    };
    for (made, within) in [
        (&deep, folder.path().display().to_string()),
        (&state, deep.clone()),
    ] {
        let (mkdir, synced) = (
            find("mkdir(", &format!("\"{made}\"")),
            find("fsync(", &format!("<{within}>")),
        );
        assert!(mkdir < synced, "{calls:#?}");
    }
    let lock = find("flock(", "/anchor.lock>");
    let written = find("fsync(", "/anchor.new>");
    let named = find("rename", "/anchor.new\"");
    assert!(lock < written && written < named, "{calls:#?}");
    let after = |at: usize| {
        let synced = format!("<{state}>");
        calls[at..]
            .iter()
            .any(|line| line.contains("fsync(") && line.contains(&synced))
    };
    let root = calls
        .iter()
        .position(|line| line.contains("fsync(") && line.contains("/root."));
    let root_named = find("rename", "/root\"");
    assert!(after(named) && after(root_named), "{calls:#?}");
    assert!(root.is_some_and(|root| root < root_named), "{calls:#?}");
    let synced = calls[named..root_named]
        .iter()
        .any(|line| line.contains(&format!("<{state}>")));
    assert!(synced, "the anchor's folder: {calls:#?}");
}

/// Killed at each of its calls in turn, what is left is made whole by the next.
#[test]
fn a_kill_at_every_step_leaves_what_goes_on() {
    let mut kills = 0;
    for call in [
        "mkdir",
        "chmod",
        "fchmod",
        "flock",
        "fsync",
        "rename",
        "renameat2",
        "unlink",
    ] {
        for when in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let (trace, inject) = (
                format!("trace={call}"),
                format!("inject={call}:signal=KILL:when={when}"),
            );
            let Some(output) = strace(folder.path(), &["-e", &trace, "-e", &inject]) else {
                return;
            };
            let at = folder.path().join("deep").join("state");
            if output.status.success() {
                break;
            }
            kills += 1;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("killed by SIGKILL"), "{said}");
            let _pinned = advance(&at.join("anchor")).unwrap();
            assert_eq!(load(&at.join("anchor")).unwrap(), Some(pin(9)));
            let root_file = at.join("root");
            if !root_file.exists() {
                FileRoot::create(&root_file, &Provider::default()).unwrap();
            }
            root(&root_file).unwrap();
            for entry in fs::read_dir(&at).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.ends_with(".new"), "{call} {when} left {name}");
            }
        }
    }
    assert!(kills >= 12, "{kills}");
}

#[test]
fn a_umask_that_takes_everything_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let line = "umask 777; exec \"$0\" --exact child --ignored";
    let mut child = Command::new("sh");
    child.arg("-c").arg(line).arg(me);
    let output = child.env(CHILD, folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let at = folder.path().join("deep").join("state");
    let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(bits(&at), 0o700);
    for name in ["anchor", "anchor.lock", "root"] {
        assert_eq!(bits(&at.join(name)), 0o600, "{name}");
    }
}

/// A kill under a umask leaves a lock without its mode, and other programs another: it is mended.
#[test]
fn a_lock_of_another_mode_is_ours_alone_again() {
    for left in [0o000, 0o200, 0o644, 0o666] {
        let (_folder, anchor, _root) = pair();
        let lock = anchor.with_file_name("anchor.lock");
        mode(&lock, left);
        let raised = FileAnchor::new(anchor).advance(&PinName::ring(), &pin(10));
        assert_eq!(raised.unwrap(), Advance::Pinned, "{left:o}");
        let bits = fs::metadata(&lock).unwrap().permissions().mode() & 0o777;
        assert_eq!(bits, 0o600, "{left:o}");
    }
}

/// Many first starts at once make one root, and each of the others is told that it is there.
#[test]
fn of_many_that_make_a_root_one_does_and_no_draft_stays() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        // As killed processes leave them.
        for stale in ["0011223344556677", "8899aabbccddeeff"] {
            fs::write(folder.path().join(format!("root.{stale}.new")), "v1:").unwrap();
        }
        let made = std::thread::scope(|scope| {
            let make = || FileRoot::create(&path, &Provider::default());
            let tasks: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            let results = tasks.into_iter().map(|task| task.join().unwrap());
            results
                .map(|made| made.inspect_err(|e| refused(e, "is not overwritten")))
                .filter(Result::is_ok)
                .count()
        });
        assert_eq!(made, 1, "round {round}");
        root(&path).unwrap();
        FileRoot::create(&path, &Provider::default()).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
