//! Attempts.

use keyward_base::{Result, Timestamp};
use keyward_store::{
    Admission, Attempts, BoxFuture, Collection, Judged, Level, RecordKey, Refusals, Reserved,
    StoreLimits, Ticket, Used, Window,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::number::{from_time, from_usize, to_u64};
use crate::store::SqliteStore;
use crate::writer::{Tx, Verdict};

impl Attempts for SqliteStore {
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>> {
        Box::pin(async move {
            StoreLimits::check_windows(std::slice::from_ref(&(key.clone(), window)), now)?;
            let key = key.clone();
            let room = Room::new(self.max_pages);
            self.writer
                .write(move |tx| attempt(tx, &key, window, now, room))
                .await
        })
    }

    fn reserve<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move {
            StoreLimits::check_windows(windows, now)?;
            let windows = windows.to_vec();
            let room = Room::new(self.max_pages);
            self.writer
                .write(move |tx| reserve(tx, &windows, now, room))
                .await
        })
    }

    fn reserve_coarsely<'a>(
        &'a self,
        levels: &'a [Level],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move {
            StoreLimits::check_levels(levels, now)?;
            let levels = levels.to_vec();
            let room = Room::new(self.max_pages);
            self.writer
                .write(move |tx| reserve_coarsely(tx, &levels, now, room))
                .await
        })
    }

    fn give_back<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (keys, number) = (ticket.keys().to_vec(), ticket.number());
            keys.iter().try_for_each(StoreLimits::check_key)?;
            self.writer
                .write(move |tx| give_back(tx.conn, &keys, number))
                .await
        })
    }

    fn used<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Used>>> {
        Box::pin(async move {
            StoreLimits::check_windows(windows, now)?;
            if let Some(read) = self.readers.inline(|conn| used(conn, windows, now)) {
                return read;
            }
            let windows = windows.to_vec();
            self.readers
                .run(move |conn| used(conn, &windows, now))
                .await
        })
    }

    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let key = key.clone();
            self.writer
                .write(move |tx| {
                    tx.conn
                        .prepare_cached(
                            "DELETE FROM attempt
                             WHERE collection = ?1 AND owner = ?2 AND id = ?3",
                        )?
                        .execute(params![key.collection.as_str(), key.owner, key.id])?;
                    Ok(Verdict::Keep(()))
                })
                .await
        })
    }

    fn purge_attempts<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let collection = collection.clone();
            self.writer
                .write(move |tx| {
                    let gone = tx
                        .conn
                        .prepare_cached(
                            "DELETE FROM attempt WHERE rowid IN (
                                 SELECT rowid FROM attempt
                                 WHERE collection = ?1 AND until BETWEEN 0 AND ?2
                                     AND typeof(until) = 'integer' LIMIT ?3)",
                        )?
                        .execute(params![
                            collection.as_str(),
                            from_time(now),
                            from_usize(limit)
                        ])?;
                    Ok(Verdict::Keep(u64::try_from(gone).unwrap_or(u64::MAX)))
                })
                .await
        })
    }
}

fn attempt(
    tx: &mut Tx<'_>,
    key: &RecordKey,
    window: Window,
    now: Timestamp,
    room: Room,
) -> rusqlite::Result<Verdict<Judged>> {
    let Known { mut admitted, len } = read(tx.conn, key)?;
    let number = tx.next()?;
    let judged = window.judge(&mut admitted, now, to_u64(0, number)?);
    if !matches!(judged, Judged::Admitted { .. }) {
        return Ok(Verdict::Undo(judged));
    }
    if !room.takes(tx.conn, len, size(window, &admitted))? {
        return Err(full());
    }
    write(tx.conn, (key, window), &admitted, len)?;
    Ok(Verdict::Keep(judged))
}

fn reserve(
    tx: &mut Tx<'_>,
    windows: &[(RecordKey, Window)],
    now: Timestamp,
    room: Room,
) -> rusqlite::Result<Verdict<Reserved>> {
    let mut counting = Counting::new(tx, now, room)?;
    for (index, (key, window)) in windows.iter().enumerate() {
        if !counting.count(index, key, *window)? {
            return Err(full());
        }
    }
    Ok(counting.done())
}

