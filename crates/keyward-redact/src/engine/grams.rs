//! Which needle has a given 8-byte gram at the place it is looked for by, and for which grams
//! automata are to be stepped (a *gate*): a filter that says no to nearly every text, and a table.

mod shard;

use std::ops::Range;

use shard::{GATE, Shard, entry, fingerprint, lead};

use super::keys::{Keys, short_word, word};
use super::pairs::Pairs;
use super::{GRAM, MOST_LEADS, SHORT_STEP};

/// Bits of the filter for each gram, at least.
const FILTER_BITS: usize = 16;

/// Words of the smallest filter, as a power of two: 8 KiB.
const LEAST_LOG: u32 = 10;

/// Words of the largest filter: 256 KiB, about what fits into a near cache. Where there are more grams,
/// what passes it is looked up in filters of the parts of the table.
const MOST_LOG: u32 = 15;

/// Parts of the table. Each grows by itself, so that no registration pays for all.
const SHARDS_LOG: u32 = 8;

/// Where a gram leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// To a needle; `nth` is which of the eight grams of its window it is.
    Needle { needle: u32, nth: u32 },
    /// To the automata.
    Gate,
}

pub(super) struct Grams {
    /// Two bits of one word for each gram.
    filter: Vec<u64>,
    filter_log: u32,
    /// For each part of the table another filter, if this one is too small.
    fine: Vec<Fine>,
    shards: Vec<Shard>,
    len: usize,
}

/// Two bits of one word for each gram of a part.
struct Fine {
    words: Vec<u64>,
    log: u32,
}

