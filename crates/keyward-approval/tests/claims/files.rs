//! A folder of claims: whose it is, what it holds, and what is said of one that is not what was written.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use keyward_approval::GateId;
use keyward_approval::claims::{Advanced, ClaimAnchor as _, ClaimName, FileClaims, Seen, Shard};
use keyward_base::{Error, ErrorKind};
use keyward_keys::{Anchor as _, FileAnchor, Pin, PinName};

use crate::{at, gate, id, pin, pinned};

fn claims(folder: &Path) -> FileClaims {
    FileClaims::open(folder.to_owned()).unwrap()
}

/// A folder with one claim, the gate `gate(1, 100)`, and its file.
async fn with_one() -> (tempfile::TempDir, FileClaims, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let claims = claims(&folder.path().join("claims"));
    pinned(&claims, gate(1, 100), pin(3, 3)).await;
    let number = Shard::number_of(id(1));
    let file = claims.folder().join(format!("{number:03x}"));
    (folder, claims, file)
}

fn refused<T: std::fmt::Debug>(result: keyward_base::Result<T>, kind: ErrorKind, word: &str) {
    let e: Error = result.unwrap_err();
    assert_eq!(e.kind(), kind, "{e}");
    assert!(e.to_string().contains(word), "{word}: {e}");
}

#[tokio::test]
async fn it_is_private_and_leaves_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    let claims = claims(&folder.path().join("deep/claims"));
    assert_eq!(claims.describe(), claims.folder().display().to_string());
    for nth in 0..20 {
        pinned(&claims, gate(nth, 100), pin(1, 1)).await;
        pinned(&claims, gate(nth, 100), pin(2, 2)).await;
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(claims.folder()), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(claims.folder()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    let mut wanted: Vec<_> = (0..20)
        .map(|nth| format!("{:03x}", Shard::number_of(id(nth))))
        .collect();
    wanted.extend(["index", "lock"].map(str::to_owned));
    names.sort();
    wanted.sort();
    wanted.dedup();
    assert_eq!(names, wanted);
}

/// A claim writes its own file, and no other.
#[tokio::test]
async fn a_claim_touches_its_own_file_alone() {
    let (_folder, claims, file) = with_one().await;
    for nth in 2..40 {
        pinned(&claims, gate(nth, 100), pin(1, 1)).await;
    }
    let all = || {
        let listed = fs::read_dir(claims.folder()).unwrap();
        let mut all: Vec<_> = listed
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.file_name(), entry.metadata().unwrap().ino())
            })
            .collect();
        all.sort();
        all
    };
    let before = all();
    pinned(&claims, gate(1, 100), pin(4, 4)).await;
    let changed: Vec<_> = before
        .into_iter()
        .zip(all())
        .filter(|(before, after)| before != after)
        .map(|(_, (name, _))| name)
        .collect();
    assert_eq!(changed, [file.file_name().unwrap()]);
}

#[tokio::test]
async fn what_was_damaged_is_found_and_costs_itself_alone() {
    let (_folder, claims, file) = with_one().await;
    let (other, good) = (gate(2, 100), fs::read(&file).unwrap());
    pinned(&claims, other, pin(1, 1)).await;
    // In the file behind the one that is damaged.
    let mut behind = id(1).to_bytes();
    behind[1] += 0x10;
    let behind = ClaimName::gate(GateId::from_bytes(behind), at(100));
    assert_eq!(Shard::number_of(behind.id), Shard::number_of(id(1)) + 1);
    pinned(&claims, behind, pin(1, 1)).await;
    let cut = &good[..good.len() / 2];
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    let of_other = Shard::number_of(id(2));
    let of_other = fs::read(claims.folder().join(format!("{of_other:03x}"))).unwrap();
    for bad in [&b""[..], cut, &flipped, &of_other, &vec![b'x'; 1 << 20]] {
        fs::write(&file, bad).unwrap();
        for e in [
            claims.load(gate(1, 100)).await.unwrap_err(),
            claims.advance(gate(1, 100), pin(9, 9)).await.unwrap_err(),
            claims.prune(at(50)).await.unwrap_err(),
        ] {
            assert_eq!(e.kind(), ErrorKind::Corrupt);
            assert!(e.to_string().contains(&file.display().to_string()), "{e}");
            assert!(e.to_string().contains("move the folder away"), "{e}");
        }
        assert_eq!(claims.load(other).await.unwrap(), Seen::Pinned(pin(1, 1)));
        pinned(&claims, other, pin(1, 1)).await;
    }
    // Of the others, it forgets what ended, and then it tells.
    refused(
        claims.prune(at(100)).await,
        ErrorKind::Corrupt,
        "is not what keyward writes",
    );
    for name in [other, behind] {
        assert_eq!(claims.load(name).await.unwrap(), Seen::Forgotten);
    }
    // The file itself put back is as it was.
    fs::write(&file, &good).unwrap();
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(3, 3))
    );
    let newer = String::from_utf8(good)
        .unwrap()
        .replace("claims/1", "claims/2");
    fs::write(&file, newer).unwrap();
    refused(
        claims.load(gate(1, 100)).await,
        ErrorKind::Unavailable,
        "upgrade",
    );
}

