//! Files and folders: whose they are, who may change them, and how they are made, beside others
//! who make them and on a system that fails.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)] // Tests: a panic is the report.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyward_base::{ErrorKind as Blame, Result};
use keyward_files::{
    Subject, check_file, check_folder, create_folder, create_new, lock_file, lock_patiently, me,
    mode, open_own, ours, owner, publish, replace, resolve, sync_folder,
};
use keyward_testkit::tools::{can_give_files_away, without};
use tempfile::TempDir;

/// A user who is not the superuser, and another one.
const STRANGER: u32 = 65_534;
const THIRD: u32 = 65_533;

const SUBJECT: Subject = Subject {
    what: "the anchor",
    elsewhere: "put it elsewhere",
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn bits(path: &Path) -> u32 {
    mode(&fs::symlink_metadata(path).unwrap())
}

fn file(path: &Path, mode: u32) {
    fs::write(path, b"x").unwrap();
    set(path, mode);
}

fn refused<T>(result: Result<T>, blame: Blame, words: &str) {
    let Err(e) = result else {
        panic!("taken: {words}")
    };
    assert_eq!(e.kind(), blame, "{e}");
    assert!(e.to_string().contains(words), "{words}: {e}");
}

#[test]
fn modes_and_owners_are_told_as_they_are() {
    let folder = folder();
    let path = folder.path().join("file");
    for bits in [0o600, 0o640, 0o000, 0o777, 0o4711] {
        file(&path, bits);
        assert_eq!(mode(&fs::metadata(&path).unwrap()), bits);
    }
    set(folder.path(), 0o1770);
    assert_eq!(mode(&fs::metadata(folder.path()).unwrap()), 0o1770);
    assert_eq!(owner(&fs::metadata(&path).unwrap()), me());
    assert!(ours(0) && ours(me()));
    assert!(!ours(me().max(1).saturating_add(1)));
}

#[test]
fn a_file_is_opened_that_is_one_and_nobody_elses() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let open = |name: &str| open_own(&at(name), &SUBJECT, 0o022);
    assert!(open("missing").unwrap().is_none());
    file(&at("file"), 0o644);
    let read = io::read_to_string(open("file").unwrap().unwrap()).unwrap();
    assert_eq!(read, "x");
    for (bits, taken) in [(0o600, true), (0o624, false), (0o642, false), (0o755, true)] {
        set(&at("file"), bits);
        assert_eq!(open("file").is_ok(), taken, "{bits:o}");
    }
    refused(
        open("file").map(drop).and_then(|()| {
            set(&at("file"), 0o620);
            open("file")
        }),
        Blame::Misuse,
        "mode 620): chmod 600",
    );
    set(&at("file"), 0o600);
    symlink(at("file"), at("link")).unwrap();
    refused(open("link"), Blame::Unavailable, "the system refused");
    refused(
        open(&"x".repeat(300)),
        Blame::Unavailable,
        "put it elsewhere",
    );
    fs::create_dir(at("folder")).unwrap();
    refused(
        open("folder"),
        Blame::Misuse,
        "not a regular file: put it elsewhere",
    );
    // Nobody writes into it: opening it would wait.
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    refused(open("pipe"), Blame::Misuse, "not a regular file");
}

