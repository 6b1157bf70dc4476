//! Checkpoints, as <https://c2sp.org/tlog-checkpoint> has them: the head of a log, in a note.

use keyward_base::encoding::{base64, from_base64_array};
use keyward_base::{Error, Result};
use keyward_crypto::sign::SIGNATURE_LEN;

use crate::note::{self, KeyName, Others, VerifierKey};
use crate::reason::{BAD_CHECKPOINT, OTHER_LOG};
use crate::tree::{Frontier, Hash};

/// The head of a log: whose, how many entries, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Checkpoint {
    /// The log: the name of its keys too.
    pub origin: KeyName,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Its text: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    /// Reads what [`Checkpoint::text`] writes.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_CHECKPOINT`]) for anything else; extension lines too, which ours do not
    /// have.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::rejected(BAD_CHECKPOINT);
        let lines: Vec<&str> = text
            .strip_suffix('\n')
            .ok_or_else(bad)?
            .split('\n')
            .collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(bad());
        };
        Ok(Self {
            origin: KeyName::new(origin).map_err(|_| bad())?,
            size: number(size).ok_or_else(bad)?,
            root: from_base64_array(root).map_err(|_| bad())?,
        })
    }

    /// The checkpoint, signed: see [`note::sign`].
    ///
    /// # Errors
    /// What a key returns; `Misuse` without a key, and for one of another name.
    pub fn sign<S>(&self, keys: &[(VerifierKey, S)]) -> Result<String>
    where
        S: Fn(&[u8]) -> Result<[u8; SIGNATURE_LEN]>,
    {
        if keys.iter().any(|(key, _)| *key.name() != self.origin) {
            return Err(Error::misuse(
                "a checkpoint is signed by keys that have the name of its log",
            ));
        }
        note::sign(&self.text(), keys)
    }

    /// The checkpoint that `note` is, if one of `keys` signed it. They are those of one log.
    ///
    /// # Errors
    /// As [`note::open`], and `Rejected`: [`BAD_CHECKPOINT`] for another text, [`OTHER_LOG`] for
    /// another origin than the name of the keys.
    pub fn open(note: &str, keys: &[VerifierKey], others: Others) -> Result<Self> {
        let checkpoint = Self::parse(note::open(note, keys, others)?)?;
        if keys.iter().any(|key| *key.name() != checkpoint.origin) {
            return Err(Error::rejected(OTHER_LOG));
        }
        Ok(checkpoint)
    }
}

/// A number of entries: decimal, without a sign or leading zeros, at most [`Frontier::MOST`].
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| plain)?;
    (number <= Frontier::MOST).then_some(number)
}
