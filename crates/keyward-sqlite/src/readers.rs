//! Reads: inline on a free connection, or on the reader thread.

use std::sync::{Mutex, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_base::{Error, Result};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::builder::Builder;
use crate::connection;
use crate::failure::{Said, is_busy};
use crate::guard::Guarded;
use crate::place::Place;

/// Reads that may wait for the reader thread before the next one is held back.
const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Guarded) + Send>;

/// The connections that read.
pub(crate) struct Readers {
    pool: Vec<Mutex<Guarded>>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    place: Place,
}

impl Readers {
    pub(crate) fn open(builder: &Builder, place: &Place) -> Result<Self> {
        let pool = (0..builder.readers)
            .map(|_| {
                // A point read never waits on its caller's thread: who finds a lock goes to the
                // reader thread, which may.
                let conn =
                    connection::open_reader(&builder.path, builder.busy_timeout, Duration::ZERO)?;
                Ok(Mutex::new(conn))
            })
            .collect::<Result<_>>()?;
        let conn =
            connection::open_reader(&builder.path, builder.busy_timeout, builder.busy_timeout)?;
        Self::start(pool, conn, place)
    }

    /// One connection reads everything, on its thread.
    pub(crate) fn alone(conn: Guarded, place: &Place) -> Result<Self> {
        Self::start(Vec::new(), conn, place)
    }

    fn start(pool: Vec<Mutex<Guarded>>, mut conn: Guarded, place: &Place) -> Result<Self> {
        let place = place.for_reader();
        place.look(&conn).said()?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new()
            .name("keyward-read".into())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut conn);
                }
            })
            .map_err(|e| Error::unavailable("no thread for the store's reads").with_source(e))?;
        Ok(Self {
            pool,
            jobs: Some(jobs),
            thread: Some(thread),
            place,
        })
    }

    /// Reads on the caller's own thread. `None`: every connection is taken, or the file is locked.
    pub(crate) fn inline<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<Result<T>> {
        let conn = self.pool.iter().find_map(|conn| match conn.try_lock() {
            Ok(conn) => Some(conn),
            // Reads change nothing that a panic could leave half done.
            Err(TryLockError::Poisoned(conn)) => Some(conn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        // Looking costs as much as reading: here only what a longer read or a write saw.
        if let Err(moved) = self.place.known() {
            return Some(Err(moved).said());
        }
        match conn.read(read) {
            Err(e) if is_busy(&e) => None,
            other => Some(other.said()),
        }
    }

    /// Reads on the reader thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.job(move |conn| conn.read(read)).await
    }

    /// The same for what may take as long as reading the whole file.
    pub(crate) async fn run_unlimited<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.job(move |conn| {
            conn.compare_anew()?;
            let done = conn.unlimited(read);
            // What came in meanwhile may have answered.
            conn.compare_anew()?;
            done
        })
        .await
    }

    async fn job<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Guarded) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let place = self.place.clone();
        let job: Job = Box::new(move |conn| {
            let done = read(conn).and_then(|done| place.look(conn).map(|()| done));
            // Nobody waits for the answer if the caller gave up.
            let _ = reply.send(done);
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.said()
    }
}

fn stopped() -> Error {
    Error::unavailable("the store's reader thread has ended: open the store again")
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already answered to its caller as `Unavailable`.
            let _ = thread.join();
        }
    }
}
