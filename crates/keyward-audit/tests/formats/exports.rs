//! Exports: written, checked, and each change of one seen.

use keyward_audit::export::{Checked, Refused, Writer, check};
use keyward_audit::leaf::{SALT_LEN, origin};
use keyward_audit::reason::{BAD_ENTRY, BAD_EXPORT, NOT_PROVED, OTHER_LOG};
use keyward_audit::tree::{Hash, leaf, path, prove::Nodes};
use keyward_audit::{Checkpoint, Class, Entry, Header, Leaf, Others, Proof, VerifierKey};
use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::encoding::hex;
use keyward_base::{
    Actor, ErrorKind, Event, EventId, KeyId, Place, Reason, RecordId, RequestId, Result, Subject,
    Tenant, Timestamp,
};

use crate::notes::{signed, signer};
use crate::trees::{Tree, provider};

const LOG: [u8; 16] = [0xab; 16];

/// An event with as many of its fields as `i` says.
pub(crate) fn event(i: u64) -> Event {
    let at = Timestamp::from_millis(1_764_166_747_123 + i * 40_000_000);
    let mut event = Event::new(at, "vault.open", Outcome::Granted);
    if i & 1 == 1 {
        let subject = Subject::new("alice").unwrap();
        let actor = Actor::new(subject.clone()).staff().on_behalf_of(subject);
        event.actor = Some(actor.in_request(RequestId::new("req-7").unwrap()));
        event.id = Some(EventId::from_bytes([7; 16]));
        event.outcome = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC));
    }
    if i & 2 == 2 {
        event.tenant = Some(Tenant::new("acme").unwrap());
        event.place = Some(Place::new("account.token").unwrap());
        event.record = Some(RecordId::new("4\"2\\").unwrap());
        event.key = Some(KeyId::from_bytes([1; 8]));
        event.found = Some(u64::MAX);
        event.detail = Detail::none()
            .with("last", Value::Flag(false))
            .with("most", Value::Number(u64::MAX))
            .with("until", Value::Time(Timestamp::from_millis(5)))
            .with("word", Value::Word("quoted \"\n\u{e9}\u{7f}"));
    }
    event
}

/// A leaf, and its salt and text unless they were erased.
pub(crate) type Kept = (Leaf, Option<([u8; SALT_LEN], String)>);

/// Entry `i` of that day and text.
pub(crate) fn made(i: u64, day: u32, text: String) -> Kept {
    let header = Header {
        log: LOG,
        day,
        class: Class::new("std").unwrap(),
    };
    let salt = [u8::try_from(i).unwrap(); SALT_LEN];
    let leaf = Leaf::of(&provider(), header, &salt, &text);
    (leaf, Some((salt, text)))
}

/// A log of so many entries, of which those are erased.
pub(crate) struct Log {
    entries: Vec<Kept>,
    tree: Tree,
}

impl Log {
    pub(crate) fn of(size: u64, erased: &[u64]) -> Self {
        let entries = (0..size).map(|i| {
            let text = Entry::of(&event(i), Timestamp::from_millis(0))
                .text()
                .unwrap();
            let (leaf, body) = made(i, Header::day_of(event(i).at), text);
            (leaf, body.filter(|_| !erased.contains(&i)))
        });
        Self::from_entries(entries.collect())
    }

    /// Signed, whatever it says.
    pub(crate) fn from_entries(entries: Vec<Kept>) -> Self {
        let hashes = entries.iter().map(|(l, _)| leaf(&provider(), &l.bytes()));
        let tree = Tree::of(hashes);
        Self { entries, tree }
    }

    fn roots(&mut self, from: u64, until: u64) -> Vec<Hash> {
        let nodes = path::perfect(from..until);
        nodes
            .map(|(level, index)| self.tree.node(level, index).unwrap())
            .collect()
    }

    pub(crate) fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint {
            origin: origin(&LOG).unwrap(),
            size: self.entries.len() as u64,
            root: self.tree.root(),
        };
        signed(&checkpoint.text(), &[(checkpoint.origin.as_str(), 5)]).unwrap()
    }

    pub(crate) fn export(&mut self, from: u64, until: u64) -> String {
        let size = self.entries.len() as u64;
        let (left, right) = (self.roots(0, from), self.roots(until, size));
        let mut writer = Writer::begin(Vec::new(), &key(), &LOG, from..until, &left).unwrap();
        for nth in from..until {
            let (leaf, body) = &self.entries[usize::try_from(nth).unwrap()];
            let body = body.as_ref().map(|(salt, text)| (salt, text.as_str()));
            writer.entry(leaf, body).unwrap();
        }
        let file = writer.end(&right, &self.checkpoint()).unwrap();
        String::from_utf8(file).unwrap()
    }
}

pub(crate) fn key() -> VerifierKey {
    signer(origin(&LOG).unwrap().as_str(), 5).0
}