#[tokio::test]
async fn what_is_gone_is_missed_and_not_made_anew() {
    let (_folder, claims, file) = with_one().await;
    let good = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    refused(
        claims.load(gate(1, 100)).await,
        ErrorKind::Corrupt,
        "is gone",
    );
    let anew = claims.advance(gate(1, 100), pin(9, 9)).await;
    refused(anew, ErrorKind::Corrupt, "is gone");
    assert!(!file.exists());
    fs::write(&file, good).unwrap();
    pinned(&claims, gate(1, 100), pin(4, 4)).await;
    // The index.
    let index = claims.folder().join("index");
    let good = fs::read(&index).unwrap();
    for gone in [false, true] {
        match gone {
            true => fs::remove_file(&index).unwrap(),
            false => fs::write(&index, "keyward-claims/1 index\n").unwrap(),
        }
        let kind = if gone {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Corrupt
        };
        assert_eq!(claims.load(gate(2, 100)).await.unwrap_err().kind(), kind);
        let anew = claims.advance(gate(1, 100), pin(9, 9)).await;
        assert_eq!(anew.unwrap_err().kind(), kind);
        let opened = FileClaims::open(claims.folder().to_owned()).unwrap_err();
        assert_eq!(opened.kind(), ErrorKind::Corrupt);
    }
    fs::write(&index, good).unwrap();
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(4, 4))
    );
    // All of it.
    fs::remove_dir_all(claims.folder()).unwrap();
    refused(
        claims.load(gate(1, 100)).await,
        ErrorKind::Unavailable,
        "taken away",
    );
    let anew = claims.advance(gate(1, 100), pin(9, 9)).await;
    refused(anew, ErrorKind::Unavailable, "taken away");
    assert!(!claims.folder().exists());
}

/// A process that was killed behind the file of claims, and before the index.
#[tokio::test]
async fn a_file_that_the_index_does_not_have_is_taken_and_noted() {
    let (_folder, claims, file) = with_one().await;
    let index = claims.folder().join("index");
    let whole = fs::read(&index).unwrap();
    fs::write(&index, keyward_approval::claims::Index::default().render()).unwrap();
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(3, 3))
    );
    let fork = claims.advance(gate(1, 100), pin(3, 9)).await.unwrap();
    assert_eq!(fork, Advanced::Held(pin(3, 3)));
    pinned(&claims, gate(1, 100), pin(3, 3)).await;
    assert_eq!(fs::read(&index).unwrap(), whole);
    assert!(file.exists());
}

#[tokio::test]
async fn the_file_of_before_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    let (name, pin) = (
        PinName::new("executor/worker").unwrap(),
        Pin {
            id: [1; 16],
            counter: 1,
            digest: [1; 32],
        },
    );
    let _pinned = FileAnchor::new(path.clone()).advance(&name, &pin).unwrap();
    let open = || FileClaims::open(path.clone());
    refused(open(), ErrorKind::Misuse, "move that file away");
    assert!(path.is_file());
    fs::remove_file(&path).unwrap();
    let claims = open().unwrap();
    // A process of before makes it while this one runs.
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "").unwrap();
    for e in [
        claims.load(gate(1, 100)).await.unwrap_err(),
        claims
            .advance(gate(1, 100), crate::pin(1, 1))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(e.kind(), ErrorKind::Misuse);
        assert!(e.to_string().contains("move that file away"), "{e}");
    }
}

