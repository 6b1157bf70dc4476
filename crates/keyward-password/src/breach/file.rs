//! A file of breached passwords, for who asks nobody: `docs/formats/breach-file.md`.

use std::fmt;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};

use super::{Fingerprint, LEN};
use crate::text;

const MAGIC: &[u8; 16] = b"keyward breach 1";
/// Magic, and the number of entries.
const HEADER: u64 = 24;
/// Bytes of a SHA-1 that are kept. Of 10^9 entries of 64 bits, one in 10^10 of other passwords meets
/// one.
const ENTRY: usize = 8;
const ENTRY_LEN: u64 = 8;

type Entry = [u8; ENTRY];

/// What it is read from.
trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A sorted list of truncated SHA-1s. It is not read into memory: a look-up reads some thirty of its
/// entries at most. Whoever can write to the file decides what is in it.
pub struct BreachFile {
    source: Mutex<Box<dyn Source>>,
    count: u64,
}

impl BreachFile {
    /// Opens a file, or whatever can be read at any place.
    ///
    /// # Errors
    /// `Corrupt` if it is no such file or is not as long as it says. `Unavailable` if it cannot be
    /// read.
    pub fn open(source: impl Read + Seek + Send + 'static) -> Result<Self> {
        let mut source: Box<dyn Source> = Box::new(source);
        let len = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
        source.rewind().map_err(unreadable)?;
        let mut header = [0; 24];
        if len < HEADER {
            return Err(corrupt());
        }
        source.read_exact(&mut header).map_err(unreadable)?;
        let count = header
            .strip_prefix(MAGIC)
            .and_then(|count| count.try_into().ok())
            .map(u64::from_be_bytes)
            .ok_or_else(corrupt)?;
        let stated = count
            .checked_mul(ENTRY_LEN)
            .and_then(|n| n.checked_add(HEADER));
        if stated != Some(len) {
            return Err(corrupt());
        }
        Ok(Self {
            source: Mutex::new(source),
            count,
        })
    }

    /// How many passwords it lists.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether it lists none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it lists this one. It blocks on the file.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be read.
    pub fn contains(&self, password: &Fingerprint) -> Result<bool> {
        let Some(wanted) = password.bytes().first_chunk::<ENTRY>() else {
            return Ok(false);
        };
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let at = middle.saturating_mul(ENTRY_LEN).saturating_add(HEADER);
            let mut entry = Entry::default();
            source.seek(SeekFrom::Start(at)).map_err(unreadable)?;
            source.read_exact(&mut entry).map_err(unreadable)?;
            match entry.cmp(wanted) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }
}

impl fmt::Debug for BreachFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BreachFile({} entries)", self.count)
    }
}

/// Writes a [`BreachFile`]. Until [`Building::finish`] what is written is no such file.
#[derive(Debug)]
pub struct Building<W> {
    out: W,
    count: u64,
    last: Option<Entry>,
}

impl<W: Write + Seek> Building<W> {
    /// Begins at the start of `out`, which is empty and best wrapped into a `BufWriter`.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    pub fn new(mut out: W) -> Result<Self> {
        out.write_all(&[0; 24]).map_err(unwritable)?;
        Ok(Self {
            out,
            count: 0,
            last: None,
        })
    }

    /// Adds all of a list of SHA-1s in their order, as Pwned Passwords' downloader writes it: a line
    /// has 40 hexadecimal digits, a colon, and how often it was seen. Those seen fewer than `least`
    /// times are left out.
    ///
    /// # Errors
    /// `Misuse` for another line, one above 128 bytes, or one that is out of order. `Unavailable` if
    /// `list` cannot be read or the file cannot be written.
    pub fn add_sha1s(&mut self, mut list: impl BufRead, least: u64) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = list.by_ref().take(128).read_line(&mut line);
            if read.map_err(unreadable)? == 0 {
                return Ok(());
            }
            let (digits, times) = line.trim_end().split_once(':').ok_or_else(odd_line)?;
            let times: u64 = times.parse().map_err(|_| odd_line())?;
            let sha1 = text::hex(digits).filter(|sha1| sha1.len() == LEN);
            let sha1 = sha1.ok_or_else(odd_line)?;
            if times >= least {
                self.add(sha1.first_chunk().ok_or_else(odd_line)?)?;
            }
        }
    }

    /// Adds all passwords of a list of words, which is held in memory to be sorted: eight bytes each.
    /// For a list of one's own, beside none of [`Building::add_sha1s`].
    ///
    /// # Errors
    /// `Misuse` if others were added before. `Unavailable` if the file cannot be written.
    pub fn add_words<'a>(&mut self, words: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        use keyward_crypto::slow::digest::{Digest, digest};
        let sha1 = |word: &[u8]| {
            digest(Digest::Sha1, &[word])
                .expose()
                .first_chunk()
                .copied()
        };
        let mut entries: Vec<Entry> = words.into_iter().filter_map(sha1).collect();
        entries.sort_unstable();
        entries.iter().try_for_each(|entry| self.add(entry))
    }

    fn add(&mut self, entry: &Entry) -> Result<()> {
        match self.last.as_ref().map(|last| last.cmp(entry)) {
            Some(std::cmp::Ordering::Equal) => return Ok(()),
            Some(std::cmp::Ordering::Greater) => {
                return Err(Error::misuse(
                    "the list of breached passwords is out of order: take the one ordered by hash",
                ));
            }
            _ => {}
        }
        self.out.write_all(entry).map_err(unwritable)?;
        self.last = Some(*entry);
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Writes the header, and says how many entries there are.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    pub fn finish(mut self) -> Result<(W, u64)> {
        self.out.rewind().map_err(unwritable)?;
        self.out.write_all(MAGIC).map_err(unwritable)?;
        self.out
            .write_all(&self.count.to_be_bytes())
            .map_err(unwritable)?;
        self.out.flush().map_err(unwritable)?;
        Ok((self.out, self.count))
    }
}

fn corrupt() -> Error {
    Error::corrupt("this is no file of breached passwords, or not a whole one: build it anew")
}

fn odd_line() -> Error {
    Error::misuse("a line of the list is not a SHA-1 in hexadecimal, a colon and a number")
}

fn unreadable(e: std::io::Error) -> Error {
    Error::unavailable("the list of breached passwords cannot be read").with_source(e)
}

fn unwritable(e: std::io::Error) -> Error {
    Error::unavailable("the file of breached passwords cannot be written").with_source(e)
}