#[test]
fn what_is_anothers_is_refused() {
    if !can_give_files_away() {
        return;
    }
    let folder = folder();
    let path = folder.path().join("file");
    file(&path, 0o600);
    let told = || fs::metadata(&path).unwrap();
    check_file(&told(), &path, &SUBJECT, 0o077).unwrap();
    chown(&path, Some(STRANGER), None).unwrap();
    assert_eq!(owner(&told()), STRANGER);
    refused(
        check_file(&told(), &path, &SUBJECT, 0o077),
        Blame::Misuse,
        "belongs to another user (uid 65534; this is 0): put it elsewhere",
    );
    refused(lock_file(&path, &SUBJECT), Blame::Misuse, "another user");
    assert_eq!(bits(&path), 0o600);
    // A link of a stranger leads where the stranger wants.
    let (state, link) = (folder.path().join("state"), folder.path().join("link"));
    fs::create_dir(&state).unwrap();
    symlink("state", &link).unwrap();
    assert_eq!(resolve(&link.join("a"), &SUBJECT).unwrap(), state.join("a"));
    lchown(&link, Some(STRANGER), None).unwrap();
    refused(
        resolve(&link.join("a"), &SUBJECT),
        Blame::Misuse,
        "the link",
    );
    // So does the owner of a folder.
    chown(&state, Some(STRANGER), None).unwrap();
    refused(
        check_folder(&state, &SUBJECT),
        Blame::Misuse,
        "another user",
    );
    refused(
        resolve(&state.join("a"), &SUBJECT),
        Blame::Misuse,
        "another user",
    );
    // A folder of another user that nobody may use is that user's to mend.
    set(&state, 0o000);
    create_folder(&state).unwrap();
    assert_eq!(bits(&state), 0o000);
}

#[test]
fn folders_are_taken_that_others_cannot_write() {
    let folder = folder();
    let (state, inside) = (folder.path().join("state"), folder.path().join("state/a"));
    fs::create_dir(&state).unwrap();
    // Above the last folder, the process's own group may write.
    for (bits, above, last) in [
        (0o700, true, true),
        (0o755, true, true),
        (0o770, true, false),
        (0o720, true, false),
        (0o702, false, false),
        (0o777, false, false),
        (0o1777, true, true),
        (0o1770, true, true),
    ] {
        set(&state, bits);
        let told = resolve(&inside, &SUBJECT);
        assert_eq!(told.is_ok(), above, "{bits:o}: {told:?}");
        let told = check_folder(&state, &SUBJECT);
        assert_eq!(told.is_ok(), last, "{bits:o}: {told:?}");
        if !last {
            refused(told, Blame::Misuse, &format!("(mode {bits:o})"));
        }
    }
    if can_give_files_away() {
        chown(&state, None, Some(STRANGER)).unwrap();
        for (bits, above) in [
            (0o770, false),
            (0o720, false),
            (0o750, true),
            (0o1770, true),
        ] {
            set(&state, bits);
            assert_eq!(resolve(&inside, &SUBJECT).is_ok(), above, "{bits:o}");
        }
    }
    file(&folder.path().join("file"), 0o600);
    let below = folder.path().join("file/a");
    refused(resolve(&below, &SUBJECT), Blame::Misuse, "is not a folder");
    refused(
        check_folder(&folder.path().join("file"), &SUBJECT),
        Blame::Misuse,
        "is not a folder",
    );
    refused(
        check_folder(&inside, &SUBJECT),
        Blame::Unavailable,
        "cannot be used",
    );
}

#[test]
fn a_path_is_followed_to_its_end() {
    let folder = folder();
    let top = fs::canonicalize(folder.path()).unwrap();
    let at = |name: &str| top.join(name);
    let goes = |name: &str| resolve(&at(name), &SUBJECT).ok();
    fs::create_dir_all(at("a/b")).unwrap();
    assert_eq!(goes("a/./b/../b"), Some(at("a/b")));
    assert_eq!(goes("a/b/../../a"), Some(at("a")));
    assert_eq!(goes("new/and/newer"), Some(at("new/and/newer")));
    // Where what is missing would lead nobody knows.
    refused(
        resolve(&at("new/../a"), &SUBJECT),
        Blame::Unavailable,
        "cannot be used",
    );
    refused(
        resolve(&at(&"x".repeat(300)), &SUBJECT),
        Blame::Unavailable,
        "cannot be used",
    );
    symlink(at("a"), at("absolute")).unwrap();
    symlink("../a/b", at("a/relative")).unwrap();
    assert_eq!(goes("absolute/b/c"), Some(at("a/b/c")));
    assert_eq!(goes("a/relative/c"), Some(at("a/b/c")));
    symlink("nowhere", at("dangling")).unwrap();
    assert_eq!(goes("dangling/c"), Some(at("nowhere/c")));
    symlink("loop", at("loop")).unwrap();
    refused(
        resolve(&at("loop"), &SUBJECT),
        Blame::Unavailable,
        "cannot be used",
    );
    // As many links as Linux follows, and one more.
    let mut target = "a".to_owned();
    for n in 1..=41 {
        let link = format!("link-{n}");
        symlink(&target, at(&link)).unwrap();
        target = link;
    }
    assert_eq!(goes("link-40"), Some(at("a")));
    assert_eq!(goes("link-41"), None);
}