#[tokio::test]
async fn what_others_may_write_is_refused() {
    let (folder, claims, file) = with_one().await;
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let index = claims.folder().join("index");
    let told = async |word: &str| {
        let anew = claims.advance(gate(1, 100), pin(9, 9)).await;
        refused(anew, ErrorKind::Misuse, word);
    };
    for (path, good, bad) in [
        (claims.folder(), 0o700, 0o770),
        (folder.path(), 0o700, 0o777),
        (&file, 0o600, 0o660),
        (&index, 0o600, 0o606),
    ] {
        mode(path, bad);
        told("others may").await;
        if path != index {
            refused(
                claims.load(gate(1, 100)).await,
                ErrorKind::Misuse,
                "others may",
            );
        }
        mode(path, good);
    }
    for name in ["lock", "new"] {
        let path = claims.folder().join(name);
        let _there_or_not = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        let anew = claims.advance(gate(1, 100), pin(9, 9)).await.unwrap_err();
        let kind = match name {
            "lock" => ErrorKind::Misuse,
            _ => ErrorKind::Unavailable,
        };
        assert_eq!(anew.kind(), kind, "{anew}");
        fs::remove_dir(&path).unwrap();
    }
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(3, 3))
    );
}

/// How many files of this process are open at `path`.
fn opened(path: &Path) -> usize {
    let listed = fs::read_dir("/proc/self/fd").unwrap();
    let links = listed.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link == path).count()
}

/// Between the look at a file and its lock another process pins a claim: it is not forgotten with others.
#[tokio::test]
async fn what_is_claimed_while_others_are_forgotten_stays() {
    let (_folder, claims, file) = with_one().await;
    let path = claims.folder().join("lock");
    let lock = File::open(&path).unwrap();
    lock.lock().unwrap();
    let claims = std::sync::Arc::new(claims);
    let forgets = tokio::spawn({
        let claims = std::sync::Arc::clone(&claims);
        async move { claims.prune(at(100)).await }
    });
    while opened(&path) < 2 {
        tokio::task::yield_now().await;
    }
    // It has looked, and waits for the lock.
    let mut shard = Shard::parse(Shard::number_of(id(1)), &fs::read(&file).unwrap()).unwrap();
    let late = gate(1, 101);
    assert_eq!(shard.advance(late, pin(1, 1)), Advanced::Pinned);
    fs::write(&file, shard.render()).unwrap();
    lock.unlock().unwrap();
    assert_eq!(forgets.await.unwrap().unwrap(), 1);
    assert_eq!(claims.load(late).await.unwrap(), Seen::Pinned(pin(1, 1)));
}

/// On a runtime of one thread, others go on while it waits for a lock.
#[tokio::test]
async fn who_waits_for_a_lock_keeps_no_task_from_its_turn() {
    let (_folder, claims, _) = with_one().await;
    let lock = File::open(claims.folder().join("lock")).unwrap();
    lock.lock().unwrap();
    let claims = std::sync::Arc::new(claims);
    let waits = tokio::spawn({
        let claims = std::sync::Arc::clone(&claims);
        async move { claims.advance(gate(1, 100), pin(4, 4)).await }
    });
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    assert!(!waits.is_finished());
    lock.unlock().unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), Advanced::Pinned);
    // Reading needs none; and who is not served in 5 seconds is told so.
    lock.lock().unwrap();
    let waits = tokio::spawn({
        let claims = FileClaims::open(claims.folder().to_owned()).unwrap();
        async move { claims.advance(gate(1, 100), pin(5, 5)).await }
    });
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(4, 4))
    );
    refused(
        waits.await.unwrap(),
        ErrorKind::Unavailable,
        "holds the lock",
    );
    assert_eq!(
        claims.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(4, 4))
    );
}

/// Dropped in the middle, it was done or not; and what was accepted is done before the anchor is gone.
#[tokio::test]
async fn a_call_that_nobody_waits_for_is_whole() {
    let (_folder, claims, _) = with_one().await;
    let path = claims.folder().to_owned();
    let mut waits = Box::pin(claims.advance(gate(1, 100), pin(4, 4)));
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(waits.as_mut().poll(cx)));
    let _answered_or_not = polled.await;
    drop(waits);
    drop(claims);
    let again = FileClaims::open(path).unwrap();
    assert_eq!(
        again.load(gate(1, 100)).await.unwrap(),
        Seen::Pinned(pin(4, 4))
    );
}
