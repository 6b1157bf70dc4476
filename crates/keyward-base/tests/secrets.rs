//! Secrets: read to a limit, never printed, and errors that say nothing outward.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use std::io::{self, Read};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyward_base::audit::{Discard, Outcome};
use keyward_base::{
    Error, ErrorKind, Event, Reason, Retry, SecretArray, SecretBytes, Sink as _, Timestamp,
};

/// Gives its bytes in small pieces, with an interruption before each.
struct Pieces<'a>(&'a [u8], usize, bool);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.2 = !self.2;
        if self.2 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = self.1.min(out.len());
        self.0.read(out.get_mut(..len).unwrap_or_default())
    }
}

#[test]
fn all_of_a_reader_is_read_up_to_the_limit() {
    let bytes: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    for len in [0, 1, 4095, 4096, 4097, 8192, 8193, 80_000] {
        let given = bytes.get(..len).unwrap();
        for piece in [1, 7, 5000] {
            let read = SecretBytes::read(Pieces(given, piece, false), 80_000).unwrap();
            assert_eq!(read.expose(), given);
        }
        assert_eq!(SecretBytes::read(given, len).unwrap().len(), len);
        if let Some(limit) = len.checked_sub(1) {
            let error = SecretBytes::read(given, limit).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
        }
    }
}

#[test]
fn a_reader_that_fails_is_unavailable() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let error = SecretBytes::read(Broken, 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_part_is_kept_and_the_rest_is_wiped() {
    let mut held = SecretBytes::new(b"headsecrettail".to_vec());
    held.narrow(4, 6);
    assert_eq!((held.expose(), held.len()), (b"secret".as_slice(), 6));
    held.narrow(3, 100);
    assert_eq!(held.expose(), b"ret");
    held.truncate(1);
    assert_eq!(held.expose(), b"r");
    held.narrow(5, 5);
    assert!(held.is_empty() && held.expose_mut().is_empty());
    assert!(SecretBytes::from_suffix(vec![1, 2], 9).is_empty());
    assert_eq!(SecretBytes::from_suffix(vec![1, 2], 1).expose(), [2]);
}

#[test]
fn an_array_takes_its_own_length_alone() {
    assert!(SecretArray::<4>::copy_of(b"abc").is_none());
    assert!(SecretArray::<4>::copy_of(b"abcde").is_none());
    assert_eq!(
        SecretArray::<4>::copy_of(b"abcd").unwrap().expose(),
        b"abcd"
    );
    assert!(SecretArray::<4>::try_init(|_| Err("no")).is_err());
}

#[test]
fn nothing_prints_a_secret() {
    let bytes = SecretBytes::copy_of(b"hunter2hunter2");
    let array = SecretArray::<4>::copy_of(b"hunt").unwrap();
    for text in [
        format!("{bytes:?} {array:?}"),
        format!("{bytes:#?} {array:#?}"),
    ] {
        assert!(
            !text.contains("hunt") && !text.contains("104") && !text.contains("14"),
            "{text}"
        );
    }
}

#[test]
fn a_rejection_reads_the_same_whatever_its_reason() {
    const ALL: [Reason; 7] = [
        Reason::CONFLICT,
        Reason::DAMAGED,
        Reason::EXPIRED,
        Reason::MALFORMED,
        Reason::NOT_AUTHENTIC,
        Reason::NOT_FOUND,
        Reason::TOO_LONG,
    ];
    let mut words: Vec<&str> = ALL.iter().map(|reason| reason.as_str()).collect();
    for reason in ALL {
        let error = Error::rejected(reason);
        assert_eq!(error.to_string(), "rejected");
        assert_eq!(
            (error.kind(), error.reason()),
            (ErrorKind::Rejected, Some(reason))
        );
    }
    assert_eq!(
        Reason::NOT_AUTHENTIC.as_str(),
        "not-authentic-for-this-context"
    );
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), ALL.len());
}

#[test]
fn an_error_keeps_its_source_and_an_event_its_outcome() {
    let error = Error::corrupt("damaged")
        .because(Reason::DAMAGED)
        .with_source("why");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "why"
    );
    assert_eq!(error.to_string(), "damaged");
    assert_eq!(
        format!("{error:?}"),
        "Corrupt: damaged (damaged); because why"
    );
    let over = Error::unavailable("no ring: restore it")
        .retry(Retry::After(Duration::from_secs(5)))
        .with_source(Error::rejected(Reason::EXPIRED).with_source("it is late"));
    assert_eq!(
        format!("{over:?}"),
        "Unavailable: no ring: restore it; try again in 5s; because Rejected: rejected (expired); because it is late"
    );
    let outcome = Event::outcome_of(&Err::<(), _>(error));
    assert_eq!(
        outcome,
        Outcome::Failed(ErrorKind::Corrupt, Some(Reason::DAMAGED))
    );
    assert_eq!(Event::outcome_of(&Ok(())), Outcome::Done);
    let event = Event::new(Timestamp::from_millis(1), "vault.open", outcome);
    let sink = Discard::new();
    let mut kept = sink.record(&event);
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(
        kept.as_mut().poll(&mut context),
        Poll::Ready(Ok(()))
    ));
}

#[test]
fn what_is_wiped_is_zeros_or_empty() {
    let mut bytes = [7; 40];
    keyward_base::wipe::wipe(&mut bytes);
    assert_eq!(bytes, [0; 40]);
    let mut held = vec![7; 40];
    keyward_base::wipe::wipe_vec(&mut held);
    assert!(held.is_empty());
}

/// `main` prints it: what a path or a database holds moves no cursor and begins no line.
#[test]
fn debug_of_an_error_is_one_line_that_no_terminal_obeys() {
    let inner = io::Error::other("b\x1b]0;x\x07\nc\u{202e}");
    let source = Error::misuse("inner\r").with_source(inner);
    let error = Error::unavailable("no \"a\\b\" \u{9b}2J\u{2028}").with_source(source);
    for text in [format!("{error:?}"), format!("{error:#?}")] {
        assert_eq!(
            text,
            "Unavailable: no \"a\\b\" \\u{9b}2J\\u{2028}; because Misuse: inner\\r; because b\\u{1b}]0;x\\u{7}\\nc\\u{202e}"
        );
    }
}
