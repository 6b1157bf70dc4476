//! Streams whose writer fails.

use std::io::Write as _;

use super::redactor;

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
