//! Opening: what is made, what is refused, and how it is said.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::{self, block_on};
use keyward_store::{Applied, Erased, Records};
use keyward_testkit::tools::can_give_files_away;
use rusqlite::Connection;
use support::{apply, closed, count, done, insert, key, refused, set};
use tempfile::TempDir;

fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Everything beside a store, its folder too, is for its owner alone.
fn assert_private(path: &Path) {
    for name in ["data.db", "data.db-wal", "data.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let (_folder, path) = fresh();
    let store = SqliteStore::open(&path).unwrap();
    let versions = done(&store, vec![insert("a", b"1"), insert("b", b"2")]);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.check_integrity()).unwrap();
    let a = block_on(store.fetch(&key("acme", "a"))).unwrap().unwrap();
    assert_eq!(
        (a.version, a.content.data),
        (versions[0].unwrap(), b"1".to_vec())
    );
    assert_eq!(
        block_on(store.count(&set(), "kw1.abcdefghijkl")).unwrap(),
        2
    );
    let again = apply(&store, vec![insert("a", b"")]).unwrap();
    assert_eq!(again, Applied::Conflict { index: 0 });
}

/// This program where another user than the superuser may run it, and who that is, if this test
/// has to become one.
fn as_user(folder: &Path) -> (PathBuf, Option<u32>) {
    let me = fs::metadata("/proc/self").unwrap().uid();
    let program = folder.join("again");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let user = (me == 0).then_some(65_534);
    if let Some(user) = user {
        for file in [folder, &program] {
            std::os::unix::fs::chown(file, Some(user), Some(user)).unwrap();
        }
    }
    (program, user)
}

const UMASK: &str = "KEYWARD_SQLITE_TEST_UMASK";

/// Not a test by itself: makes a store under the umask of its process.
#[test]
fn child_makes_a_store() {
    let Ok(path) = std::env::var(UMASK) else {
        return;
    };
    let path = Path::new(&path);
    let store = SqliteStore::open(path).unwrap();
    done(&store, vec![insert("a", b"1")]);
    assert_private(path);
}

#[test]
fn files_are_private_under_any_umask() {
    for umask in ["0000", "0022", "0077", "0277", "0400", "0777"] {
        let (folder, _) = fresh();
        let path = folder.path().join("one/two/data.db");
        // The superuser is held up by no mode.
        let (program, user) = as_user(folder.path());
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!(
                "umask {umask}; exec \"$0\" --exact child_makes_a_store"
            ))
            .arg(program)
            .env(UMASK, &path);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        assert!(command.status().unwrap().success(), "umask {umask}");
        assert_eq!(mode(&path), 0o600, "umask {umask}");
        for made in ["one", "one/two"] {
            assert_eq!(mode(&folder.path().join(made)), 0o700, "umask {umask}");
        }
    }
}

#[test]
fn any_busy_timeout_is_taken() {
    let (_folder, path) = fresh();
    let store = SqliteStore::builder(&path)
        .busy_timeout(Duration::MAX)
        .open()
        .unwrap();
    done(&store, vec![insert("a", b"1")]);
}

#[test]
fn folders_that_are_made_are_private() {
    let (folder, _) = fresh();
    let path = folder.path().join("one/two/data.db");
    let store = SqliteStore::open(&path).unwrap();
    done(&store, vec![insert("a", b"1")]);
    assert_private(&path);
    assert_eq!(mode(&folder.path().join("one")), 0o700);
    assert_eq!(mode(&folder.path().join("one/two")), 0o700);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let (_folder, path) = fresh();
    closed(&path);
    for mode in [0o640, 0o604, 0o660, 0o620] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "chmod 600");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(count(&SqliteStore::open(&path).unwrap()), 200);
}

/// Whoever owns a file may open it to others again.
#[test]
fn a_file_of_another_user_is_refused() {
    if !can_give_files_away() {
        return;
    }
    let (_folder, path) = fresh();
    closed(&path);
    std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    refused(SqliteStore::open(&path), ErrorKind::Misuse, "uid 65534");
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    let log = path.with_file_name("data.db-wal");
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&log, Some(65_534), None).unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Misuse,
        "data.db-wal belongs",
    );
}