#[test]
fn folders_are_made_and_those_that_exist_stay_as_they_are() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    create_folder(&at("one/two/three")).unwrap();
    for made in ["one", "one/two", "one/two/three"] {
        assert_eq!(bits(&at(made)), 0o700, "{made}");
    }
    for (before, after) in [
        (0o750, 0o750),
        (0o777, 0o777),
        (0o500, 0o500),
        (0o1777, 0o1777),
        // A kill under a umask left it.
        (0o000, 0o700),
    ] {
        set(&at("one"), before);
        create_folder(&at("one")).unwrap();
        assert_eq!(bits(&at("one")), after, "{before:o}");
    }
    file(&at("file"), 0o600);
    let e = create_folder(&at("file")).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotADirectory);
    symlink("nowhere", at("dangling")).unwrap();
    let e = create_folder(&at("dangling")).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists);
    symlink("loop", at("loop")).unwrap();
    let e = create_folder(&at("loop/sub")).unwrap_err();
    assert_ne!(e.kind(), ErrorKind::AlreadyExists, "{e}");
    // It is there when its turn comes to be made, as where another process was faster.
    create_folder(&at("new/../new/sub")).unwrap();
    assert_eq!(bits(&at("new/sub")), 0o700);
}

#[test]
fn a_file_is_made_anew_or_not_at_all() {
    let folder = folder();
    let path = folder.path().join("file");
    drop(create_new(&path).unwrap());
    assert_eq!(bits(&path), 0o600);
    let e = create_new(&path).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn a_lock_file_is_nobody_elses() {
    let folder = folder();
    let path = folder.path().join("lock");
    drop(lock_file(&path, &SUBJECT).unwrap());
    assert_eq!(bits(&path), 0o600);
    for before in [0o600, 0o644, 0o666, 0o000, 0o177] {
        set(&path, before);
        let file = lock_file(&path, &SUBJECT).unwrap();
        assert_eq!(bits(&path), 0o600, "{before:o}");
        file.lock().unwrap();
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    refused(
        lock_file(&link, &SUBJECT),
        Blame::Misuse,
        "not a regular file",
    );
    let missing = folder.path().join("missing/lock");
    refused(
        lock_file(&missing, &SUBJECT),
        Blame::Unavailable,
        "cannot be used",
    );
}

#[test]
fn a_lock_is_one_holders_until_it_is_dropped() {
    let folder = folder();
    let path = folder.path().join("lock");
    let held = lock_patiently(&path, &SUBJECT).unwrap().unwrap();
    let other = std::thread::scope(|scope| {
        let other = scope.spawn(|| lock_patiently(&path, &SUBJECT).unwrap().is_some());
        other.join().unwrap()
    });
    assert!(!other, "it was given up");
    drop(held);
    assert!(lock_patiently(&path, &SUBJECT).unwrap().is_some());
    set(&path, 0o600);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(
        lock_patiently(&path, &SUBJECT),
        Blame::Misuse,
        "not a regular file",
    );
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let folder = folder();
    let (path, draft) = (folder.path().join("it"), folder.path().join("it.new"));
    replace(&path, &draft, b"one").unwrap();
    // What a writer that was killed left, longer than what follows, and of another mode.
    file(&draft, 0o666);
    fs::write(&draft, b"somebody else's").unwrap();
    let before = fs::File::open(&path).unwrap();
    replace(&path, &draft, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!((bits(&path) & 0o777, draft.exists()), (0o600, false));
    // Whoever reads the old one goes on reading the old one.
    assert_eq!(io::read_to_string(before).unwrap(), "one");
    fs::create_dir(&draft).unwrap();
    replace(&path, &draft, b"three").unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
fn a_name_is_given_once() {
    let folder = folder();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    file(&from, 0o600);
    publish(&from, &to).unwrap();
    assert!(!from.exists() && to.exists());
    fs::write(&from, b"y").unwrap();
    let e = publish(&from, &to).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&to).unwrap(), b"x");
    assert!(from.exists());
    assert!(sync_folder(folder.path()).is_ok());
    assert!(sync_folder(&from.join("missing")).is_err());
}

/// Which case of [`child`] to run, and where.
const CASE: &str = "KEYWARD_FILES_TEST_CASE";
const AT: &str = "KEYWARD_FILES_TEST_AT";

fn said(result: std::result::Result<(), impl std::fmt::Display>) {
    match result {
        Ok(()) => println!("said: done"),
        Err(e) => println!("said: {e}"),
    }
}

/// What the tests below run in a process of its own.
#[test]
#[ignore = "run by the tests of this file"]
fn child() {
    let (Ok(case), Some(at)) = (std::env::var(CASE), std::env::var_os(AT)) else {
        return;
    };
    let at = PathBuf::from(at);
    let (from, to) = (at.join("from"), at.join("to"));
    match case.as_str() {
        "lock" => said(lock_file(&at.join("lock"), &SUBJECT).map(drop)),
        "publish" => said(publish(&from, &to)),
        "sync" => said(sync_folder(&at)),
        "create" => said(create_new(&at.join("new")).map(drop)),
        "folder" => said(create_folder(&at.join("one/two"))),
        "check" => {
            let told = fs::metadata(at.join("file")).unwrap();
            said(check_file(&told, &at.join("file"), &SUBJECT, 0o077));
        }
        _ => said(resolve(&at.join("state/a"), &SUBJECT).map(drop)),
    }
}

/// Runs a case of [`child`] by `command`, and tells what it said.
fn run(mut command: Command, case: &str, at: &Path) -> String {
    command.args([
        "--exact",
        "child",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let output = command.env(CASE, case).env(AT, at).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.split_once("said: "));
    let (_, said) = line.unwrap_or_else(|| panic!("{output:?}"));
    said.to_owned()
}

/// A case of [`child`] whose system calls fail as `inject` says, on `path` alone.
fn failing(inject: &str, path: &Path, case: &str, at: &Path) -> String {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("inject={inject}"), "-P"]);
    command.arg(path).arg(std::env::current_exe().unwrap());
    run(command, case, at)
}

fn has_strace() -> bool {
    if without("strace") {
        println!("SKIPPED: no call is made to fail (--without strace)");
    }
    !without("strace")
}

#[test]
fn a_system_that_fails_is_told_as_it_is() {
    if !has_strace() {
        return;
    }
    let folder = folder();
    let lock = folder.path().join("lock");
    for (error, words) in [
        ("ENOSPC", "(the disk is full)"),
        ("EROFS", "(the file system is read-only)"),
        ("EACCES", "(this user may not)"),
        ("EIO", "(the system refused)"),
    ] {
        let said = failing(
            &format!("openat:error={error}"),
            &lock,
            "lock",
            folder.path(),
        );
        assert!(said.contains(words), "{error}: {said}");
        assert!(!lock.exists());
    }
}

#[test]
fn a_file_system_that_cannot_is_no_reason_and_one_that_fails_is() {
    if !has_strace() {
        return;
    }
    let folder = folder();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    for (error, done) in [
        ("EINVAL", true),
        ("ENOSYS", true),
        ("EOPNOTSUPP", true),
        ("EIO", false),
    ] {
        let inject = format!("renameat2:error={error}");
        file(&from, 0o600);
        let said = failing(&inject, &from, "publish", folder.path());
        assert_eq!(said == "done", done, "{error}: {said}");
        assert_eq!((from.exists(), to.exists()), (!done, done), "{error}");
        if done {
            // As with the call: what is there stays.
            file(&from, 0o600);
            let said = failing(&inject, &from, "publish", folder.path());
            assert!(said.contains("exists"), "{said}");
            assert!(from.exists() && to.exists());
            fs::remove_file(&to).unwrap();
        }
    }
    for (error, done) in [("EINVAL", true), ("EIO", false)] {
        let inject = format!("fsync:error={error}");
        let said = failing(&inject, folder.path(), "sync", folder.path());
        assert_eq!(said == "done", done, "{error}: {said}");
        let said = failing(&inject, folder.path(), "publish", folder.path());
        assert_eq!(said == "done", done, "{error}: {said}");
        fs::rename(&to, &from).unwrap();
    }
}

/// Between its making and the setting of its mode, nobody else may open it either.
#[test]
fn a_file_is_private_from_its_first_moment() {
    if !has_strace() {
        return;
    }
    let folder = folder();
    let path = folder.path().join("new");
    let said = failing("fchmod:error=EIO", &path, "create", folder.path());
    assert_ne!(said, "done");
    assert_eq!(bits(&path) & 0o077, 0);
}

#[test]
fn a_umask_that_takes_everything_takes_nothing() {
    let folder = folder();
    let under = |case: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 777; exec \"$0\" \"$@\""]);
        command.arg(std::env::current_exe().unwrap());
        run(command, case, folder.path())
    };
    for (case, made, bits_after) in [
        ("folder", "one/two", 0o700),
        ("create", "new", 0o600),
        ("lock", "lock", 0o600),
    ] {
        assert_eq!(under(case), "done");
        assert_eq!(bits(&folder.path().join(made)), bits_after, "{made}");
    }
    assert_eq!(bits(&folder.path().join("one")), 0o700);
}

