//! Anchors: one text for each set of pins, never lowered, written by one at a time.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyward_base::ErrorKind;
use keyward_keys::anchor::{MAX_PINS, Pins};
use keyward_keys::{Advance, Anchor as _, FileAnchor, Pin, PinName, Standing};

fn pin(counter: u64) -> Pin {
    Pin {
        id: [7; 16],
        counter,
        digest: [0x5a; 32],
    }
}

fn ring() -> PinName {
    PinName::ring()
}

fn at(folder: &Path) -> FileAnchor {
    FileAnchor::new(folder.join("x.anchor"))
}

#[test]
fn debug_shows_the_pin_as_the_file_writes_it() {
    let shown = format!("{:?}", pin(9));
    let (id, digest) = ("07".repeat(16), "5a".repeat(32));
    assert_eq!(shown, format!("Pin({id}, 9, {digest})"));
}

#[test]
fn it_never_goes_back_and_tells_a_fork() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = FileAnchor::new(folder.path().join("deep").join("x.anchor"));
    assert!(anchor.load(&ring()).unwrap().is_none());
    assert!(
        !folder.path().join("deep").exists(),
        "reading makes nothing"
    );
    let say = |next| anchor.advance(&ring(), &next).unwrap();
    assert_eq!(say(pin(3)), Advance::Pinned);
    assert_eq!(say(pin(9)), Advance::Pinned);
    assert_eq!(say(pin(9)), Advance::Pinned);
    assert_eq!(say(pin(4)), Advance::Older(pin(9)));
    let fork = Pin {
        digest: [1; 32],
        ..pin(9)
    };
    assert_eq!(say(fork), Advance::Fork(pin(9)));
    let foreign = Pin {
        id: [8; 16],
        ..pin(10)
    };
    assert_eq!(say(foreign), Advance::Foreign(pin(9)));
    assert_eq!(anchor.load(&ring()).unwrap(), Some(pin(9)));
    // By name alone, and against what is held.
    assert!(!anchor.replace(&ring(), Some(&pin(8)), &foreign).unwrap());
    assert!(!anchor.replace(&ring(), None, &foreign).unwrap());
    assert!(anchor.replace(&ring(), Some(&pin(9)), &foreign).unwrap());
    assert_eq!(anchor.load(&ring()).unwrap(), Some(foreign));
    let judged = [pin(9), pin(10), pin(8), fork, foreign].map(|next| pin(9).judge(&next));
    use Standing::{Foreign, Fork, Newer, Older, Same};
    assert_eq!(judged, [Same, Newer, Older, Fork, Foreign]);
}

#[test]
fn names_do_not_touch_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = at(folder.path());
    let gate = PinName::new("gate/deploys").unwrap();
    assert_eq!(anchor.advance(&ring(), &pin(5)).unwrap(), Advance::Pinned);
    assert_eq!(anchor.advance(&gate, &pin(0)).unwrap(), Advance::Pinned);
    assert_eq!(anchor.load(&ring()).unwrap(), Some(pin(5)));
    assert_eq!(anchor.load(&gate).unwrap(), Some(pin(0)));
    let pins = anchor.pins().unwrap().unwrap();
    let names: Vec<_> = pins.names().map(PinName::as_str).collect();
    assert_eq!(names, ["gate/deploys", "ring"]);
    for bad in ["", "a b", "a\n", "\u{e9}", &"x".repeat(129)] {
        assert_eq!(PinName::new(bad).unwrap_err().kind(), ErrorKind::Misuse);
    }
    PinName::new(&"x".repeat(128)).unwrap();
}

#[test]
fn it_is_bounded() {
    let mut pins = Pins::default();
    let widest = |n: usize| PinName::new(&format!("{n:0>128}")).unwrap();
    for n in 0..MAX_PINS {
        pins.set(&widest(n), pin(u64::MAX)).unwrap();
    }
    let more = pins.set(&widest(MAX_PINS), pin(1)).unwrap_err();
    assert_eq!(more.kind(), ErrorKind::Misuse);
    let text = pins.render();
    assert_eq!(Pins::parse(text.as_bytes()).unwrap(), pins);
    let line = text.lines().last().unwrap().replacen('0', "1", 1);
    let longer = Pins::parse(format!("{text}{line}\n").as_bytes()).unwrap_err();
    assert_eq!(longer.kind(), ErrorKind::Corrupt);
}

#[test]
fn what_is_no_anchor_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = at(folder.path());
    let path = anchor.path().to_owned();
    assert_eq!(anchor.advance(&ring(), &pin(9)).unwrap(), Advance::Pinned);
    let good = std::fs::read_to_string(&path).unwrap();
    let put = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        anchor.load(&ring()).unwrap_err()
    };
    for bad in [
        String::new(),
        good.replace("/2", "/0"),
        good.replace('\n', "\r\n"),
        good.replace(" 9 ", " 09 "),
        good.replace(" 9 ", " +9 "),
        good.replace(" 9 ", "  9 "),
        good.trim_end().to_owned(),
        format!("{good}x\n"),
        good.replacen("07", "G7", 1),
    ] {
        let e = put(bad.as_bytes());
        assert_eq!(e.kind(), ErrorKind::Corrupt, "{bad:?}");
        assert!(e.to_string().contains("move that file away"), "{e}");
        let at = path.display().to_string();
        assert!(e.to_string().contains(&at), "{e}");
    }
    assert_eq!(put(&[0xff, 0xfe]).kind(), ErrorKind::Corrupt);
    assert_eq!(put(&vec![b'x'; 2 << 20]).kind(), ErrorKind::Corrupt);
    let newer = put(good.replace("/2", "/3").as_bytes());
    assert_eq!(newer.kind(), ErrorKind::Unavailable);
    assert!(newer.to_string().contains("upgrade"), "{newer}");
    let older = put(b"keyward-anchor/1\n07070707070707070707070707070707\n9\n");
    assert_eq!(older.kind(), ErrorKind::Unavailable);
    assert!(older.to_string().contains("version 1"), "{older}");
    // The way out works.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(anchor.advance(&ring(), &pin(9)).unwrap(), Advance::Pinned);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
}

#[test]
fn it_is_private_and_leaves_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = at(folder.path());
    assert_eq!(anchor.advance(&ring(), &pin(9)).unwrap(), Advance::Pinned);
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{entry:?}");
        left.push(entry.file_name().into_string().unwrap());
    }
    left.sort();
    assert_eq!(left, ["x.anchor", "x.anchor.lock"]);
    std::fs::set_permissions(anchor.path(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let e = anchor.load(&ring()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
}

/// Where its next state is written lies a folder: that is the cause that is told.
#[test]
fn what_stands_in_the_place_of_the_next_state_is_told() {
    use std::error::Error as _;
    let folder = tempfile::tempdir().unwrap();
    let anchor = at(folder.path());
    std::fs::create_dir(folder.path().join("x.anchor.new")).unwrap();
    let e = anchor.advance(&ring(), &pin(9)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    let cause = e.source().unwrap().to_string();
    assert!(cause.contains("directory"), "{cause}");
    std::fs::remove_dir(folder.path().join("x.anchor.new")).unwrap();
    assert_eq!(anchor.advance(&ring(), &pin(9)).unwrap(), Advance::Pinned);
}
