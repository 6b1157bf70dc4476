//! Futures taken step by step: every event becomes a point at which a future can be dropped.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keyward_base::audit::Intent;
use keyward_base::{BoxFuture, Event, Result, Sink};

/// A sink with a point before and after each event at which a future waits once.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct SteppingSink(pub Arc<dyn Sink>);

impl Sink for SteppingSink {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            step().await;
            let answer = self.0.record(event).await;
            step().await;
            answer
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        self.0.open_intents()
    }
}

/// Waits once.
async fn step() {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls `future` at most `polls` times, and then drops it: what it gave, if it came to an end.
pub fn at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future: Pin<&mut F> = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}
