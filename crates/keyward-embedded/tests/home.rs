//! A home is private, is made once, and is not made anew out of what is left of it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "home/accepted.rs"]
mod accepted;
#[path = "home/audit.rs"]
mod audit;
#[path = "home/column.rs"]
mod column;
#[path = "home/fixture.rs"]
mod fixture;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use keyward_base::{Actor, ErrorKind, Purpose, SecretBytes, Subject, Tenant};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource, anchor_path, danger};
use keyward_keys::PassphraseRoot;
use keyward_testkit::RecordingAudit;
use keyward_testkit::tools::{can_give_files_away, without};
use keyward_vault::Credential;

fn options(folder: &Path) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.join("anchor"));
    options
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_missing_anchor_is_not_made_anew_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let older = folder.path().join("older.db");
    let home = Home::init(&dir, &options).await.unwrap();
    let anchor = home.anchor().to_owned();
    drop(home);
    fs::copy(dir.keys_db(), &older).unwrap();
    let refuses = async || {
        let refusals = [
            Home::open(&dir, &options).await.unwrap_err(),
            Home::serve(&dir, &options, "web-1").await.unwrap_err(),
        ];
        for refused in refusals {
            assert_eq!(refused.kind(), ErrorKind::Unavailable);
            assert!(refused.to_string().contains("accept-restore"), "{refused}");
            assert!(!anchor.exists(), "it makes nothing that is missing");
        }
    };
    fs::remove_file(&anchor).unwrap();
    refuses().await;
    drop(danger::accept_restore(&dir, &options).await.unwrap());
    drop(Home::serve(&dir, &options, "web-1").await.unwrap());
    // So that a keyring from before is not taken for the newest where the anchor went with it.
    fs::copy(&older, dir.keys_db()).unwrap();
    fs::remove_file(&anchor).unwrap();
    refuses().await;
}

#[tokio::test]
async fn a_new_home_is_private_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("deep/home"));
    let options = options(folder.path());
    assert!(!dir.is_used().unwrap());
    let made = Home::init(&dir, &options).await.unwrap();
    let ring = made.keyring().status().ring;
    drop(made);
    assert_eq!(mode(dir.folder()), 0o700);
    for file in [dir.keys_db(), dir.data_db(), dir.root_file()] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let opened = Home::open(&dir, &options).await.unwrap();
    assert_eq!(opened.keyring().status().ring, ring);
    assert!(opened.anchor().exists());
}

#[tokio::test]
async fn what_is_no_home_is_told_apart_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "notes").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for (at, word) in [(&empty, "no keyring"), (&file, "is not a folder")] {
        let refused = Home::open(&HomeDir::at(at), &options).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
        assert!(refused.to_string().contains(word), "{refused}");
    }
    let refused = Home::init(&HomeDir::at(&file), &options).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "notes");
}

/// The key store is lost, and the values are not: a new keyring would make them look sealed well.
#[tokio::test]
async fn no_ring_is_made_beside_values_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    insert(&home).await;
    let anchor = home.anchor().to_owned();
    drop(home);
    for gone in [dir.keys_db(), anchor] {
        fs::remove_file(gone).unwrap();
    }
    let refused = Home::init(&dir, &options).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("sealed values"), "{refused}");
}

async fn insert(home: &Home) {
    let tokens = home.vault().tenant("acme").unwrap();
    let tokens = tokens.place("account.token").unwrap();
    let secret = SecretBytes::copy_of(b"ghp_of-a-test-0123456789012345678901");
    let credential = Credential::api_key(secret).unwrap();
    let record = tokens.record("42").unwrap();
    record.insert(&credential).await.unwrap();
}

/// Keys and values are told of to one sink, in the name of whoever opened the home.
#[tokio::test]
async fn all_that_is_done_is_told_in_the_name_of_the_actor() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    let audit = RecordingAudit::new();
    let actor = Actor::new(Subject::new("u-17").unwrap());
    options.audit = Some(Arc::new(audit.clone()));
    options.actor = Some(actor.clone());
    let home = Home::init(&dir, &options).await.unwrap();
    insert(&home).await;
    home.keyring()
        .admin()
        .rotate(&Purpose::new("vault").unwrap())
        .await
        .unwrap();
    let events = audit.take();
    for action in ["keys.rotate", "vault."] {
        let mut of = events.iter().filter(|e| e.action.starts_with(action));
        assert!(of.clone().count() >= 2, "{action}");
        assert!(of.all(|e| e.actor.as_ref() == Some(&actor)), "{action}");
    }
}

