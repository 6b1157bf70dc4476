//! An anchor of claims in a folder, on a thread of its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::folder::Folder;
use super::shard::SHARDS;
use super::{Advanced, ClaimAnchor, ClaimName, ClaimPin, Seen};

/// Calls that may wait before the next one is held back.
const QUEUE: usize = 1024;

/// How many files are looked at before others have their turn.
const AT_ONCE: u16 = 64;

type Job = Box<dyn FnOnce(&Folder) + Send>;

/// An anchor of claims in a folder of its own, of mode 0700, with files of mode 0600: at most 4,096 of
/// claims, `000` to `fff`, and three more. A claim writes one of them anew, and syncs it and the folder: at
/// 100,000 claims that are kept, about 3 KB. Several processes may have one folder. It belongs to this user
/// or the superuser, as do those above, and nobody else may write them.
///
/// What blocks is done on a thread of its own, which is ended with it; a call waits at most 5 seconds for
/// the lock of another process. It needs no runtime.
pub struct FileClaims {
    folder: Arc<Folder>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl FileClaims {
    /// The anchor in `folder`, which is made if it is not there, on the caller's own thread: as a service
    /// starts. One that is gone later was taken away, and is not made anew.
    ///
    /// # Errors
    /// As [`ClaimAnchor::advance`]; `Misuse` for a file; `Unavailable` if the system has no thread.
    pub fn open(folder: PathBuf) -> Result<Self> {
        let folder = Arc::new(Folder(folder));
        folder.begin()?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let held = Arc::clone(&folder);
        let thread = std::thread::Builder::new()
            .name("keyward-claims".into())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&held);
                }
            })
            .map_err(|e| {
                Error::unavailable("no thread for the executor's anchor").with_source(e)
            })?;
        Ok(Self {
            folder,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |folder| {
            // Nobody waits for the answer if the caller gave up.
            let _ = reply.send(work(folder));
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn prune_all(&self, until: Timestamp) -> Result<usize> {
        let (mut gone, mut failed) = (0_usize, None);
        for first in (0..SHARDS).step_by(usize::from(AT_ONCE)) {
            let numbers = first..first.saturating_add(AT_ONCE).min(SHARDS);
            match self.run(move |folder| folder.prune(numbers, until)).await {
                Ok(pins) => gone = gone.saturating_add(pins),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(gone), Err)
    }
}

impl ClaimAnchor for FileClaims {
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>> {
        Box::pin(self.run(move |folder| folder.load(name)))
    }

    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>> {
        Box::pin(self.run(move |folder| folder.advance(name, next)))
    }

    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>> {
        Box::pin(self.prune_all(until))
    }

    fn describe(&self) -> String {
        self.folder.0.display().to_string()
    }
}

impl fmt::Debug for FileClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileClaims({})", self.folder.0.display())
    }
}

impl Drop for FileClaims {
    /// Finishes what was accepted.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already answered to its caller as `Unavailable`.
            let _ = thread.join();
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("the thread of the executor's anchor has ended: open it again")
}