fn checked(file: &str) -> Result<Checked, Refused> {
    check(&provider(), &[key()], file.as_bytes(), |_, _, _| ())
}

fn reason(file: &str) -> (Option<u64>, Reason) {
    let refused = checked(file).expect_err(file);
    assert_eq!(refused.error.kind(), ErrorKind::Rejected);
    (refused.seq, refused.error.reason().unwrap())
}

#[test]
fn each_run_of_each_log_is_exported_and_checked() {
    for size in [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17] {
        let mut log = Log::of(size, &[2, 5]);
        for from in 0..=size {
            for until in from..=size {
                let file = log.export(from, until);
                let mut seen = Vec::new();
                let checked = check(&provider(), &[key()], file.as_bytes(), |seq, _, entry| {
                    assert_eq!(*entry, Entry::of(&event(seq), Timestamp::from_millis(0)));
                    seen.push(seq);
                });
                let checked = checked.unwrap();
                let run = from..until;
                let erased = run.clone().filter(|i| [2, 5].contains(i)).count() as u64;
                assert_eq!((checked.entries, checked.erased), (run.clone(), erased));
                assert_eq!(checked.checkpoint.size, size);
                let left = run.filter(|i| ![2, 5].contains(i));
                assert_eq!(seen, left.collect::<Vec<u64>>());
            }
        }
    }
}

#[test]
fn what_was_done_to_an_export_is_named() {
    let mut log = Log::of(9, &[]);
    let file = log.export(2, 7);
    let lines: Vec<&str> = file.lines().collect();
    let join = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let edit = |nth: usize, from: &str, to: &str| {
        let line = lines[nth].replace(from, to);
        assert_ne!(line, lines[nth], "{from}");
        let mut lines = lines.clone();
        lines[nth] = &line;
        join(&lines)
    };
    // Of entry 3, its text, its actor, and its staff flag.
    assert_eq!(
        reason(&edit(2, "vault.open", "vault.list")),
        (Some(3), NOT_PROVED)
    );
    assert_eq!(
        reason(&edit(2, "\"alice\"", "\"mallory\"")),
        (Some(3), NOT_PROVED)
    );
    assert_eq!(
        reason(&edit(2, "\"staff\":true,", "")),
        (Some(3), NOT_PROVED)
    );
    // Dropped, twice, and in another order.
    let mut dropped = lines.clone();
    dropped.remove(3);
    assert_eq!(reason(&join(&dropped)), (Some(4), BAD_ENTRY));
    let mut twice = lines.clone();
    twice.insert(3, lines[3]);
    assert_eq!(reason(&join(&twice)), (Some(5), BAD_ENTRY));
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    assert_eq!(reason(&join(&swapped)), (Some(4), BAD_ENTRY));
    // An end that is cut, and one that was made to fit.
    assert_eq!(reason(&join(&lines[..lines.len() - 1])).1, BAD_EXPORT);
    let mut short = lines.clone();
    short.remove(5);
    let first = lines[0].replace("\"until\":7", "\"until\":6");
    short[0] = &first;
    assert_eq!(reason(&join(&short)), (None, NOT_PROVED));
    // Another log's id, a version to come, an erased entry that has a digest of its own.
    assert_eq!(
        reason(&edit(0, "\"log\":\"abab", "\"log\":\"cdcd")).1,
        OTHER_LOG
    );
    assert_eq!(reason(&edit(0, "export\":1", "export\":2")).1, BAD_EXPORT);
    let (front, _) = lines[2].split_once(",\"salt\"").unwrap();
    let erased = format!("{front}}}");
    let mut gone = lines.clone();
    gone[2] = &erased;
    assert_eq!(checked(&join(&gone)).unwrap().erased, 1);
    let made_up = erased.replace("digest\":\"", "digest\":\"AAAA");
    let made_up = made_up.replacen("=\"}", "\"}", 1);
    gone[2] = &made_up;
    assert!(checked(&join(&gone)).is_err());
    // More after the end, white space, and the line feeds of another system.
    assert_eq!(reason(&format!("{file}\n")).1, BAD_EXPORT);
    assert_eq!(reason(&format!("{file}{{}}\n")).1, BAD_EXPORT);
    assert_eq!(reason(&file.replace('\n', "\r\n")).1, BAD_EXPORT);
    assert_eq!(
        reason(&edit(2, "\"seq\":3", "\"seq\": 3")),
        (Some(3), BAD_EXPORT)
    );
    // A line without an end takes no more memory than the longest there is.
    let endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b' '), 1 << 30));
    assert!(check(&provider(), &[key()], endless, |_, _, _| ()).is_err());
}