/// As a user who is not the superuser: what is the superuser's is trusted, and cannot be changed.
#[test]
fn another_user_takes_its_own_and_the_superusers() {
    if !can_give_files_away() {
        return;
    }
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let program = at("again");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    set(folder.path(), 0o755);
    set(&program, 0o755);
    let says = |case: &str| {
        let mut command = Command::new(&program);
        command.uid(STRANGER).gid(STRANGER);
        run(command, case, folder.path())
    };
    file(&at("file"), 0o600);
    for (user, words) in [
        (0, "done"),
        (STRANGER, "done"),
        (THIRD, "(uid 65533; this is 65534)"),
    ] {
        chown(at("file"), Some(user), None).unwrap();
        let said = says("check");
        assert!(said.contains(words), "{said}");
    }
    // Its own group is that of the process.
    fs::create_dir(at("state")).unwrap();
    set(&at("state"), 0o770);
    for (group, words) in [(STRANGER, "done"), (0, "others may write")] {
        chown(at("state"), Some(STRANGER), Some(group)).unwrap();
        let said = says("resolve");
        assert!(said.contains(words), "{said}");
    }
    // It may make nothing here, and says so.
    assert!(says("folder").contains("denied"), "{}", says("folder"));
    assert!(!at("one").exists());
    let said = says("lock");
    assert!(said.contains("this user may not"), "{said}");
    // The superuser's lock that others may use is none, and is not for this user to mend.
    drop(
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(at("lock"))
            .unwrap(),
    );
    set(&at("lock"), 0o666);
    let said = says("lock");
    assert!(said.contains("others may use"), "{said}");
    // The superuser mends it.
    drop(lock_file(&at("lock"), &SUBJECT).unwrap());
    assert_eq!(bits(&at("lock")), 0o600);
}
