//! Proofs that an entry is in a log, as <https://c2sp.org/tlog-proof> has them: verified without
//! the log, by who has its key.

use keyward_base::encoding::{base64, from_base64_array};
use keyward_base::{Error, Result};
use keyward_crypto::Provider;

use crate::checkpoint::{Checkpoint, number};
use crate::note::{self, Others, VerifierKey};
use crate::reason::BAD_PROOF;
use crate::tree::{Hash, leaf, verify};

/// The first line.
const FIRST: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes of a proof: a log has less than two to the power of 63 entries.
pub const MAX_HASHES: usize = 63;

/// The most bytes of a proof that is read.
pub const MAX_LEN: usize = note::MAX_LEN + 4096;

/// That an entry is number `index` of a log, up to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Proof {
    /// The number of the entry, from 0.
    pub index: u64,
    /// The hashes from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as it is.
    pub checkpoint: String,
}

impl Proof {
    /// The text of the proof.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{FIRST}\nindex {}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&base64(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads what [`Proof::text`] writes. Nothing is proved yet: see [`Proof::check`].
    ///
    /// # Errors
    /// `Rejected` ([`BAD_PROOF`]) for anything else, and beyond [`MAX_LEN`] or [`MAX_HASHES`]. A
    /// line `extra` is refused: nothing vouches for it.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::rejected(BAD_PROOF);
        if text.len() > MAX_LEN {
            return Err(bad());
        }
        let (front, checkpoint) = text.split_once("\n\n").ok_or_else(bad)?;
        let mut lines = front.split('\n');
        if lines.next() != Some(FIRST) {
            return Err(bad());
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(number).ok_or_else(bad)?;
        let hashes = lines.map(|line| from_base64_array(line).map_err(|_| bad()));
        let hashes: Vec<Hash> = hashes.take(MAX_HASHES + 1).collect::<Result<_>>()?;
        if hashes.len() > MAX_HASHES {
            return Err(bad());
        }
        Ok(Self {
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that `bytes` are the leaf of that number, in a log of which one of `keys` signed the
    /// checkpoint; gives the checkpoint.
    ///
    /// # Errors
    /// `Rejected`: as [`Checkpoint::open`] and [`verify::inclusion`].
    pub fn check(
        &self,
        provider: &Provider,
        keys: &[VerifierKey],
        others: Others,
        bytes: &[u8],
    ) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open(&self.checkpoint, keys, others)?;
        let Checkpoint { size, root, .. } = &checkpoint;
        let leaf = leaf(provider, bytes);
        verify::inclusion(provider, &leaf, self.index, *size, root, &self.hashes)?;
        Ok(checkpoint)
    }
}