/// Whoever may write a folder on the way can put another file in the place of the store's.
#[test]
fn a_folder_that_others_may_write_is_refused() {
    let (folder, _) = fresh();
    let state = folder.path().join("state");
    let (path, fresh) = (state.join("data.db"), state.join("fresh.db"));
    closed(&path);
    let set = |at: &Path, mode| fs::set_permissions(at, Permissions::from_mode(mode)).unwrap();
    for (at, modes) in [
        (state.as_path(), &[0o777, 0o770, 0o722, 0o702][..]),
        (folder.path(), &[0o777, 0o703]),
    ] {
        for bits in modes {
            set(at, *bits);
            for path in [&path, &fresh] {
                let says = "others may write";
                refused(SqliteStore::open(path), ErrorKind::Misuse, says);
            }
        }
        // As /tmp is.
        set(at, 0o1777);
        drop(SqliteStore::open(&path).unwrap());
        set(at, 0o700);
    }
    assert!(!fresh.exists());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&state, &link).unwrap();
    let store = SqliteStore::open(link.join("data.db")).unwrap();
    assert_eq!(store.path(), fs::canonicalize(&path).unwrap());
    drop(store);
    if !can_give_files_away() {
        return;
    }
    for at in [&state, folder.path()] {
        std::os::unix::fs::chown(at, Some(65_534), None).unwrap();
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "another user");
        std::os::unix::fs::chown(at, Some(0), None).unwrap();
    }
    std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
    let through = SqliteStore::open(link.join("data.db"));
    refused(through, ErrorKind::Misuse, "another user");
}

#[test]
fn what_is_no_plain_file_is_refused_at_once() {
    for name in ["data.db", "data.db-wal", "data.db-shm", "data.db-journal"] {
        let (folder, path) = fresh();
        closed(&path);
        let odd = path.with_file_name(name);
        let whole = folder.path().join("elsewhere.db");
        match fs::rename(&odd, &whole) {
            Ok(()) => {}
            Err(_) => fs::write(&whole, "").unwrap(),
        }
        fs::set_permissions(&whole, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&whole, &odd).unwrap();
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "symbolic link");
        fs::remove_file(&odd).unwrap();
        // Opening one would wait for somebody to write into it.
        let made = Command::new("mkfifo").arg(&odd).status().unwrap();
        assert!(made.success());
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "is not a file");
        fs::remove_file(&odd).unwrap();
        // A name that leads nowhere is no place for a new store.
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &odd).unwrap();
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "symbolic link");
        assert!(!folder.path().join("nowhere").exists());
    }
}

#[test]
fn what_is_no_database_is_corrupt() {
    let (_folder, path) = fresh();
    fs::write(
        &path,
        "not a database, but long enough to have a header\n".repeat(200),
    )
    .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Corrupt,
        "not a SQLite database",
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_is_refused() {
    let (folder, _) = fresh();
    refused(
        SqliteStore::open(folder.path()),
        ErrorKind::Misuse,
        "not a file",
    );
}

#[test]
fn a_database_of_another_application_is_refused_and_unchanged() {
    let schemas = [
        "CREATE TABLE theirs (x)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 1",
    ];
    for schema in schemas {
        let (_folder, path) = fresh();
        Connection::open(&path)
            .unwrap()
            .execute_batch(schema)
            .unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let before = fs::read(&path).unwrap();
        refused(
            SqliteStore::open(&path),
            ErrorKind::Misuse,
            "path of its own",
        );
        assert_eq!(fs::read(&path).unwrap(), before, "{schema}");
    }
}

#[test]
fn a_newer_schema_is_refused_and_unchanged() {
    let (_folder, path) = fresh();
    closed(&path);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA user_version = 3").unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    refused(SqliteStore::open(&path), ErrorKind::Unavailable, "upgrade");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// As the first form of the store was made, before there was a release.
#[test]
fn an_older_schema_is_refused_and_unchanged() {
    let (_folder, path) = fresh();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "CREATE TABLE record (collection TEXT NOT NULL, sealed TEXT NOT NULL) STRICT;
         PRAGMA application_id = 1802990452; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(conn);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Misuse,
        "make a new store",
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_identity_is_kept_and_goes_with_a_copy() {
    let (_folder, path) = fresh();
    closed(&path);
    let (_other, elsewhere) = fresh();
    let [one, two] = [&path, &elsewhere].map(|path| SqliteStore::open(path).unwrap());
    conformance::identities(&one, &two).unwrap();
    let identity = one.identity().unwrap();
    assert_eq!(identity.as_str().len(), 32);
    drop((one, two));
    assert_eq!(
        SqliteStore::open(&path).unwrap().identity().unwrap(),
        identity
    );
    let copy = path.with_file_name("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert_eq!(
        SqliteStore::open(&copy).unwrap().identity().unwrap(),
        identity
    );

    let conn = Connection::open(&copy).unwrap();
    conn.execute_batch("DELETE FROM store").unwrap();
    refused(
        SqliteStore::open(&copy),
        ErrorKind::Corrupt,
        "restore a backup",
    );
    conn.execute_batch("INSERT INTO store VALUES (1, 'two words')")
        .unwrap();
    refused(
        SqliteStore::open(&copy),
        ErrorKind::Corrupt,
        "restore a backup",
    );
}

#[test]
fn a_file_that_was_cut_is_corrupt() {
    for length in [1, 512, 4096, 8192] {
        let (_folder, path) = fresh();
        closed(&path);
        assert!(fs::metadata(&path).unwrap().len() > 8192);
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length)
            .unwrap();
        refused(
            SqliteStore::open(&path),
            ErrorKind::Corrupt,
            "restore a backup",
        );
    }
    // Emptied, with its journal beside it: not a new store.
    let (_folder, path) = fresh();
    closed(&path);
    let log = path.with_file_name("data.db-wal");
    fs::write(&log, [1; 100]).unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Corrupt,
        "restore a backup",
    );
}

#[test]
fn damage_within_is_corrupt_when_it_is_read() {
    let (_folder, path) = fresh();
    closed(&path);
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    let whole = bytes.clone();
    bytes[4096..len].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Corrupt,
        "restore a backup",
    );
    // The schema and the identity are left as they are: the rest is not read before it is needed.
    bytes[4096..8192].copy_from_slice(&whole[4096..8192]);
    fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let checked = block_on(store.check_integrity());
    refused(checked, ErrorKind::Corrupt, "restore a backup");
    let read = block_on(store.fetch(&key("acme", "0100")));
    refused(read, ErrorKind::Corrupt, "restore a backup");
    refused(
        apply(&store, vec![insert("new", b"")]),
        ErrorKind::Corrupt,
        "restore a backup",
    );
    // It is not taken for a file that others use.
    let erased = block_on(store.erase());
    refused(erased, ErrorKind::Corrupt, "restore a backup");
    // Of a store its path is shown, and nothing else.
    let shown = format!("{store:?}");
    assert!(shown.starts_with("SqliteStore { path: \""), "{shown}");
    assert!(shown.ends_with("data.db\", .. }"), "{shown}");
}

