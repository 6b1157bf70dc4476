//! Writes: one thread, one transaction for all that wait, one `fsync` for each transaction.

use std::thread::JoinHandle;

use keyward_base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot};

use crate::failure::{error, is_busy};
use crate::guard::Guarded;
use crate::place::Place;

/// Writes that may wait before the next one is held back.
const QUEUE: usize = 1024;

/// The most writes of one transaction: a bound on how long the first of them waits.
const GROUP: usize = 256;

/// What a write sees: the connection, and the store's counter.
pub(crate) struct Tx<'a> {
    pub(crate) conn: &'a Connection,
    last: i64,
}

impl Tx<'_> {
    /// The next version or fencing token. A write that is undone leaves a gap, never a number used
    /// twice.
    pub(crate) fn next(&mut self) -> rusqlite::Result<i64> {
        self.last = self.last.checked_add(1).ok_or_else(|| {
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                Some("the version counter is used up".into()),
            )
        })?;
        Ok(self.last)
    }
}

/// Whether what a write did is to stand.
pub(crate) enum Verdict<T> {
    /// Commit it.
    Keep(T),
    /// Undo it: a condition did not hold.
    Undo(T),
}

type Work<T> = dyn FnMut(&mut Tx<'_>) -> rusqlite::Result<Verdict<T>> + Send;

impl<T> Verdict<T> {
    /// What the work gave, whether or not it is to stand.
    pub(crate) fn of(self) -> T {
        match self {
            Self::Keep(of) | Self::Undo(of) => of,
        }
    }
}

trait Job: Send {
    /// Does the work, again if need be. Whether it is to stand.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<bool>;
    /// Tells the caller: what the last run gave, or why nothing was written.
    fn answer(self: Box<Self>, failed: Option<Error>);
}

struct Task<T> {
    work: Box<Work<T>>,
    done: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send> Job for Task<T> {
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<bool> {
        self.done = None;
        let (done, keep) = match (self.work)(tx)? {
            Verdict::Keep(done) => (done, true),
            Verdict::Undo(done) => (done, false),
        };
        self.done = Some(done);
        Ok(keep)
    }

    fn answer(self: Box<Self>, failed: Option<Error>) {
        let result = match (failed, self.done) {
            (None, Some(done)) => Ok(done),
            (Some(failed), _) => Err(failed),
            (None, None) => Err(stopped()),
        };
        // Nobody waits for the answer if the caller gave up.
        let _ = self.reply.send(result);
    }
}

type Alone = Box<dyn FnOnce(&mut Guarded, &Place) + Send>;

enum Order {
    Write(Box<dyn Job>),
    /// Something that cannot be in a transaction with others.
    Alone(Alone),
}

/// The thread that writes.
pub(crate) struct Writer {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    /// What a write is told when nobody takes orders.
    refuses: fn() -> Error,
}

impl Writer {
    pub(crate) fn start(mut conn: Guarded, place: Place) -> Result<Self> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("keyward-write".into())
            .spawn(move || serve(&mut conn, &place, queue))
            .map_err(|e| Error::unavailable("no thread for the store's writes").with_source(e))?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            refuses: stopped,
        })
    }

    /// Takes no orders: the store was opened on a full disk, for reading.
    pub(crate) const fn none() -> Self {
        Self {
            orders: None,
            thread: None,
            refuses: full,
        }
    }

    /// Has `work` done within a transaction, and waits until it is on disk. `work` may be called
    /// more than once, each time after all it did before was undone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<Verdict<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(work);
        let done = None;
        self.order(Order::Write(Box::new(Task { work, done, reply })))
            .await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Has `work` done outside a transaction.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Alone(Box::new(move |conn, place| {
            let ours = place.look(conn).and_then(|()| conn.compare_anew());
            let done = ours.map_err(error).and_then(|()| conn.unlimited(work));
            // Nothing locks the file between the two: who holds it at first may commit before the work.
            let done = done.and_then(|done| conn.compare_anew().map_err(error).map(|()| done));
            place.wrote();
            let _ = reply.send(done.and_then(|done| {
                place.look(conn).map_err(error)?;
                Ok(done)
            }));
        })))
        .await?;
        answer.await.map_err(|_| stopped())?
    }

    async fn order(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().ok_or_else(self.refuses)?;
        orders.send(order).await.map_err(|_| stopped())
    }
}