impl Grams {
    pub(super) fn new() -> Self {
        let shards = 0..1_u32 << SHARDS_LOG;
        Self {
            filter: vec![0; 1 << LEAST_LOG],
            filter_log: LEAST_LOG,
            fine: Vec::new(),
            shards: shards.map(|_| Shard::new()).collect(),
            len: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a gram of this hash may be in the table.
    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let shift = 64_u32.wrapping_sub(self.filter_log);
        passes(&self.filter, shift, hash) && self.passes_fine(hash)
    }

    #[inline]
    fn passes_fine(&self, hash: u64) -> bool {
        match self.fine.get(shard_of(hash)) {
            Some(fine) => fine.passes(hash),
            None => true,
        }
    }

    /// Adds to `found` the hashes of those `samples` that may be in the table, each with its place
    /// among them.
    #[inline]
    pub(super) fn filter(
        &self,
        keys: &Keys,
        pairs: &Pairs,
        samples: &[[u8; GRAM]],
        found: &mut Vec<(u64, usize)>,
    ) {
        let (hasher, filter) = (keys.hasher(), self.filter.as_slice());
        let shift = 64_u32.wrapping_sub(self.filter_log);
        // In steps, without branches that cannot be foretold: so the processor can wait for several
        // words of the filters at once.
        for (samples, first) in samples.chunks(64).zip((0_usize..).step_by(64)) {
            let (mut front, mut back) = (0_u64, 0_u64);
            for (sample, bit) in samples.iter().zip(0_u32..) {
                let (of_front, of_back) = pairs.halves(*sample);
                front |= u64::from(of_front).wrapping_shl(bit);
                back |= u64::from(of_back).wrapping_shl(bit);
            }
            // Of a window around a sample, four bytes at least lie in the sample before or in the one
            // after. Those of another chunk may be anything.
            let last = 1_u64.rotate_right(1) >> (64_usize.wrapping_sub(samples.len()) & 63);
            let mut left = front & back & ((back << 1) | 1 | (front >> 1) | last);
            let mut kept = [(0, 0); 64];
            let mut count = 0_usize;
            while left != 0 {
                let i = usize::try_from(left.trailing_zeros()).unwrap_or(usize::MAX);
                left &= left.wrapping_sub(1);
                let sample = samples.get(i).copied().unwrap_or_default();
                let hash = hasher.gram(u64::from_le_bytes(sample));
                if let Some(kept) = kept.get_mut(count) {
                    *kept = (hash, first.saturating_add(i));
                }
                let is_kept = pairs.between(sample) & passes(filter, shift, hash);
                count = count.wrapping_add(usize::from(is_kept));
            }
            found.extend_from_slice(kept.get(..count).unwrap_or_default());
        }
        if !self.fine.is_empty() {
            found.retain(|(hash, _)| self.passes_fine(*hash));
        }
    }

    /// Adds to `found` those of `hashes`, each with its place, that may be in the table.
    #[inline]
    pub(super) fn filter_hashes(
        &self,
        hashes: impl Iterator<Item = (u64, usize)>,
        found: &mut Vec<(u64, usize)>,
    ) {
        let filter = self.filter.as_slice();
        let shift = 64_u32.wrapping_sub(self.filter_log);
        // As above.
        let mut kept = [(0, 0); 64];
        let mut count = 0_usize;
        for (hash, at) in hashes {
            if let Some(kept) = kept.get_mut(count) {
                *kept = (hash, at);
            }
            count = count.wrapping_add(usize::from(passes(filter, shift, hash)));
            if count == kept.len() {
                found.extend_from_slice(&kept);
                count = 0;
            }
        }
        found.extend_from_slice(kept.get(..count).unwrap_or_default());
        if !self.fine.is_empty() {
            found.retain(|(hash, _)| self.passes_fine(*hash));
        }
    }

    /// Tells `each` of all leads of this hash.
    pub(super) fn leads(&self, hash: u64, mut each: impl FnMut(Lead)) {
        if let Some(shard) = self.shards.get(shard_of(hash)) {
            shard.walk(fingerprint(hash), |entry| each(lead(entry)));
        }
    }

    /// How many needles the gram leads to; as many as may be, if it is a gate.
    pub(super) fn count(&self, hash: u64) -> usize {
        let mut count = 0_usize;
        self.leads(hash, |lead| {
            count = count.saturating_add(match lead {
                Lead::Needle { .. } => 1,
                Lead::Gate => MOST_LEADS,
            });
        });
        count
    }

    /// Adds a lead to the needle.
    pub(super) fn insert(&mut self, hash: u64, needle: u32, nth: u32) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.insert(entry(hash, needle, nth));
            self.added(hash);
        }
    }

    /// Takes back what [`Grams::insert`] added.
    pub(super) fn remove(&mut self, hash: u64, needle: u32, nth: u32) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash))
            && shard.remove(entry(hash, needle, nth))
        {
            self.len = self.len.saturating_sub(1);
        }
    }

    /// Makes the gram a gate, for one needle more.
    pub(super) fn open(&mut self, hash: u64) {
        if let Some(shard) = self.shards.get_mut(shard_of(hash))
            && !shard.count(hash, |entry| Some(entry.saturating_add(1)))
        {
            shard.insert(fingerprint(hash) | GATE | 1);
            self.added(hash);
        }
    }

    /// One needle less needs the gate.
    pub(super) fn close(&mut self, hash: u64) {
        let last = fingerprint(hash) | GATE | 1;
        let less = |entry: u64| (entry != last).then(|| entry.saturating_sub(1));
        if let Some(shard) = self.shards.get_mut(shard_of(hash))
            && !shard.count(hash, less)
            && shard.remove(last)
        {
            self.len = self.len.saturating_sub(1);
        }
    }

    /// The first place of `text` from `from` on, of each four one, and before `end`, where a gate
    /// of short grams is.
    pub(super) fn next_gate(
        &self,
        keys: &Keys,
        text: &[u8],
        from: usize,
        end: usize,
    ) -> Option<usize> {
        let (hasher, filter) = (keys.hasher(), self.filter.as_slice());
        let shift = 64_u32.wrapping_sub(self.filter_log);
        for at in (from..end).step_by(SHORT_STEP) {
            let Some(gram) = word(text, at).or_else(|| short_word(text, at)) else {
                break;
            };
            let hash = hasher.short_gram(gram);
            if passes(filter, shift, hash) && self.passes_fine(hash) && self.is_gate(hash) {
                return Some(at);
            }
        }
        None
    }

    pub(super) fn is_gate(&self, hash: u64) -> bool {
        let mut is_gate = false;
        self.leads(hash, |lead| is_gate |= lead == Lead::Gate);
        is_gate
    }

    fn added(&mut self, hash: u64) {
        self.len = self.len.saturating_add(1);
        let room = self.filter.len().saturating_mul(64 / FILTER_BITS);
        if self.len > room && self.filter_log < MOST_LOG {
            self.filter_log = self.filter_log.saturating_add(1);
            self.filter = vec![0; 1_usize << self.filter_log];
            self.enter(0..self.shards.len());
            return;
        }
        if self.len > room && self.fine.is_empty() {
            self.fine = self.shards.iter().map(Fine::of).collect();
        }
        let of = shard_of(hash);
        let Some(shard) = self.shards.get_mut(of) else {
            return;
        };
        if shard.removed > shard.used {
            shard.removed = 0;
            // The words of the filter that are this part's alone.
            let log = self.filter_log.saturating_sub(SHARDS_LOG);
            let words = (of << log)..(of.saturating_add(1) << log);
            self.filter.get_mut(words).unwrap_or_default().fill(0);
            if let Some(fine) = self.fine.get_mut(of) {
                *fine = Fine::of(shard);
            }
            self.enter(of..of.saturating_add(1));
            return;
        }
        set(&mut self.filter, self.filter_log, hash);
        if let Some(fine) = self.fine.get_mut(of) {
            if shard.used > fine.words.len().saturating_mul(64 / FILTER_BITS) {
                *fine = Fine::of(shard);
            } else {
                fine.set(hash);
            }
        }
    }

    /// Sets the bits of these parts of the table in the filter.
    fn enter(&mut self, parts: Range<usize>) {
        let shards = self.shards.get(parts.clone()).unwrap_or_default();
        for (shard, of) in shards.iter().zip(parts) {
            for hash in shard.hashes() {
                let part = u64::try_from(of).unwrap_or(0) << 56;
                set(&mut self.filter, self.filter_log, part | hash);
            }
        }
    }
}

