//! The head of a log, as it lies in the store: how far the log is, under a MAC of the ring.
//!
//! Every append writes it in the batch of its entries. So who writes to the store and has no key of
//! the ring cannot add an entry, change one or take one away without the head telling.

use keyward_base::{Domain, Error, ErrorKind, Result, Timestamp};
use keyward_crypto::mac::TAG_LEN;
use keyward_keys::{MacHandle, MacVerifier};

use crate::leaf::LogId;
use crate::tree::{Frontier, Hash};

const MAGIC: &[u8; 4] = b"kwah";
const VERSION: u8 = 4;

/// The flags of a head.
const MARKED: u8 = 1;
const APART: u8 = 2;
const ENDED: u8 = 4;

/// Whose log it is, which of theirs, and the head.
const HEAD: Domain<(&str, &str, &[u8])> = Domain::new("keyward/v1/audit-head");

/// Whose log a head is of, and which of theirs: the root log is the service's, too.
pub(crate) type Place<'a> = (&'a str, &'a str);

/// How far a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The log's id.
    pub log: LogId,
    /// Under which acceptance of an older database it was begun; zeros before the first. Of the root
    /// log: which is the last.
    pub(crate) era: LogId,
    /// Whether its entries lie under its own id: those of a log that another went before.
    pub(crate) apart: bool,
    /// Whether another goes on in its place.
    pub(crate) ended: bool,
    /// The latest time that an entry has: the day of an entry is never before that of another.
    pub latest: Timestamp,
    /// Entries before this place hold no intent that is open.
    pub settled: u64,
    /// Whether a record beside it says that it grew since it was noted: the next round finds it by
    /// that.
    pub(crate) marked: bool,
    /// The size and the root that the root log has of it, from which it goes on: as far as whoever
    /// wrote the head knew.
    pub(crate) noted: Option<(u64, Hash)>,
    /// SHA-256 of what the log's state is, as it lies in the store: holds, what is kept how long,
    /// and an erasure that goes on. Zeros if there is none of these.
    pub state: [u8; 32],
    /// The tree over its entries.
    pub tree: Frontier,
}

impl Head {
    /// That of a log without entries.
    pub(crate) const fn new(log: LogId) -> Self {
        Self {
            log,
            era: [0; 16],
            apart: false,
            ended: false,
            latest: Timestamp::from_millis(0),
            settled: 0,
            marked: false,
            noted: None,
            state: [0; 32],
            tree: Frontier::new(),
        }
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Moves [`Head::settled`] up, never back.
    pub(crate) fn settle(&mut self, to: Option<u64>) {
        let to = to.unwrap_or(0).min(self.size());
        self.settled = self.settled.max(to);
    }

    /// The record of it, under that key: of the log of `place`.
    pub(crate) fn seal(&self, place: Place<'_>, key: &MacHandle) -> Vec<u8> {
        let mut bytes = self.bytes(key.id().to_bytes());
        let tag = key.sign(HEAD, &(place.0, place.1, &bytes));
        bytes.extend_from_slice(&tag);
        bytes
    }

    /// What lies in the store in front of the MAC, which the key of that id makes.
    #[must_use]
    pub fn bytes(&self, key: [u8; 8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend_from_slice(&key);
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.era);
        bytes.extend_from_slice(&self.latest.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.settled.to_be_bytes());
        let (noted, root) = self.noted.unwrap_or_default();
        bytes.extend_from_slice(&noted.to_be_bytes());
        bytes.extend_from_slice(&self.tree.size().to_be_bytes());
        bytes.extend_from_slice(&root);
        let flags = [
            (self.marked, MARKED),
            (self.apart, APART),
            (self.ended, ENDED),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        bytes.push(flags.fold(0, |all, (_, flag)| all | flag));
        bytes.extend_from_slice(&self.state);
        for subtree in self.tree.subtrees() {
            bytes.extend_from_slice(subtree);
        }
        bytes
    }

    /// Reads what [`Head::seal`] made.
    ///
    /// # Errors
    /// `Corrupt` for anything else, a key that is none of the ring's and another version too;
    /// `Unavailable` if the keyring cannot be relied on.
    pub(crate) async fn open<F>(
        place: Place<'_>,
        data: &[u8],
        key: impl FnOnce([u8; 8]) -> F,
    ) -> Result<Self>
    where
        F: Future<Output = Result<MacVerifier>>,
    {
        let (bytes, tag) = data.split_last_chunk::<TAG_LEN>().ok_or_else(damaged)?;
        let (id, _) = id(bytes)?;
        key(id)
            .await
            .map_err(unknown)?
            .verify(HEAD, &(place.0, place.1, bytes), tag)
            .map_err(|_| damaged())?;
        Self::parse(bytes).map(|(head, _)| head)
    }

    /// What [`Head::bytes`] made, and the id of the key. Nobody vouches for it: a tool that looks at a
    /// record has it.
    ///
    /// # Errors
    /// `Corrupt` for anything else, and another version too.
    pub fn parse(bytes: &[u8]) -> Result<(Self, [u8; 8])> {
        let (id, rest) = id(bytes)?;
        let (log, rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
        let (era, rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
        let ([latest, settled, noted, size], rest) = numbers(rest).ok_or_else(damaged)?;
        let (root, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
        let (flags, rest) = rest.split_first().ok_or_else(damaged)?;
        let (state, subtrees) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
        let (subtrees, over) = subtrees.as_chunks::<32>();
        let subtrees: Vec<Hash> = subtrees.to_vec();
        let bare = noted > 0 || *root == [0; 32];
        let known = *flags <= (MARKED | APART | ENDED);
        if !over.is_empty() || settled > size || noted > size || !known || !bare {
            return Err(damaged());
        }
        let head = Self {
            log: *log,
            era: *era,
            apart: flags & APART != 0,
            ended: flags & ENDED != 0,
            latest: Timestamp::from_millis(latest),
            settled,
            marked: flags & MARKED != 0,
            noted: (noted > 0).then_some((noted, *root)),
            state: *state,
            tree: Frontier::from_parts(size, subtrees)?,
        };
        Ok((head, id))
    }
}

/// The id of the key that vouches for a head, and what follows.
fn id(bytes: &[u8]) -> Result<([u8; 8], &[u8])> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (version, rest) = rest.split_first().ok_or_else(damaged)?;
    if *version > VERSION {
        // Not checked yet: whoever writes to the store may have put it there.
        return Err(Error::corrupt(
            "the head of an audit log is not what was written, or a newer keyward wrote it: then upgrade keyward",
        ));
    }
    if *version != VERSION {
        return Err(Error::corrupt(
            "the head of an audit log is not what was written, or was written by keyward before its first release: then make a new home with `keyward keys init`, and put the credentials in again",
        ));
    }
    let (id, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    Ok((*id, rest))
}

/// Four numbers, and what follows.
fn numbers(bytes: &[u8]) -> Option<([u64; 4], &[u8])> {
    let (numbers, rest) = bytes.split_at_checked(32)?;
    let (numbers, _) = numbers.as_chunks::<8>();
    let [a, b, c, d] = numbers else { return None };
    Some(([*a, *b, *c, *d].map(u64::from_be_bytes), rest))
}

/// The ring has no such key: nobody who had one wrote the head.
fn unknown(e: Error) -> Error {
    if e.kind() == ErrorKind::Rejected {
        return damaged().with_source(e);
    }
    e
}

fn damaged() -> Error {
    Error::corrupt(
        "the head of an audit log is not what was written: its entries are not vouched for; `keyward doctor` says which log",
    )
}
