//! A body that may not take for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::Limits;

/// Ends `body` with an error where it pauses for too long, or takes too long in all.
pub(super) fn timed(body: Incoming, limits: &Limits) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Timed {
        body,
        stall: limits.body_stall,
        pause: None,
        whole: Box::pin(sleep(limits.body_time)),
    })
}

struct Timed {
    body: Incoming,
    stall: Duration,
    /// Runs while somebody waits for the next piece.
    pause: Option<Pin<Box<Sleep>>>,
    whole: Pin<Box<Sleep>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.whole.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(late())));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let stall = self.stall;
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(stall)));
        match pause.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(late()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn late() -> Box<dyn std::error::Error + Send + Sync> {
    io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly").into()
}