impl Fine {
    /// Of a part of the table, with room for as much again at most.
    fn of(shard: &Shard) -> Self {
        let words = shard.used.saturating_mul(FILTER_BITS) / 64;
        // Two at least: no word is chosen by no bit.
        let words = words.max(2).next_power_of_two();
        let mut fine = Self {
            words: vec![0; words],
            log: words.trailing_zeros(),
        };
        for hash in shard.hashes() {
            fine.set(hash);
        }
        fine
    }

    /// Below the bits of the hash that choose the part.
    #[inline]
    fn word(&self, hash: u64) -> usize {
        let word = (hash << SHARDS_LOG).wrapping_shr(64_u32.wrapping_sub(self.log));
        usize::try_from(word).unwrap_or(usize::MAX)
    }

    #[inline]
    fn passes(&self, hash: u64) -> bool {
        let bits = other_bits(hash);
        let word = self.words.get(self.word(hash));
        word.is_some_and(|word| word & bits == bits)
    }

    fn set(&mut self, hash: u64) {
        let word = self.word(hash);
        if let Some(word) = self.words.get_mut(word) {
            *word |= other_bits(hash);
        }
    }
}

#[inline]
fn passes(filter: &[u64], shift: u32, hash: u64) -> bool {
    let bits = bits(hash);
    let word = usize::try_from(hash.wrapping_shr(shift)).unwrap_or(usize::MAX);
    filter.get(word).is_some_and(|word| word & bits == bits)
}

fn set(filter: &mut [u64], log: u32, hash: u64) {
    let word = usize::try_from(hash >> 64_u32.saturating_sub(log)).unwrap_or(usize::MAX);
    if let Some(word) = filter.get_mut(word) {
        *word |= bits(hash);
    }
}

/// Two bits of a word, from bits of the hash that are in the fingerprint.
#[inline]
const fn bits(hash: u64) -> u64 {
    (1 << ((hash >> 25) & 63)) | (1 << ((hash >> 31) & 63))
}

/// Two others, not all of them bits that choose a word.
#[inline]
const fn other_bits(hash: u64) -> u64 {
    (1 << ((hash >> 37) & 63)) | (1 << ((hash >> 28) & 63))
}

#[inline]
fn shard_of(hash: u64) -> usize {
    usize::try_from(hash >> 64_u32.saturating_sub(SHARDS_LOG)).unwrap_or(usize::MAX)
}
