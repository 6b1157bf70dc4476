//! What the races run on.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::sync::{Barrier, mpsc};

use keyward_base::BoxFuture;

use super::rule::Fault;

/// Starts tasks, such as a runtime of yours. They must run at the same time as each other, or at
/// least take turns wherever they wait.
pub trait Spawner: Send + Sync {
    /// Starts a task.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// A thread for each task, and no runtime.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs)]
pub struct Threads;

impl Spawner for Threads {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        thread::spawn(move || block_on(task));
    }
}

/// Runs a future on this thread to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `count` tasks that set off together, and gives back what each returned, in any order.
pub(super) async fn together<T, F>(
    spawner: &dyn Spawner,
    count: usize,
    task: impl Fn(usize) -> Result<F, Fault>,
) -> Result<Vec<T>, Fault>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let (tell, mut told) = mpsc::unbounded_channel();
    let tasks: Vec<F> = (0..count).map(task).collect::<Result<_, _>>()?;
    for task in tasks {
        let (start, tell) = (Arc::clone(&start), tell.clone());
        spawner.spawn(Box::pin(async move {
            start.wait().await;
            // Nobody listens any more once another task failed.
            let _ = tell.send(task.await);
        }));
    }
    drop(tell);
    let mut results = Vec::with_capacity(count);
    while let Some(result) = told.recv().await {
        results.push(result?);
    }
    if results.len() == count {
        return Ok(results);
    }
    Err(Fault("a task ended without a result".into()))
}
