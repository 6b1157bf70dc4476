//! Checking an export, without the log.

use std::fmt;
use std::io::{BufRead, Read as _};
use std::ops::Range;

use keyward_base::encoding::{from_base64_array, from_hex};
use keyward_base::{Error, Reason, Result};
use keyward_crypto::Provider;
use serde::{Deserialize, Serialize};

use super::{First, Last, Line, MAX_HASHES, MAX_LINE, VERSION};
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::erased::{Followed, Gone};
use crate::leaf::{Class, Header, Leaf, LogId, SALT_LEN, origin};
use crate::note::{Others, VerifierKey};
use crate::reason::{BAD_ENTRY, BAD_EXPORT, NOT_PROVED, OTHER_LOG};
use crate::tree::{Frontier, Hash, leaf, path};

/// The most runs of erased entries, and the most records of erasures, that are compared: what a
/// hostile export costs in memory and, as each is compared with each, in time.
const MAX_RUNS: usize = 65_536;
const MAX_RULES: usize = 4096;

/// What a good export shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// The numbers of its entries.
    pub entries: Range<u64>,
    /// How many of them were erased.
    pub erased: u64,
    /// The first of those that no record in the export says a rule erased. Such a record stands
    /// behind what it names: an export that ends before it cannot tell, and in one that does not,
    /// somebody took the text out. Of an export with more than 65,536 runs of erased entries of one
    /// class and day, or 4,096 records, it may be one that a record names.
    pub by_no_rule: Option<u64>,
    /// The checkpoint that they lead to.
    pub checkpoint: Checkpoint,
}

/// Why an export is not good.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The number of the first entry that is bad by itself; none where only all of them together do
    /// not lead to the checkpoint, or where it is not about an entry.
    pub seq: Option<u64>,
    /// What is wrong. `Rejected` with a reason; `Unavailable` if it cannot be read.
    pub error: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { seq: None, error }
    }
}

/// Checks the export that `from` gives against keys that are pinned, and tells `each` of every entry
/// that was not erased: nothing is proved before the end. Takes memory for one line and a few MB, and time in
/// proportion to the length.
///
/// # Errors
/// [`Refused`], of the reasons [`BAD_EXPORT`], [`BAD_ENTRY`], [`NOT_PROVED`], and those of
/// [`Checkpoint::open`]; also if anything follows the last line.
pub fn check(
    provider: &Provider,
    keys: &[VerifierKey],
    from: impl BufRead,
    mut each: impl FnMut(u64, &Header, &Entry),
) -> Result<Checked, Refused> {
    let mut lines = Lines {
        from,
        line: Vec::new(),
    };
    let first: First = lines.next()?;
    let log: LogId = from_hex(&first.log).map_err(|_| bad())?;
    let key = VerifierKey::parse(provider, &first.key)?;
    if first.version != VERSION || first.from > first.until || first.until > Frontier::MOST {
        return Err(bad().into());
    }
    let mut tree = Frontier::new();
    push_all(provider, &mut tree, first.from, &first.left)?;
    let (mut gone, mut rules, mut untold) = (Gone::default(), Vec::new(), None);
    let (mut erased, mut day) = (0_u64, 0);
    for seq in first.from..first.until {
        let at = |error| Refused {
            seq: Some(seq),
            error,
        };
        let line: Line<'_> = lines.next().map_err(at)?;
        let read = read(provider, &line, log, seq, day).map_err(at)?;
        day = read.leaf.header.day;
        match &read.entry {
            Some(entry) => {
                let rule = Followed::of(seq, &read.leaf.header, entry);
                let rule = rule.and_then(|rule| rule.about(None));
                rules.extend(rule.filter(|_| rules.len() < MAX_RULES));
                each(seq, &read.leaf.header, entry);
            }
            None => {
                erased = erased.saturating_add(1);
                if gone.runs() < MAX_RUNS {
                    gone.note(seq, &read.leaf.header);
                } else {
                    untold.get_or_insert(seq);
                }
            }
        }
        let hash = leaf(provider, &read.leaf.bytes());
        tree.push(provider, hash, |_| ())?;
    }
    let last: Last = lines.next()?;
    let checkpoint = Checkpoint::open(&last.checkpoint, keys, Others::Refused)?;
    // The key that is named is pinned, and is one that signed.
    if !keys.contains(&key) {
        return Err(Error::rejected(Reason::NOT_AUTHENTIC).into());
    }
    Checkpoint::open(&last.checkpoint, &[key], Others::PassedOver)?;
    if checkpoint.origin != origin(&log)? {
        return Err(Error::rejected(OTHER_LOG).into());
    }
    push_all(provider, &mut tree, checkpoint.size, &last.right)?;
    if tree.root(provider) != checkpoint.root {
        return Err(Error::rejected(NOT_PROVED).into());
    }
    lines.end()?;
    Ok(Checked {
        entries: first.from..first.until,
        erased,
        by_no_rule: gone.by_no_rule(&rules).or(untold),
        checkpoint,
    })
}

/// An entry that was read.
struct Read {
    leaf: Leaf,
    /// None if it was erased.
    entry: Option<Entry>,
}

fn read(provider: &Provider, line: &Line<'_>, log: LogId, seq: u64, day: u32) -> Result<Read> {
    let bad = || Error::rejected(BAD_ENTRY);
    if line.seq != seq || line.day < day {
        return Err(bad());
    }
    let header = Header {
        log,
        day: line.day,
        class: Class::new(line.class).map_err(|_| bad())?,
    };
    let digest = from_base64_array(&line.digest).map_err(|_| bad())?;
    let leaf = Leaf { header, digest };
    let entry = match (&line.salt, line.body) {
        (None, None) => None,
        (Some(salt), Some(body)) => {
            let salt: [u8; SALT_LEN] = from_base64_array(salt).map_err(|_| bad())?;
            if Leaf::of(provider, leaf.header.clone(), &salt, body.get()) != leaf {
                return Err(Error::rejected(NOT_PROVED));
            }
            Some(Entry::parse(body.get())?)
        }
        _ => return Err(bad()),
    };
    Ok(Read { leaf, entry })
}

/// Appends the perfect subtrees up to `size`, of which these are the roots.
fn push_all(provider: &Provider, tree: &mut Frontier, size: u64, roots: &[String]) -> Result<()> {
    if tree.size() > size || roots.len() > MAX_HASHES {
        return Err(bad());
    }
    let mut roots = roots.iter();
    for (level, _) in path::perfect(tree.size()..size) {
        let root = roots.next().ok_or_else(bad)?;
        let root: Hash = from_base64_array(root).map_err(|_| bad())?;
        tree.push_subtree(provider, level, root, |_| ())?;
    }
    roots.next().map_or(Ok(()), |_| Err(bad()))
}

fn bad() -> Error {
    Error::rejected(BAD_EXPORT)
}

/// The lines of a file, one at a time.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line, in the one form that is written.
    fn next<'a, T: Serialize + Deserialize<'a>>(&'a mut self) -> Result<T> {
        self.line.clear();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = self
            .from
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line);
        read.map_err(unread)?;
        let line = self.line.strip_suffix(b"\n").ok_or_else(bad)?;
        let read: T = serde_json::from_slice(line).map_err(|_| bad())?;
        if serde_json::to_vec(&read).map_err(|_| bad())? != line {
            return Err(bad());
        }
        Ok(read)
    }

    fn end(&mut self) -> Result<()> {
        if self.from.fill_buf().map_err(unread)?.is_empty() {
            return Ok(());
        }
        Err(bad())
    }
}

fn unread(e: std::io::Error) -> Error {
    Error::unavailable("the export cannot be read").with_source(e)
}
