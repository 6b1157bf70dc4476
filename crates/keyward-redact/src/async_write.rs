//! A stream that masks, as [`tokio::io::AsyncWrite`].

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::masker::Masker;
use crate::redactor::Redactor;

/// The most bytes that one write takes, so that what waits for the writer stays bounded.
pub const MAX_WRITE_LEN: usize = 64 * 1024;

/// Masks what is written to it and writes it on.
///
/// - A write takes at most 65,536 bytes, and none while something masked still waits for the
///   writer. So at most that much waits, with what was held back before it and the masks.
/// - What a write has taken is written on once, whether or not its future is polled to the end.
/// - `flush` writes on all that cannot be the beginning of a secret; `shutdown`, or
///   [`AsyncStream::finish`], everything. Dropped without it, what is held back is lost.
pub struct AsyncStream<W> {
    masker: Masker,
    out: Vec<u8>,
    /// How many bytes of `out` are written on.
    written: usize,
    /// What the writer answered after a write had been taken: the next call returns it.
    failed: Option<io::Error>,
    finished: bool,
    to: W,
}

impl<W> AsyncStream<W> {
    const fn new(masker: Masker, to: W) -> Self {
        Self {
            masker,
            out: Vec::new(),
            written: 0,
            failed: None,
            finished: false,
            to,
        }
    }

    /// Masks of this stream carry the name of their secret.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.masker = self.masker.named();
        self
    }
}

impl<W: AsyncWrite + Unpin> AsyncStream<W> {
    /// Writes on all that is left, and gives the writer back, which is flushed and not shut down.
    /// After `shutdown` nothing is left.
    ///
    /// # Errors
    /// Those of the writer.
    pub async fn finish(mut self) -> io::Result<W> {
        self.end();
        poll_fn(|context| {
            ready!(self.poll_written(context))?;
            Pin::new(&mut self.to).poll_flush(context)
        })
        .await?;
        Ok(self.to)
    }

    fn end(&mut self) {
        if !self.finished {
            self.finished = true;
            self.masker.finish(&mut self.out);
        }
    }

    /// Ready when all that is masked is written on.
    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        while self.written < self.out.len() {
            let rest = self.out.get(self.written..).unwrap_or_default();
            let wrote = ready!(Pin::new(&mut self.to).poll_write(context, rest))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(wrote);
        }
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for AsyncStream<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        piece: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(stream.poll_written(context))?;
        let taken = piece.get(..MAX_WRITE_LEN).unwrap_or(piece);
        stream.masker.push(taken, &mut stream.out);
        // The piece is taken: whatever the writer answers now is the next call's.
        if let Poll::Ready(Err(error)) = stream.poll_written(context) {
            stream.failed = Some(error);
        }
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.finished {
            stream.masker.flush(&mut stream.out);
        }
        ready!(stream.poll_written(context))?;
        Pin::new(&mut stream.to).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.end();
        ready!(stream.poll_written(context))?;
        Pin::new(&mut stream.to).poll_shutdown(context)
    }
}

impl<W> fmt::Debug for AsyncStream<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncStream({:?})", self.masker)
    }
}

impl Redactor {
    /// A writer of tokio's that masks, and writes to `to`.
    #[must_use]
    pub fn async_stream<W>(&self, to: W) -> AsyncStream<W> {
        AsyncStream::new(self.masker(), to)
    }
}
