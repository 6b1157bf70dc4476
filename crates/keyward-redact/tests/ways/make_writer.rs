//! The formatter of `tracing`: whatever it prints of a secret is masked.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter as _;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use crate::{TOKEN, knowing_token};

#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<Vec<u8>>>>,
    flushed: Arc<AtomicUsize>,
    full: bool,
}

impl Write for Log {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.lines.lock().unwrap().push(piece.to_vec());
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
#[allow(dead_code)] // Printed by `Debug`.
struct Request<'a> {
    header: &'a str,
}

#[test]
fn an_event_is_masked_and_written_in_one_piece() {
    let log = Log::default();
    let written = Arc::clone(&log.lines);
    let make = knowing_token().make_writer(move || log.clone()).named();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(make)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(token = TOKEN, "signed in with {TOKEN}");
        let request = Request { header: TOKEN };
        tracing::warn!(?request);
        let span = tracing::error_span!("push", token = TOKEN);
        span.in_scope(|| tracing::error!("refused"));
    });
    let lines = written.lock().unwrap();
    assert_eq!(lines.len(), 3);
    for line in lines.iter() {
        let line = String::from_utf8(line.clone()).unwrap();
        assert!(!line.contains("ghp_"), "{line}");
        assert!(line.contains("•acme account.github_token 42•"), "{line}");
        assert!(line.ends_with('\n'));
    }
}

#[test]
fn several_writes_of_one_event_are_one_stream() {
    let log = Log::default();
    let (written, flushed) = (Arc::clone(&log.lines), Arc::clone(&log.flushed));
    let make = knowing_token().make_writer(move || log.clone());
    let mut event = make.make_writer();
    for byte in format!("token {TOKEN}\n").bytes() {
        event.write_all(&[byte]).unwrap();
    }
    event.flush().unwrap();
    assert!(written.lock().unwrap().is_empty());
    drop(event);
    assert_eq!(
        *written.lock().unwrap(),
        [String::from("token •••\n").into_bytes()]
    );
    drop(make.make_writer());
    assert_eq!(written.lock().unwrap().len(), 1, "an empty event is none");
    assert_eq!(flushed.load(Ordering::Relaxed), 1);
}

#[test]
fn a_writer_that_looks_at_the_level_is_asked_by_it() {
    let (all, some) = (Log::default(), Log::default());
    let written = [Arc::clone(&all.lines), Arc::clone(&some.lines)];
    let some = move || some.clone();
    let make = some.with_max_level(tracing::Level::WARN);
    let make = knowing_token().make_writer(make.and(move || all.clone()));
    let subscriber = tracing_subscriber::fmt().with_writer(make).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("all is well");
        tracing::warn!(token = TOKEN);
    });
    let lines = written.map(|lines| lines.lock().unwrap().concat());
    let count = |n: usize| String::from_utf8_lossy(&lines[n]).lines().count();
    assert_eq!((count(0), count(1)), (2, 1));
}

#[test]
fn an_event_that_could_not_be_written_is_counted() {
    let log = Log {
        full: true,
        ..Log::default()
    };
    let make = knowing_token().make_writer(move || log.clone());
    let lost = make.lost();
    make.make_writer().write_all(b"line\n").unwrap();
    assert_eq!(lost.count(), 1);
}
