//! The file on disk: whose it may be, and that its version only rises.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_approval::executor::Trusting as _;
use keyward_approval::reason::{FORKED, PUT_BACK};
use keyward_approval::trust::LiveTrust;
use keyward_approval::{ServiceName, TrustFile};
use keyward_base::{Error, ErrorKind, Reason, SystemClock};
use keyward_crypto::Provider;
use keyward_keys::FileAnchor;

use crate::changes::{joined, vote};
use crate::world::World;

struct Disk {
    _folder: tempfile::TempDir,
    path: PathBuf,
    file: TrustFile,
}

fn file_at(path: &Path, service: &str) -> TrustFile {
    let anchor = Arc::new(FileAnchor::new(path.with_file_name("state").join("anchor")));
    let service = ServiceName::new(service).unwrap();
    TrustFile::new(&Provider::default(), path.to_owned(), service, anchor)
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.toml");
        let file = file_at(&path, "deploydesk");
        Self {
            _folder: folder,
            path,
            file,
        }
    }

    fn put(&self, text: &str) {
        write(&self.path, text).unwrap();
        set_permissions(&self.path, Permissions::from_mode(0o600)).unwrap();
    }

    fn refused(&self) -> Error {
        self.file.load().unwrap_err()
    }
}

#[test]
fn an_older_file_and_a_second_one_of_its_version_are_refused() {
    let (disk, world) = (Disk::new(), World::new());
    let text = world.trust.text();
    assert_eq!(disk.refused().kind(), ErrorKind::Misuse);
    disk.put(text);
    assert_eq!(disk.file.load().unwrap().version(), 3);
    // Edited, the version not raised.
    disk.put(&format!("{text}# more\n"));
    assert_eq!(disk.refused().reason(), Some(FORKED));
    let newer = text.replace("version = 3", "version = 7");
    disk.put(&newer);
    assert_eq!(disk.file.load().unwrap().version(), 7);
    // A process that starts anew knows it too.
    disk.put(text);
    let refused = file_at(&disk.path, "deploydesk").load().unwrap_err();
    assert_eq!(
        (refused.kind(), refused.reason()),
        (ErrorKind::Unavailable, Some(PUT_BACK))
    );
    disk.put(&newer);
    assert!(disk.file.load().is_ok());
    // Another service has a file of its own, and this is not it.
    let other = file_at(&disk.path, "other").load().unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Misuse);
}

#[test]
fn what_others_may_write_is_refused() {
    let (disk, world) = (Disk::new(), World::new());
    disk.put(world.trust.text());
    assert!(disk.file.load().is_ok());
    for mode in [0o622, 0o620, 0o602] {
        set_permissions(&disk.path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(disk.refused().kind(), ErrorKind::Misuse, "{mode:o}");
    }
    set_permissions(&disk.path, Permissions::from_mode(0o644)).unwrap();
    assert!(disk.file.load().is_ok());
    let folder = disk.path.parent().unwrap();
    for mode in [0o777, 0o770] {
        set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        assert_eq!(disk.refused().kind(), ErrorKind::Misuse, "{mode:o}");
    }
    set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    assert!(disk.file.load().is_ok());
    // A folder, a file that is too long, and one that is no text.
    std::fs::remove_file(&disk.path).unwrap();
    std::fs::create_dir(&disk.path).unwrap();
    assert_eq!(disk.refused().kind(), ErrorKind::Misuse);
    std::fs::remove_dir(&disk.path).unwrap();
    disk.put(&"#".repeat(keyward_approval::trust::MAX_LEN + 1));
    assert_eq!(disk.refused().kind(), ErrorKind::Misuse);
    write(&disk.path, [0xff; 9]).unwrap();
    assert_eq!(disk.refused().kind(), ErrorKind::Misuse);
}

#[test]
fn a_file_that_was_voted_for_takes_the_place_of_the_one_it_was_voted_on() {
    let (disk, world) = (Disk::new(), World::new());
    disk.put(world.trust.text());
    // The executor is another user than the one that the file belongs to.
    set_permissions(&disk.path, Permissions::from_mode(0o644)).unwrap();
    let old = disk.file.load().unwrap();
    let voted = |version| {
        let next = joined(&world, version);
        let votes = [
            vote(&old, &next, "ada", &world.ada),
            vote(&old, &next, "bob", &world.bob),
        ];
        old.accept(next, &votes).unwrap()
    };
    let (first, late) = (voted(4), voted(5));
    assert_eq!(disk.file.replace(first).unwrap().version(), 4);
    assert_eq!(disk.file.load().unwrap().text(), joined(&world, 4).text());
    let mode = std::fs::metadata(&disk.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    // It was voted on the file before.
    let refused = disk.file.replace(late).unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::CONFLICT));
    // And the one before does not come back.
    disk.put(world.trust.text());
    assert_eq!(disk.refused().reason(), Some(PUT_BACK));
    assert_eq!(
        disk.file.replace(voted(6)).unwrap_err().reason(),
        Some(PUT_BACK)
    );
}

