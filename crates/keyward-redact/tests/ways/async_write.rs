//! Asynchronous writers: partial writes, a writer that is not ready, a write that is abandoned.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::{TOKEN, knowing, knowing_token};

/// Takes a few bytes at a time, and is not ready every other time.
#[derive(Debug, Default)]
struct Slow {
    got: Vec<u8>,
    calls: usize,
    at_once: usize,
    /// How often it fails before it does not.
    fails: usize,
    shut: bool,
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        piece: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.calls += 1;
        if self.fails > 0 {
            self.fails -= 1;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.calls % 2 == 1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let some = piece.len().min(self.at_once);
        self.got.extend_from_slice(&piece[..some]);
        Poll::Ready(Ok(some))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

fn log() -> String {
    format!("start\n{TOKEN}{TOKEN} and {TOKEN}\nend {}", &TOKEN[..20])
}

/// Where forms are long, what a long piece leaves undecided is asked for by flushing.
#[tokio::test]
async fn flushing_writes_what_begins_no_secret() {
    let long: String = (0..1_500_u32).map(|n| format!("{:04x}", n * n)).collect();
    let redactor = knowing(&[("long", long.as_bytes())]);
    let mut stream = redactor.async_stream(Vec::new());
    stream.write_all(&[b'.'; 8_000]).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(
        format!("{stream:?}"),
        "AsyncStream(Masker(0 bytes held back))"
    );
    stream.write_all(&long.as_bytes()[..5_000]).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(
        format!("{stream:?}"),
        "AsyncStream(Masker(5000 bytes held back))"
    );
    stream.write_all(&long.as_bytes()[5_000..]).await.unwrap();
    let out = stream.finish().await.unwrap();
    assert_eq!(&out[8_000..], "•••".as_bytes());
}

#[tokio::test]
async fn whatever_the_writer_takes_at_once_the_output_is_the_same() {
    let redactor = knowing_token();
    let text = log();
    for (split, at_once) in (0..text.len()).zip([1, 2, 3, 7, 1000].into_iter().cycle()) {
        let slow = Slow {
            at_once,
            ..Slow::default()
        };
        let mut stream = redactor.async_stream(slow);
        stream.write_all(&text.as_bytes()[..split]).await.unwrap();
        if split % 3 == 0 {
            stream.flush().await.unwrap();
        }
        stream.write_all(&text.as_bytes()[split..]).await.unwrap();
        let slow = stream.finish().await.unwrap();
        assert_eq!(String::from_utf8(slow.got).unwrap(), redactor.text(&text));
        assert!(!slow.shut);
    }
}

#[tokio::test]
async fn shutting_down_writes_what_was_held_back_and_ends_it() {
    let slow = Slow {
        at_once: 3,
        ..Slow::default()
    };
    let mut stream = knowing_token().async_stream(slow).named();
    stream.write_all(&TOKEN.as_bytes()[..20]).await.unwrap();
    stream.shutdown().await.unwrap();
    let late = stream.write_all(b"late").await.unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::BrokenPipe);
    let slow = stream.finish().await.unwrap();
    assert!(slow.shut);
    assert_eq!(slow.got, &TOKEN.as_bytes()[..20]);
}

/// A write that is polled once and dropped is either taken, and then written on once, or it is not.
#[tokio::test]
async fn an_abandoned_write_is_neither_lost_nor_doubled() {
    let redactor = knowing_token();
    let text = log();
    let slow = Slow {
        at_once: 5,
        ..Slow::default()
    };
    let mut stream = redactor.async_stream(slow);
    let mut sent = 0;
    let mut abandoned = 0;
    while sent < text.len() {
        let piece = text.as_bytes()[sent..].chunks(11).next().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut stream).poll_write(&mut context, piece) {
            Poll::Ready(taken) => sent += taken.unwrap(),
            Poll::Pending => abandoned += 1,
        }
    }
    assert!(abandoned > 3, "{abandoned}");
    let slow = stream.finish().await.unwrap();
    assert_eq!(String::from_utf8(slow.got).unwrap(), redactor.text(&text));
}

#[tokio::test]
async fn an_error_of_the_writer_is_told_and_what_waits_stays() {
    let slow = Slow {
        at_once: 1000,
        fails: 2,
        ..Slow::default()
    };
    let mut stream = knowing_token().async_stream(slow);
    let line = format!("{}\n", ".".repeat(60_000));
    // Taken before the writer was asked: the next call has the error.
    assert_eq!(stream.write(line.as_bytes()).await.unwrap(), line.len());
    for _ in 0..2 {
        let error = stream.write(b"more\n").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    stream.write_all(b"more\n").await.unwrap();
    let slow = stream.finish().await.unwrap();
    assert_eq!(slow.got, (line + "more\n").into_bytes());
}

#[tokio::test]
async fn a_write_takes_no_more_than_its_limit() {
    let mut stream = knowing_token().async_stream(Vec::new());
    let long = vec![b'.'; 1_000_000];
    let taken = poll_fn(|context| Pin::new(&mut stream).poll_write(context, &long)).await;
    assert_eq!(taken.unwrap(), 65_536);
    stream.write_all(&long[65_536..]).await.unwrap();
    assert_eq!(stream.finish().await.unwrap(), long);
}

#[tokio::test]
async fn a_writer_that_takes_nothing_is_an_error() {
    let mut stream = knowing_token().async_stream(Slow::default());
    stream.write_all(b"a line\n").await.unwrap();
    let error = stream.flush().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}
