//! Streams whose writer fails.

use std::io::Write as _;

use super::redactor;
use crate::masker::SLICE_LEN;

#[test]
fn while_a_writer_fails_nothing_more_is_taken() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut stream = redactor(3, &[]).stream(Full);
    assert_eq!(stream.write(b"taken").unwrap(), 5);
    for _ in 0..2 {
        stream.write(b"not taken").unwrap_err();
    }
    stream.finish().map(drop).unwrap_err();
}

#[test]
fn a_writer_that_panics_is_not_written_to_again() {
    struct Panics(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl std::io::Write for Panics {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            panic!("as asked");
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let redactor = redactor(4, &[]);
    let calls = std::sync::Arc::default();
    let mut stream = redactor.stream(Panics(std::sync::Arc::clone(&calls)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _ = stream.write_all(b"a line\n");
    }));
    assert!(panicked.is_err());
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// What a stream did to its writer.
#[derive(Clone, Default)]
struct Seen(std::sync::Arc<std::sync::Mutex<(Vec<u8>, usize)>>);

impl Seen {
    fn written(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
    }

    fn flushed(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// It is interrupted before each write.
struct Interrupted(Seen, bool);

impl std::io::Write for Interrupted {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        self.0.0.lock().unwrap().0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.0.lock().unwrap().1 += 1;
        Ok(())
    }
}

#[test]
fn a_writer_that_is_interrupted_is_written_to_again() {
    let seen = Seen::default();
    let secrets = [vec![(b"a secret".to_vec(), false)]];
    let mut stream = redactor(3, &secrets).stream(Interrupted(seen.clone(), false));
    stream.write_all(b"one a secret two").unwrap();
    assert_eq!((seen.written(), seen.flushed()), ("one ••• two".into(), 0));
    stream.flush().unwrap();
    assert_eq!(seen.flushed(), 1);
    stream.write_all(b" a sec").unwrap();
    stream.flush().unwrap();
    assert_eq!((seen.written(), seen.flushed()), ("one ••• two ".into(), 2));
    // Dropped, it writes what it held back.
    drop(stream);
    assert_eq!(seen.written(), "one ••• two a sec");
}

#[test]
fn a_write_takes_no_more_than_it_says() {
    let mut stream = redactor(3, &[]).stream(Vec::new());
    assert_eq!(stream.write(&[b'.'; 2 * SLICE_LEN]).unwrap(), SLICE_LEN);
}