#[test]
fn a_file_is_parsed_once_and_asked_each_time() {
    let (disk, world) = (Disk::new(), World::new());
    disk.put(world.trust.text());
    let live = LiveTrust::new(disk.file.clone(), Arc::new(SystemClock::new()));
    let first = live.trust().unwrap();
    assert!(Arc::ptr_eq(&first, &live.trust().unwrap()));
    // Another one is seen at once, and the first does not come back with it.
    disk.put(joined(&world, 4).text());
    assert_eq!(live.trust().unwrap().version(), 4);
    disk.put(world.trust.text());
    assert_eq!(live.trust().unwrap_err().reason(), Some(PUT_BACK));
    // Nor does what is held stand for a file that others may write, or that is gone.
    disk.put(joined(&world, 4).text());
    set_permissions(&disk.path, Permissions::from_mode(0o622)).unwrap();
    assert_eq!(live.trust().unwrap_err().kind(), ErrorKind::Misuse);
    std::fs::remove_file(&disk.path).unwrap();
    assert_eq!(live.trust().unwrap_err().kind(), ErrorKind::Misuse);
}

#[test]
fn a_file_that_was_replaced_is_pinned_before_anybody_reads_it() {
    let (disk, world) = (Disk::new(), World::new());
    disk.put(world.trust.text());
    let old = disk.file.load().unwrap();
    let next = joined(&world, 4);
    let votes = [
        vote(&old, &next, "ada", &world.ada),
        vote(&old, &next, "bob", &world.bob),
    ];
    let taken = old.accept(next, &votes).unwrap();
    // While another process replaces it.
    let beside = disk.path.with_file_name("trust.toml.lock");
    let lock = std::fs::File::create(&beside).unwrap();
    set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
    lock.lock().unwrap();
    let refused = disk.file.replace(taken).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(disk.file.load().unwrap().version(), 3);
    drop(lock);
    let taken = old.accept(joined(&world, 4), &votes).unwrap();
    assert_eq!(disk.file.replace(taken).unwrap().version(), 4);
    disk.put(world.trust.text());
    assert_eq!(disk.refused().reason(), Some(PUT_BACK));
}

/// A file is written whole, and renamed into place: half of one is read as what it says.
#[test]
fn half_a_file_is_no_file_or_one_of_fewer_people() {
    let (disk, world) = (Disk::new(), World::new());
    let text = world.trust.text();
    let mut parsed = 0;
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let Ok(half) = keyward_approval::Trust::parse(&Provider::default(), &text[..end]) else {
            continue;
        };
        parsed += 1;
        // Nothing of the policy or of what a change takes is lost, and nobody is there who was not.
        assert_eq!(half.policy().text(), world.trust.policy().text());
        assert_eq!(half.change_quorum(), world.trust.change_quorum());
        for one in half.approvers() {
            let whole = world.trust.approver(one.tenant(), one.subject()).unwrap();
            let known = |passkey| whole.passkeys().contains(passkey);
            assert!(one.passkeys().iter().all(known));
            assert!(one.roles().iter().all(|role| whole.roles().contains(role)));
            assert!(whole.may_change() || !one.may_change());
        }
    }
    assert!(parsed > 0);
    // Read before it was whole, its version is taken: the operator raises it.
    let cut = text.rfind("[[approver]]").unwrap();
    disk.put(&text[..cut]);
    assert_eq!(disk.file.load().unwrap().approvers().count(), 3);
    disk.put(text);
    assert_eq!(disk.refused().reason(), Some(FORKED));
    disk.put(&text.replace("version = 3", "version = 5"));
    assert_eq!(disk.file.load().unwrap().approvers().count(), 4);
}

#[test]
fn a_link_leads_to_the_file_only_where_nobody_else_may_lead_it() {
    let (disk, world) = (Disk::new(), World::new());
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.toml");
    write(&real, world.trust.text()).unwrap();
    set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&real, &disk.path).unwrap();
    assert_eq!(disk.file.load().unwrap().version(), 3);
    set_permissions(elsewhere.path(), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(disk.refused().kind(), ErrorKind::Misuse);
    set_permissions(elsewhere.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(disk.file.load().is_ok());
    // To nothing, and to itself.
    std::fs::remove_file(&real).unwrap();
    assert!(disk.file.load().is_err());
    std::fs::remove_file(&disk.path).unwrap();
    std::os::unix::fs::symlink(&disk.path, &disk.path).unwrap();
    assert!(disk.file.load().is_err());
}