fn reserve_coarsely(
    tx: &mut Tx<'_>,
    levels: &[Level],
    now: Timestamp,
    room: Room,
) -> rusqlite::Result<Verdict<Reserved>> {
    let mut counting = Counting::new(tx, now, room)?;
    let mut is_full = false;
    for (index, level) in levels.iter().enumerate() {
        let (fine, shared) = (&level.fine, &level.shared);
        // Two may share a row.
        let is_counted = counting.count(index, &fine.0, fine.1)?
            || counting.keys.contains(&shared.0)
            || counting.count(index, &shared.0, shared.1)?;
        is_full |= !is_counted;
    }
    // What one refuses stays refused, whether or not there is room for the others.
    if is_full && counting.refused.told().is_none() {
        return Err(full());
    }
    Ok(counting.done())
}

/// A reservation that is being made: undone with all that it wrote if one refuses.
struct Counting<'a> {
    conn: &'a Connection,
    now: Timestamp,
    room: Room,
    number: u64,
    keys: Vec<RecordKey>,
    used: Vec<Used>,
    refused: Refusals,
}

impl<'a> Counting<'a> {
    fn new(tx: &mut Tx<'a>, now: Timestamp, room: Room) -> rusqlite::Result<Self> {
        let number = to_u64(0, tx.next()?)?;
        Ok(Self {
            conn: tx.conn,
            now,
            room,
            number,
            keys: Vec::new(),
            used: Vec::new(),
            refused: Refusals::default(),
        })
    }

    /// Counts it or notes that it is refused. No: there is no room for it.
    fn count(&mut self, index: usize, key: &RecordKey, window: Window) -> rusqlite::Result<bool> {
        let Known { mut admitted, len } = read(self.conn, key)?;
        match window.judge(&mut admitted, self.now, self.number) {
            Judged::Admitted { .. } => {
                if !self.room.takes(self.conn, len, size(window, &admitted))? {
                    return Ok(false);
                }
                self.used.push(window.used(&admitted, self.now));
                self.keys.push(key.clone());
                write(self.conn, (key, window), &admitted, len)?;
            }
            Judged::Refused { retry_at } => self.refused.note(index, retry_at),
            // A judgement this release does not know is not taken for an admission.
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
        Ok(true)
    }

    fn done(self) -> Verdict<Reserved> {
        if let Some(refused) = self.refused.told() {
            return Verdict::Undo(refused);
        }
        Verdict::Keep(Reserved::Admitted {
            ticket: Ticket::new(self.keys, self.number),
            used: self.used,
        })
    }
}

fn used(
    conn: &Connection,
    windows: &[(RecordKey, Window)],
    now: Timestamp,
) -> rusqlite::Result<Vec<Used>> {
    let used = |(key, window): &(RecordKey, Window)| {
        let known = read(conn, key)?;
        Ok(window.used(&known.admitted, now))
    };
    windows.iter().map(used).collect()
}

fn give_back(conn: &Connection, keys: &[RecordKey], number: u64) -> rusqlite::Result<Verdict<()>> {
    for key in keys {
        let Known { mut admitted, len } = read(conn, key)?;
        let before = admitted.len();
        admitted.retain(|admission| admission.number != number);
        if admitted.len() == before {
            continue;
        }
        let row = (key.collection.as_str(), &key.owner, &key.id);
        let len = len.unwrap_or_default();
        if admitted.is_empty() && len <= size_of_small() {
            conn.prepare_cached(
                "DELETE FROM attempt WHERE collection = ?1 AND owner = ?2 AND id = ?3",
            )?
            .execute(row)?;
            continue;
        }
        // One that has room for all keeps it. Where nothing is counted nothing is left to wait for: it
        // may be purged.
        conn.prepare_cached(
            "UPDATE attempt SET admitted = ?4, until = CASE WHEN ?5 THEN 0 ELSE until END
             WHERE collection = ?1 AND owner = ?2 AND id = ?3",
        )?
        .execute(params![
            row.0,
            row.1,
            row.2,
            encode(&admitted, len),
            admitted.is_empty()
        ])?;
    }
    Ok(Verdict::Keep(()))
}

/// What is known of a key, and the bytes that it takes; none: it has no row.
struct Known {
    admitted: Vec<Admission>,
    len: Option<usize>,
}

fn read(conn: &Connection, key: &RecordKey) -> rusqlite::Result<Known> {
    let known: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT admitted FROM attempt WHERE collection = ?1 AND owner = ?2 AND id = ?3",
        )?
        .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
            row.get(0)
        })
        .optional()?;
    let len = known.as_ref().map(Vec::len);
    let admitted = decode(&known.unwrap_or_default())?;
    Ok(Known { admitted, len })
}