fn full() -> Error {
    Error::unavailable(
        "the disk was full when the store was opened, so that it is only read: make room, and open it again",
    )
}

fn stopped() -> Error {
    Error::unavailable("the store's writer thread has ended: open the store again")
}

impl Drop for Writer {
    /// Finishes what was accepted, and closes the file.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already answered to its caller as `Unavailable`.
            let _ = thread.join();
        }
    }
}

fn serve(conn: &mut Guarded, place: &Place, mut queue: mpsc::Receiver<Order>) {
    while let Some(order) = queue.blocking_recv() {
        let mut next = Some(order);
        let mut group = Vec::new();
        while let Some(order) = next.take() {
            match order {
                Order::Write(job) => group.push(job),
                Order::Alone(work) => {
                    settle(conn, place, std::mem::take(&mut group));
                    work(conn, place);
                }
            }
            if group.len() < GROUP {
                next = queue.try_recv().ok();
            }
        }
        settle(conn, place, group);
    }
    if place.look(conn).is_err() {
        // The log at the path is somebody else's: folding it in would delete it.
        let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

/// Commits a group, and tells everybody in it.
fn settle(conn: &Guarded, place: &Place, mut group: Vec<Box<dyn Job>>) {
    if group.is_empty() {
        return;
    }
    let Err(failed) = commit(conn, place, &mut group) else {
        return group.into_iter().for_each(|job| job.answer(None));
    };
    // One that fits the disk does not fail for one that does not.
    if group.len() > 1 && failed.alone {
        return group
            .into_iter()
            .for_each(|job| settle(conn, place, vec![job]));
    }
    let mut failed = Some(failed.error);
    for job in group {
        let error = failed.take().map_or_else(beside, error);
        job.answer(Some(error));
    }
}

fn beside() -> Error {
    Error::unavailable("a write in the same transaction failed, and this one with it: try again")
}

struct Failed {
    error: rusqlite::Error,
    /// Whether one job failed, and the others may do better without it.
    alone: bool,
}

fn commit(conn: &Guarded, place: &Place, group: &mut [Box<dyn Job>]) -> Result<(), Failed> {
    let result = attempt(conn, place, group);
    if result.is_err() && !conn.is_autocommit() {
        // If this fails too, SQLite has already rolled back or the file is out of reach.
        let _ = run(conn, "ROLLBACK");
    }
    result
}

fn attempt(conn: &Guarded, place: &Place, group: &mut [Box<dyn Job>]) -> Result<(), Failed> {
    let whole = |error| Failed {
        error,
        alone: false,
    };
    place.look(conn).map_err(whole)?;
    conn.begin();
    run(conn, "BEGIN IMMEDIATE").map_err(whole)?;
    let first = counter(conn);
    // From here on nobody else changes the schema. What a foreign one answered is not used.
    conn.compare().map_err(whole)?;
    let first = first.map_err(whole)?;
    let mut tx = Tx { conn, last: first };
    let single = group.len() == 1;
    for job in group {
        conn.begin();
        judge(job.as_mut(), &mut tx, single).map_err(|error| Failed {
            alone: !is_busy(&error),
            error,
        })?;
    }
    if conn.is_autocommit() {
        // The only job was undone, and the transaction with it.
        return Ok(());
    }
    if tx.last != first {
        conn.prepare_cached("UPDATE counter SET last = ?1 WHERE one = 1")
            .and_then(|mut update| update.execute([tx.last]))
            .map_err(whole)?;
    }
    // Noted first: a commit that is answered with an error may have been made.
    place.wrote();
    run(conn, "COMMIT").map_err(whole)?;
    // Nothing is acknowledged that went into a file which is no longer at the path.
    place.look(conn).map_err(whole)
}

/// Runs one job so that it can be undone without the others.
fn judge(job: &mut dyn Job, tx: &mut Tx<'_>, single: bool) -> rusqlite::Result<()> {
    if single {
        return match job.run(tx)? {
            true => Ok(()),
            false => run(tx.conn, "ROLLBACK"),
        };
    }
    run(tx.conn, "SAVEPOINT job")?;
    if !job.run(tx)? {
        run(tx.conn, "ROLLBACK TO job")?;
    }
    run(tx.conn, "RELEASE job")
}

fn counter(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT last FROM counter WHERE one = 1")?
        .query_row([], |row| row.get(0))
        .optional()?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}
