//! A home is private, is made once, and is not made anew out of what is left of it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyward_base::{ErrorKind, Purpose, SecretBytes, Tenant};
use keyward_embedded::{Embedded, Home, Options, RootSource, danger};

fn options(folder: &Path) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.join("anchor"));
    options
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_home_is_private_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("deep/home"));
    let options = options(folder.path());
    assert!(!home.is_used().unwrap());
    let made = Embedded::init(&home, &options).await.unwrap();
    let ring = made.keyring().status().ring;
    drop(made);
    assert_eq!(mode(home.folder()), 0o700);
    for file in [home.keys_db(), home.data_db(), home.root_file()] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let opened = Embedded::open(&home, &options).await.unwrap();
    assert_eq!(opened.keyring().status().ring, ring);
    assert!(opened.anchor().exists());
}

#[tokio::test]
async fn a_second_ring_is_refused_and_an_empty_folder_is_no_home() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let options = options(folder.path());
    let open = Embedded::open(&home, &options).await.unwrap_err();
    assert_eq!(open.kind(), ErrorKind::Misuse);
    assert!(open.to_string().contains("keyward keys init"), "{open}");
    assert!(!home.folder().exists(), "opening makes nothing");

    Embedded::init(&home, &options).await.unwrap();
    let again = Embedded::init(&home, &options).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Misuse);
    fs::remove_file(home.keys_db()).unwrap();
    let lost = Embedded::open(&home, &options).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let anew = Embedded::init(&home, &options).await.unwrap_err();
    assert_eq!(anew.kind(), ErrorKind::Misuse, "the anchor remembers");
}

#[tokio::test]
async fn others_are_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let options = options(folder.path());
    Embedded::init(&home, &options).await.unwrap();
    let files = [home.root_file(), home.keys_db(), home.data_db()];
    for path in files.iter().map(|p| &**p).chain([home.folder()]) {
        let tight = mode(path);
        for bit in [0o040, 0o020, 0o004, 0o002] {
            fs::set_permissions(path, fs::Permissions::from_mode(tight | bit)).unwrap();
            let refused = Embedded::open(&home, &options).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Misuse, "{}", path.display());
            assert!(refused.to_string().contains("chmod"), "{refused}");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(tight)).unwrap();
    }
    Embedded::open(&home, &options).await.unwrap();
}

#[tokio::test]
async fn a_root_that_is_none_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let mut options = options(folder.path());
    options.root = RootSource::Keys(SecretBytes::copy_of(b"v1:hunter2"));
    let refused = Embedded::init(&home, &options).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("KEYWARD_ROOT"));
    assert!(!format!("{refused:?}").contains("hunter2"));
    assert!(!home.folder().exists());
}

#[tokio::test]
async fn a_ring_put_back_is_refused_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let options = options(folder.path());
    Embedded::init(&home, &options).await.unwrap();
    let backup = fs::read(home.keys_db()).unwrap();
    let put_back = || fs::write(home.keys_db(), &backup).unwrap();
    let opened = Embedded::open(&home, &options).await.unwrap();
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

    let refused = Embedded::open(&home, &options).await.unwrap_err();
    assert!(refused.to_string().contains("accept-restore"), "{refused}");
    danger::accept_restore(&home, &options).await.unwrap();
    Embedded::open(&home, &options).await.unwrap();
    put_back();
    Embedded::open(&home, &options).await.unwrap_err();
}