#[test]
fn a_name_that_leaves_no_room_for_the_journals_is_refused() {
    let (folder, _) = fresh();
    let path = folder.path().join("x".repeat(250));
    refused(
        SqliteStore::open(&path),
        ErrorKind::Unavailable,
        "cannot be reached",
    );
    assert!(!path.exists());
    // Nobody makes a file there.
    if cfg!(target_os = "linux") {
        let store = SqliteStore::open("/proc/keyward.db");
        refused(store, ErrorKind::Unavailable, "cannot be made");
    }
}

#[test]
fn a_value_of_another_type_is_corrupt() {
    let (_folder, path) = fresh();
    closed(&path);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("UPDATE record SET version = -1")
        .unwrap();
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    refused(
        block_on(store.fetch(&key("acme", "0100"))),
        ErrorKind::Corrupt,
        "restore a backup",
    );
}

const READ_ONLY: &str = "KEYWARD_SQLITE_TEST_READ_ONLY";

/// Not a test by itself: opens what its user may only read.
#[test]
fn child_opens_a_read_only_file() {
    let Ok(path) = std::env::var(READ_ONLY) else {
        return;
    };
    refused(
        SqliteStore::open(&path),
        ErrorKind::Unavailable,
        "cannot be",
    );
}

/// The superuser may write everything, so another user tries.
#[test]
fn a_read_only_file_is_unavailable() {
    let (folder, path) = fresh();
    closed(&path);
    let me = fs::metadata("/proc/self").unwrap().uid();
    let (program, user) = as_user(folder.path());
    std::os::unix::fs::chown(&path, user, user).unwrap();
    for (file, folder_mode) in [
        (0o400, 0o700),
        (0o400, 0o500),
        (0o600, 0o500),
        (0o000, 0o700),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(file)).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
        let mut command = Command::new(&program);
        command
            .args(["--exact", "child_opens_a_read_only_file"])
            .env(READ_ONLY, &path);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{file:o} in {folder_mode:o}: {said}");
        assert!(said.contains("1 passed"), "{said}");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    for mine in [path.as_path(), folder.path()] {
        std::os::unix::fs::chown(mine, Some(me), None).unwrap();
    }
    assert_eq!(count(&SqliteStore::open(&path).unwrap()), 200);
}

#[test]
fn a_locked_database_is_unavailable_and_comes_back() {
    let (_folder, path) = fresh();
    closed(&path);
    let store = SqliteStore::builder(&path)
        .busy_timeout(Duration::from_millis(20))
        .open()
        .unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(
        apply(&store, vec![insert("new", b"")]),
        ErrorKind::Unavailable,
        "end its transaction",
    );
    assert_eq!(block_on(store.erase()).unwrap(), Erased::InUse);
    // Who only reads is not in the way of a writer.
    assert_eq!(count(&store), 200);
    assert!(
        block_on(store.fetch(&key("acme", "0100")))
            .unwrap()
            .is_some()
    );
    drop(SqliteStore::open(&path).unwrap());
    other.execute_batch("ROLLBACK").unwrap();
    done(&store, vec![insert("new", b"")]);
    drop(store);

    // A process that keeps the whole file to itself.
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    other
        .execute_batch("UPDATE counter SET last = last + 1; COMMIT")
        .unwrap();
    let open = || {
        SqliteStore::builder(&path)
            .busy_timeout(Duration::from_millis(20))
            .open()
    };
    refused(open(), ErrorKind::Unavailable, "locked by another process");
    drop(other);
    assert_eq!(count(&open().unwrap()), 201);
}
