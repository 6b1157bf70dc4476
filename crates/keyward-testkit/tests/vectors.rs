//! Vector files are read to the letter, and a wrong one is said to be wrong.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use std::path::Path;

use keyward_base::{Error, ErrorKind, Event, Sink as _, Timestamp, audit::Outcome};
use keyward_testkit::{RecordingAudit, Vector, at_most};

fn vector(text: &str) -> Result<Vector, Error> {
    let name = format!(
        "keyward-vector-{}-{:?}.txt",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    let loaded = Vector::load(&path);
    std::fs::remove_file(&path).unwrap();
    loaded
}

#[test]
fn fields_are_read_as_they_are() {
    let v = vector("# why\nexpect: rejected\nkey: 00ff\nempty:\n\ncolon: a: b\n").unwrap();
    assert_eq!(v.text("expect").unwrap(), "rejected");
    assert_eq!(v.hex("key").unwrap(), [0, 255]);
    assert_eq!(v.text("empty").unwrap(), "");
    assert_eq!(v.text("colon").unwrap(), "a: b");
    assert!(v.optional("none").is_none() && v.text("none").is_err() && v.hex("expect").is_err());
}

#[test]
fn wrong_files_are_refused() {
    for text in ["no colon\n", "a: 1\na: 2\n"] {
        assert_eq!(vector(text).unwrap_err().kind(), ErrorKind::Misuse);
    }
    assert!(
        Vector::load_all(Path::new("src")).is_err(),
        "a folder without vectors"
    );
}

#[test]
fn the_recording_sink_keeps_events_until_told_to_fail() {
    let sink = RecordingAudit::new();
    let event = Event::new(Timestamp::from_millis(1), "vault.open", Outcome::Done);
    at_most(1, sink.record(&event)).unwrap().unwrap();
    assert_eq!(sink.last(), Some(event.clone()));
    sink.set_failing(true);
    assert_eq!(
        at_most(1, sink.record(&event)).unwrap().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(sink.take().len(), 1);
    assert!(sink.events().is_empty());
}