/// A process that goes to another folder keeps its anchor.
#[tokio::test]
async fn an_anchor_is_where_it_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let whole = folder.path().join("anchor");
    let mut options = options(folder.path());
    options.anchor = Some(up.join(whole.strip_prefix("/").unwrap()));
    let home = Home::init(&dir, &options).await.unwrap();
    assert!(home.anchor().is_absolute(), "{}", home.anchor().display());
    assert!(whole.exists());
}

/// A kill under a umask that takes everything leaves a folder that nobody can use.
#[test]
fn a_home_that_was_left_without_its_mode_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    fs::create_dir(dir.folder()).unwrap();
    fs::set_permissions(dir.folder(), fs::Permissions::from_mode(0o000)).unwrap();
    dir.prepare().unwrap();
    assert_eq!(mode(dir.folder()), 0o700);
}

#[tokio::test]
async fn a_second_ring_is_refused_and_an_empty_folder_is_no_home() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let open = Home::open(&dir, &options).await.unwrap_err();
    assert_eq!(open.kind(), ErrorKind::Misuse);
    assert!(open.to_string().contains("keyward keys init"), "{open}");
    assert!(!dir.folder().exists(), "opening makes nothing");

    Home::init(&dir, &options).await.unwrap();
    let again = Home::init(&dir, &options).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Misuse);
    fs::remove_file(dir.keys_db()).unwrap();
    let lost = Home::open(&dir, &options).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let anew = Home::init(&dir, &options).await.unwrap_err();
    assert_eq!(anew.kind(), ErrorKind::Misuse, "the anchor remembers");
}

#[tokio::test]
async fn others_are_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    Home::init(&dir, &options).await.unwrap();
    let files = [dir.root_file(), dir.keys_db(), dir.data_db()];
    for path in files.iter().map(|p| &**p).chain([dir.folder()]) {
        let tight = mode(path);
        for bit in [0o040, 0o020, 0o004, 0o002] {
            fs::set_permissions(path, fs::Permissions::from_mode(tight | bit)).unwrap();
            let refused = Home::open(&dir, &options).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Misuse, "{}", path.display());
            assert!(refused.to_string().contains("chmod"), "{refused}");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(tight)).unwrap();
    }
    Home::open(&dir, &options).await.unwrap();
}

#[tokio::test]
async fn a_root_that_is_none_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    options.root = RootSource::Keys(SecretBytes::copy_of(b"v1:hunter2"));
    let refused = Home::init(&dir, &options).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("KEYWARD_ROOT"));
    assert!(!format!("{refused:?}").contains("hunter2"));
    assert!(!dir.folder().exists());
}

#[tokio::test]
async fn a_ring_put_back_is_refused_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    Home::init(&dir, &options).await.unwrap();
    let backup = fs::read(dir.keys_db()).unwrap();
    let put_back = || fs::write(dir.keys_db(), &backup).unwrap();
    let opened = Home::open(&dir, &options).await.unwrap();
    let vault = Purpose::new("vault").unwrap();
    let acme = Tenant::new("acme").unwrap();
    opened
        .keyring()
        .sealing_key(&vault, &acme, 0)
        .await
        .unwrap();
    opened.keyring().admin().rotate(&vault).await.unwrap();
    drop(opened);
    put_back();

    let refused = Home::open(&dir, &options).await.unwrap_err();
    assert!(refused.to_string().contains("accept-restore"), "{refused}");
    danger::accept_restore(&dir, &options).await.unwrap();
    Home::open(&dir, &options).await.unwrap();
    put_back();
    Home::open(&dir, &options).await.unwrap_err();
}