/// Gone by a rule is not the same as gone.
#[test]
fn what_no_rule_erased_is_named() {
    let text = Entry::of(&event(0), event(0).at).text().unwrap();
    let record = |until: u64, before: u32| {
        format!(
            "{{\"v\":2,\"at\":0,\"action\":\"audit.erase\",\"outcome\":\"done\",\"detail\":\
             [[\"before\",{{\"number\":{before}}}],[\"from\",{{\"number\":1}}],\
             [\"until\",{{\"number\":{until}}}],[\"count\",{{\"number\":2}}]]}}"
        )
    };
    let of = |until, before, class: &str| {
        let mut entries: Vec<Kept> = (0..4).map(|i| made(i, 5, text.clone())).collect();
        (entries[1].1, entries[2].1) = (None, None);
        let (mut leaf, body) = made(4, 6, record(until, before));
        leaf.header.class = Class::new(class).unwrap();
        entries.push((leaf, body));
        let mut log = Log::from_entries(entries);
        let whole = checked(&log.export(0, 5)).unwrap();
        assert_eq!(whole.erased, 2);
        // Without the record, it cannot be told.
        let cut = checked(&log.export(0, 4)).unwrap();
        assert_eq!((cut.erased, cut.by_no_rule), (2, Some(1)));
        whole.by_no_rule
    };
    assert_eq!(of(3, 6, "audit"), None);
    assert_eq!(of(2, 6, "audit"), Some(2));
    assert_eq!(of(3, 5, "audit"), Some(1));
    assert_eq!(
        of(3, 6, "std"),
        Some(1),
        "an application's own event says nothing"
    );
}

/// A signature does not make an entry of what is none.
#[test]
fn what_is_no_entry_is_refused_though_it_is_signed() {
    let text = Entry::of(&event(0), event(0).at).text().unwrap();
    for other in [text.replace(",\"", ", \""), "{}".to_owned(), "1".to_owned()] {
        let entries = [made(0, 5, text.clone()), made(1, 5, other)];
        let file = Log::from_entries(entries.into()).export(0, 2);
        assert_eq!(reason(&file), (Some(1), BAD_ENTRY));
    }
}

#[test]
fn an_export_is_checked_against_the_key_that_is_pinned() {
    let file = Log::of(3, &[]).export(0, 3);
    let other = signer(origin(&LOG).unwrap().as_str(), 6).0;
    let refused = check(
        &provider(),
        std::slice::from_ref(&other),
        file.as_bytes(),
        |_, _, _| (),
    );
    let refused = refused.unwrap_err().error;
    assert!(refused.reason().is_some(), "{refused:?}");
    // Of two that are pinned, only the one that signed is named.
    let renamed = file.replace(&key().to_string(), &other.to_string());
    let both = [key(), other.clone()];
    let by_either = |file: &str| check(&provider(), &both, file.as_bytes(), |_, _, _| ());
    assert!(by_either(&file).is_ok());
    assert!(by_either(&renamed).is_err());
    // One that signed itself, whoever reads it has another key.
    let own = file.replace(&key().to_string(), &other.to_string());
    assert!(checked(&own).is_err());
}

/// The vectors of `docs/formats/audit.md`: of a log of two entries, the second of which is erased.
#[test]
fn the_page_shows_what_is_written() {
    let page = include_str!("../../../../docs/formats/audit.md");
    let mut log = Log::of(2, &[1]);
    let leaf_bytes = log.entries[0].0.bytes();
    let proof = Proof {
        index: 0,
        hashes: vec![leaf(&provider(), &log.entries[1].0.bytes())],
        checkpoint: log.checkpoint(),
    };
    let checked = proof.check(&provider(), &[key()], Others::Refused, &leaf_bytes);
    checked.unwrap();
    let (_, body) = &log.entries[0];
    let parts = [
        key().to_string(),
        body.as_ref().unwrap().1.clone(),
        hex(&leaf_bytes),
        hex(&leaf(&provider(), &leaf_bytes)),
        proof.text(),
        log.export(0, 2),
    ];
    for part in parts {
        assert!(page.contains(&part), "the page does not have {part}");
    }
}

#[test]
fn a_text_is_that_of_one_entry() {
    for i in 0..4 {
        let text = Entry::of(&event(i), event(i).at).text().unwrap();
        let entry = Entry::parse(&text).unwrap();
        assert_eq!(entry.text().unwrap(), text);
        assert_eq!(entry.behind, None);
        for other in [
            format!(" {text}"),
            text.replace(":", ": "),
            text.replace("\"v\":2", "\"v\":1"),
            text.replace("\"v\":2", "\"v\":\"2\""),
            text.replace("\"v\":2", "\"v\":2,\"v\":2"),
            text.replace("granted", "gr\\u0061nted")
                .replace("failed", "f\\u0061iled"),
            text.replace('}', ",\"more\":1}"),
        ] {
            let refused = Entry::parse(&other).unwrap_err();
            assert_eq!(refused.reason(), Some(BAD_ENTRY), "{other}");
        }
    }
    let late = Entry::of(
        &event(0),
        Timestamp::from_millis(event(0).at.as_millis() + 9),
    );
    assert!(late.text().unwrap().contains(",\"behind\":9,"));
}