fn write(
    conn: &Connection,
    (key, window): (&RecordKey, Window),
    admitted: &[Admission],
    before: Option<usize>,
) -> rusqlite::Result<()> {
    // Who once had room for all keeps it.
    let kept = before
        .filter(|len| *len > size_of_small())
        .unwrap_or_default();
    let last = admitted
        .last()
        .map_or(Timestamp::from_millis(0), |last| last.at);
    conn.prepare_cached(
        "INSERT INTO attempt (collection, owner, id, admitted, until) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET admitted = excluded.admitted, until = excluded.until",
    )?
    .execute(params![
        key.collection.as_str(),
        key.owner,
        key.id,
        encode(admitted, size(window, admitted).max(kept)),
        from_time(last.saturating_add(window.span()))
    ])
    .map(|_| ())
}

/// Bytes of one attempt.
const ONE: usize = 16;

/// A window of more attempts has room for all of them from the beginning, so that it counts on when
/// the file is full: what is shared where there is no room for others is made by such.
const SMALL: u32 = StoreLimits::SMALL;

/// The most bytes of a window of [`SMALL`].
fn size_of_small() -> usize {
    usize::try_from(SMALL)
        .unwrap_or(usize::MAX)
        .saturating_mul(ONE)
}

/// Pages that are left to keys which are there already: a new one takes none of them.
const KEPT: u64 = 64;

/// Pages that are left to keys which need no more bytes: their index may be split.
const LAST: u64 = 8;

/// What is left of a quota.
#[derive(Clone, Copy)]
struct Room {
    max_pages: Option<u32>,
}

impl Room {
    const fn new(max_pages: Option<u32>) -> Self {
        Self { max_pages }
    }

    /// Whether a key that took `before` bytes may take `after`.
    fn takes(
        self,
        conn: &Connection,
        before: Option<usize>,
        after: usize,
    ) -> rusqlite::Result<bool> {
        let Some(most) = self.max_pages else {
            return Ok(true);
        };
        let spared = match before {
            Some(before) if after <= before => return Ok(true),
            Some(_) => LAST,
            None => KEPT,
        };
        let count = |of: &str| {
            let count = conn.pragma_query_value(None, of, |row| row.get(0))?;
            to_u64(0, count)
        };
        let used = count("page_count")?.saturating_sub(count("freelist_count")?);
        Ok(u64::from(most).saturating_sub(used) > spared)
    }
}

const fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error {
            code: rusqlite::ErrorCode::DiskFull,
            extended_code: rusqlite::ffi::SQLITE_FULL,
        },
        None,
    )
}

/// Bytes that the attempts of a window take.
fn size(window: Window, admitted: &[Admission]) -> usize {
    let taken = admitted.len().saturating_mul(ONE);
    if window.most() <= SMALL {
        return taken;
    }
    let most = usize::try_from(window.most()).unwrap_or(usize::MAX);
    most.saturating_mul(ONE).max(taken)
}

/// Each as milliseconds and number, 8 bytes each, big-endian; then zeros up to `len` bytes.
fn encode(admitted: &[Admission], len: usize) -> Vec<u8> {
    let bytes =
        |admission: &Admission| [admission.at.as_millis(), admission.number].map(u64::to_be_bytes);
    let mut out: Vec<u8> = admitted.iter().flat_map(bytes).flatten().collect();
    out.resize(out.len().max(len), 0);
    out
}

fn decode(bytes: &[u8]) -> rusqlite::Result<Vec<Admission>> {
    let (admitted, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let admission = |bytes: &[u8; 16]| {
        let (at, number) = bytes.split_first_chunk::<8>()?;
        let number = number.first_chunk::<8>()?;
        Some(Admission {
            at: Timestamp::from_millis(u64::from_be_bytes(*at)),
            number: u64::from_be_bytes(*number),
        })
    };
    let mut decoded: Option<Vec<_>> = admitted.iter().map(admission).collect();
    if let Some(all) = &mut decoded {
        // No attempt has it: room for more.
        all.retain(|admission| admission.number != 0);
    }
    decoded.ok_or(rusqlite::Error::InvalidQuery)
}