#[tokio::test]
async fn a_missing_store_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    Home::init(&dir, &options).await.unwrap();
    for path in [dir.data_db(), dir.keys_db()] {
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        let refused = Home::open(&dir, &options).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        assert!(refused.to_string().contains("is missing"), "{refused}");
        assert!(!path.exists(), "{} was made anew", path.display());
        fs::rename(&aside, &path).unwrap();
    }
    Home::open(&dir, &options).await.unwrap();
}

#[tokio::test]
async fn an_emptied_store_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());
    for path in [dir.data_db(), dir.keys_db()] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, "").unwrap();
        let refused = Home::open(&dir, &options).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
        assert!(
            refused.to_string().contains("restore a backup"),
            "{refused}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"", "{}", path.display());
        fs::write(&path, whole).unwrap();
    }
    Home::open(&dir, &options).await.unwrap();
}

#[tokio::test]
async fn a_home_of_another_user_is_refused() {
    if !can_give_files_away() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    Home::init(&dir, &options).await.unwrap();
    for at in [dir.folder(), folder.path()] {
        std::os::unix::fs::chown(at, Some(65_534), None).unwrap();
        for refused in [
            Home::open(&dir, &options).await.unwrap_err(),
            Home::init(&dir, &options).await.unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Misuse);
            assert!(refused.to_string().contains("another user"), "{refused}");
        }
        std::os::unix::fs::chown(at, Some(0), None).unwrap();
    }
}

#[tokio::test]
async fn a_folder_of_other_things_is_no_home_and_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("other"), "things").unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    let dir = HomeDir::at(&shared);
    let options = options(folder.path());
    let refused = Home::init(&dir, &options).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(!refused.to_string().contains("chmod"), "{refused}");
    // What it says works.
    let below = HomeDir::at(shared.join("keyward"));
    assert!(
        refused
            .to_string()
            .contains(&below.folder().display().to_string()),
        "{refused}"
    );
    Home::init(&below, &options).await.unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Home::open(&below, &options).await.unwrap_err();
    assert!(
        refused.to_string().contains("others may write"),
        "{refused}"
    );
    assert!(!refused.to_string().contains("chmod"), "{refused}");
}

