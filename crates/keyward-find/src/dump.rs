//! The text dump of a PostgreSQL, MySQL or MariaDB database, or of SQLite.

mod context;
mod names;
mod row;

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use keyward_base::{Error, Result};

use self::context::{Context, Met};
use crate::keys::Keys;
use crate::matcher::Matcher;
use crate::report::Report;
use crate::stream;

/// Bytes read at a time. Small enough to stay in a core's own cache.
const PIECE: usize = 256 * 1024;

/// The longest line that is looked at whole. `mysqldump` writes lines of a little more than 1 MiB
/// (its `net_buffer_length`); the columns of longer ones are followed through their parts.
const LINE: usize = 4 << 20;

/// Pieces on their way at once: one is read while another is looked through.
const PIECES: usize = 3;

/// Counts the values of `keys` in the dump that `from` gives: what `pg_dump` (plain format, with
/// `COPY` or `INSERT`), `pg_dumpall`, `mysqldump`, `mariadb-dump` and `sqlite3 .dump` write.
/// `progress` is told the number of bytes seen so far.
///
/// Every byte is looked at, whatever it stands in; only the names of table and column depend on
/// the dump being understood. Memory grows with the number of tables, and with nothing else.
///
/// # Errors
/// - `Misuse`: the input is empty, compressed, in UTF-16, in one of `pg_dump`'s own formats, or a
///   database file: the message says how to make a dump of it.
/// - `Unavailable`: it cannot be read to its end.
pub fn dump(from: impl Read + Send, keys: &Keys, mut progress: impl FnMut(u64)) -> Result<Report> {
    let matcher = Matcher::new(keys)?;
    let (full, pieces) = sync_channel(PIECES);
    let (back, empty) = sync_channel(PIECES);
    for _ in 0..PIECES {
        // There is room for all of them.
        let _ = back.try_send(Vec::with_capacity(PIECE));
    }
    thread::scope(|scope| {
        let reader = thread::Builder::new().spawn_scoped(scope, move || read(from, &full, &empty));
        reader.map_err(|e| Error::unavailable("no thread to read the dump with").with_source(e))?;
        look(&pieces, &back, &matcher, &mut progress)
    })
}

/// Reads pieces until the end, a failure, or nobody wants more.
fn read(
    mut from: impl Read,
    full: &SyncSender<std::io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) {
    while let Ok(mut piece) = empty.recv() {
        piece.clear();
        let room = u64::try_from(PIECE).unwrap_or(u64::MAX);
        let read = from.by_ref().take(room).read_to_end(&mut piece);
        let is_last = !matches!(read, Ok(len) if len > 0);
        if full.send(read.map(|_| piece)).is_err() || is_last {
            return;
        }
    }
}

/// What is known between pieces.
struct Search<'a, 'k> {
    matcher: &'a Matcher<'k>,
    context: Context,
    /// The line that the last piece ended in.
    line: Vec<u8>,
    met: Vec<Met>,
}

fn look(
    pieces: &Receiver<std::io::Result<Vec<u8>>>,
    back: &SyncSender<Vec<u8>>,
    matcher: &Matcher<'_>,
    progress: &mut impl FnMut(u64),
) -> Result<Report> {
    let mut search = Search {
        matcher,
        context: Context::default(),
        line: Vec::new(),
        met: Vec::new(),
    };
    let mut seen = 0_u64;
    while let Ok(piece) = pieces.recv() {
        let piece = piece.map_err(|e| {
            Error::unavailable("the dump cannot be read to its end: give it again").with_source(e)
        })?;
        if piece.is_empty() {
            break;
        }
        if seen == 0 {
            names::check_is_text(&piece)?;
        }
        search.piece(&piece);
        seen = seen.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        progress(seen);
        // The reader has ended when it takes none back.
        let _ = back.send(piece);
    }
    if seen == 0 {
        return Err(Error::misuse(
            "the dump is empty: pipe one in, as in `pg_dump DATABASE | keyward keys find KEY`",
        ));
    }
    let rest = std::mem::take(&mut search.line);
    search.lines(&rest, rest.len());
    Ok(search.context.into_report())
}

fn is_at_line(text: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .is_none_or(|before| text.get(before) == Some(&b'\n'))
}

impl Search<'_, '_> {
    fn piece(&mut self, piece: &[u8]) {
        let Some(last) = memchr::memrchr(b'\n', piece) else {
            // A long line: what cannot be cut waits for what follows.
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(piece);
            if line.len() > LINE {
                let cut = stream::cut(&line);
                self.lines(&line, cut);
                line.drain(..cut);
            }
            self.line = line;
            return;
        };
        let mut whole = piece.get(..=last).unwrap_or_default();
        if !self.line.is_empty() {
            let first = memchr::memchr(b'\n', whole).unwrap_or(last);
            let (end, rest) = whole.split_at(first.saturating_add(1).min(whole.len()));
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(end);
            self.lines(&line, line.len());
            line.clear();
            self.line = line;
            whole = rest;
        }
        self.lines(whole, whole.len());
        let tail = piece.get(last.saturating_add(1)..).unwrap_or_default();
        self.line.extend_from_slice(tail);
    }

    /// Looks at `text`; what begins at `cut` or later is left to the next look.
    fn lines(&mut self, text: &[u8], cut: usize) {
        let mut met = std::mem::take(&mut self.met);
        met.clear();
        let is_copying = self.context.is_copying();
        let mut copied = None;
        let value = |at| {
            if at < cut {
                met.push(Met::value(at));
            }
        };
        self.matcher.each(text, value, |at| {
            if is_copying && copied.is_none() && is_at_line(text, at) {
                copied = Some(at);
            }
        });
        let text = text.get(..cut).unwrap_or(text);
        // Within the rows of a `COPY` nothing else is a mark, and no line need be looked at.
        let marked = if is_copying { copied } else { Some(0) };
        if let Some(from) = marked {
            context::marks(text, from, |mark| met.push(mark));
        }
        met.sort_unstable();
        self.context.take(text, &met);
        self.met = met;
    }
}