/// Whatever of a home is left in a folder, its mode is what is to be mended.
#[tokio::test]
async fn a_part_of_a_home_is_one_and_an_empty_folder_may_become_one() {
    let folder = tempfile::tempdir().unwrap();
    for left in [&[][..], &["root"], &["keys.db"], &["data.db"]] {
        let dir = HomeDir::at(folder.path().join(format!("home-{}", left.concat())));
        fs::create_dir(dir.folder()).unwrap();
        for name in left {
            fs::write(dir.folder().join(name), "").unwrap();
        }
        fs::set_permissions(dir.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        let refused = dir.inspect().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
        let advice = format!("chmod 700 {}", dir.folder().display());
        assert!(refused.to_string().ends_with(&advice), "{refused}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    // Nobody makes a folder in this one.
    if cfg!(target_os = "linux") {
        let refused = HomeDir::at("/proc/keyward").prepare().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(refused.to_string().contains("cannot be made"), "{refused}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = HomeDir::at(&file).prepare().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("is not a folder"), "{refused}");
}

#[tokio::test]
async fn a_root_of_the_callers_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let root = |text: &str| {
        let text = SecretBytes::copy_of(text.as_bytes());
        let root = PassphraseRoot::new(text, &Provider::default()).unwrap();
        let mut options = options(folder.path());
        options.root = RootSource::Custom(Arc::new(root));
        options
    };
    Home::init(&dir, &root("gravel orbit tulip magnet"))
        .await
        .unwrap();
    assert!(!dir.root_file().exists());
    Home::open(&dir, &root("gravel orbit tulip magnet"))
        .await
        .unwrap();
    let wrong = Home::open(&dir, &root("shiver plank acorn velvet"))
        .await
        .unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Unavailable);
}

const CHILD: &str = "KEYWARD_TEST_CHILD";

/// What the tests below run in a process of its own: a home is made, or its place is told.
#[tokio::test]
#[ignore = "run by the tests of this file"]
async fn child() {
    match std::env::var(CHILD).as_deref() {
        Ok("place") => match HomeDir::from_env() {
            Ok(dir) => {
                println!("home {}", dir.folder().display());
                let anchor = anchor_path(&dir, &Provider::default());
                println!(
                    "anchor {}",
                    anchor.map_or_else(|e| e.to_string(), |a| a.display().to_string())
                );
            }
            Err(e) => println!("home {e}"),
        },
        Ok(folder) => {
            let folder = Path::new(folder);
            let dir = HomeDir::at(folder.join("deep/home"));
            Home::init(&dir, &options(folder)).await.unwrap();
        }
        Err(_) => {}
    }
}

fn place(vars: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]);
    command.env_clear().env(CHILD, "place");
    let output = command.envs(vars.iter().copied()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn variables_are_read_as_their_specifications_say() {
    let told = place(&[
        ("HOME", "/home/x"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "s"),
    ]);
    assert!(
        told.contains("home /home/x/.local/share/keyward\n"),
        "{told}"
    );
    assert!(
        told.contains("anchor /home/x/.local/state/keyward/"),
        "{told}"
    );
    let told = place(&[
        ("HOME", "/home/x"),
        ("XDG_DATA_HOME", "/d"),
        ("XDG_STATE_HOME", "/s"),
    ]);
    assert!(
        told.contains("home /d/keyward\n") && told.contains("anchor /s/keyward/"),
        "{told}"
    );
    let told = place(&[("HOME", "home"), ("XDG_DATA_HOME", "data")]);
    assert!(told.contains("set KEYWARD_HOME to a folder"), "{told}");
    let told = place(&[("HOME", "/home/x"), ("KEYWARD_HOME", "~/keyward")]);
    assert!(told.contains("KEYWARD_HOME begins with ~"), "{told}");
    let told = place(&[("HOME", "/home/x"), ("KEYWARD_ANCHOR", "~/anchor")]);
    assert!(told.contains("KEYWARD_ANCHOR begins with ~"), "{told}");
    let told = place(&[("HOME", "/home/x"), ("KEYWARD_ANCHOR", "state/anchor")]);
    assert!(
        told.contains("anchor KEYWARD_ANCHOR is a relative path"),
        "{told}"
    );
}

/// Each home has an anchor of its own, by the folder that its name leads to.
#[test]
fn the_anchor_of_a_home_is_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["a", "b"] {
        fs::create_dir(at(name)).unwrap();
    }
    std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
    let anchor = |name: &str| {
        let told = place(&[("HOME", "/home/x"), ("KEYWARD_HOME", &at(name))]);
        let line = told.lines().find(|line| line.starts_with("anchor /"));
        line.unwrap().to_owned()
    };
    assert_ne!(anchor("a"), anchor("b"));
    assert_eq!(anchor("a"), anchor("link"));
}

/// Killed at each of its calls in turn, what is left is made by the next `init`, or opens.
#[tokio::test]
async fn a_kill_at_every_step_of_init_leaves_what_goes_on() {
    if without("strace") {
        println!("SKIPPED: no init is killed (--without strace)");
        return;
    }
    let mut kills = 0;
    for call in [
        "mkdir",
        "chmod",
        "fchmod",
        "flock",
        "fsync",
        "fdatasync",
        "rename",
        "renameat2",
        "unlink",
        "pwrite64",
        "ftruncate",
    ] {
        for when in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new("strace");
            command.args(["-f", "-e", &format!("trace={call}"), "-e"]);
            command.arg(format!("inject={call}:signal=KILL:when={when}"));
            command.arg(std::env::current_exe().unwrap());
            command.args(["--exact", "child", "--ignored"]);
            let output = command.env(CHILD, folder.path()).output();
            let output =
                output.expect("strace: install the package strace, or run with --without strace");
            if output.status.success() {
                break;
            }
            kills += 1;
            let dir = HomeDir::at(folder.path().join("deep/home"));
            let options = options(folder.path());
            if let Err(e) = Home::init(&dir, &options).await {
                assert!(
                    e.to_string().contains("there is a keyring"),
                    "{call} {when}: {e}"
                );
            }
            if let Err(e) = Home::open(&dir, &options).await {
                panic!("{call} {when}: {e}");
            }
        }
    }
    assert!(kills >= 30, "{kills}");
}
