//! Whether the end of a text may be the beginning of a needle, from hashes of the needles'
//! beginnings: those of 1 to 7 bytes, and of every multiple of 8.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::keys::{Keys, word};
use super::padded::Padded;

/// Parts of the map. Each grows by itself, so that no registration pays for all.
const SHARDS: usize = 256;

/// Parts of the filter of first grams, for the same reason.
const PARTS_LOG: u32 = 8;

/// The beginnings of all needles. A needle itself is not a beginning of it.
pub(crate) struct Beginnings {
    shards: Vec<HashMap<u64, Begun, BuildHasherDefault<Given>>>,
    /// The first eight bytes of needles: most of a text fails here.
    first: Vec<Part>,
    /// The base of the digests to the power of 0, 8, 16 and so on.
    powers: Vec<u64>,
    /// How many needles there are of each length; as written, and wrapped.
    lengths: [BTreeMap<usize, usize>; 2],
}

/// A part of the filter.
struct Part {
    /// Two bits of one word for each first gram.
    filter: Vec<u64>,
    filter_log: u32,
    /// What is in the filter: the hash of the eight bytes, and their key in the map.
    known: Vec<(u64, u64)>,
}

struct Begun {
    needles: u32,
    /// How many bytes the longest of the needles has beyond this beginning, at most 8.
    beyond: u8,
}

/// The keys are hashes already.
#[derive(Default)]
pub(crate) struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = word(bytes, 0).unwrap_or(0);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

impl Beginnings {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashMap::default()).collect(),
            first: (0..1 << PARTS_LOG).map(|_| Part::new()).collect(),
            powers: vec![1],
            lengths: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    /// The length of the longest needle as written, or wrapped without its line endings.
    pub(crate) fn longest(&self, wrapped: bool) -> usize {
        let lengths = self.lengths.get(usize::from(wrapped));
        lengths
            .and_then(BTreeMap::last_key_value)
            .map_or(0, |(len, _)| *len)
    }

    pub(super) fn add(&mut self, keys: &Keys, needle: &Padded, wrapped: bool) {
        let len = needle.len();
        if let Some(lengths) = self.lengths.get_mut(usize::from(wrapped)) {
            let count = lengths.entry(len).or_default();
            *count = count.saturating_add(1);
        }
        while self.powers.len() <= len / 8 {
            let last = self.powers.last().copied().unwrap_or(1);
            self.powers.push(keys.next_power(last));
        }
        let mut came = None;
        let first_gram = needle.word(keys, 0).map(|word| keys.gram(word));
        each_beginning(keys, needle, |digest, at| {
            let key = keys.beginning(digest, at, wrapped);
            let beyond = u8::try_from(len.saturating_sub(at).min(8)).unwrap_or(8);
            let Some(shard) = self.shards.get_mut(shard_of(key)) else {
                return;
            };
            let known = shard.entry(key).or_insert(Begun {
                needles: 0,
                beyond: 0,
            });
            let is_new = known.needles == 0;
            known.needles = known.needles.saturating_add(1);
            known.beyond = known.beyond.max(beyond);
            if let (8, true, Some(gram)) = (at, is_new, first_gram) {
                came = Some((gram, key));
            }
        });
        let Some((gram, key)) = came else {
            return;
        };
        if let Some(part) = self.first.get_mut(part_of(gram)) {
            let shards = &self.shards;
            part.add(gram, key, |key| {
                let shard = shards.get(shard_of(*key));
                shard.is_some_and(|shard| shard.contains_key(key))
            });
        }
    }

    pub(super) fn remove(&mut self, keys: &Keys, needle: &Padded, wrapped: bool) {
        let len = needle.len();
        if let Some(lengths) = self.lengths.get_mut(usize::from(wrapped))
            && let Some(count) = lengths.get_mut(&len)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                lengths.remove(&len);
            }
        }
        each_beginning(keys, needle, |digest, at| {
            let key = keys.beginning(digest, at, wrapped);
            if let Some(shard) = self.shards.get_mut(shard_of(key))
                && let Some(known) = shard.get_mut(&key)
            {
                known.needles = known.needles.saturating_sub(1);
                if known.needles == 0 {
                    shard.remove(&key);
                }
            }
        });
    }

    fn has(&self, key: u64, rest: usize) -> bool {
        let shard = self.shards.get(shard_of(key));
        let known = shard.and_then(|shard| shard.get(&key));
        known.is_some_and(|known| usize::from(known.beyond) > rest)
    }

    #[inline]
    fn may_begin(&self, gram: u64) -> bool {
        let part = self.first.get(part_of(gram));
        part.is_some_and(|part| part.may_have(gram))
    }
}

impl Part {
    fn new() -> Self {
        Self {
            filter: vec![0],
            filter_log: 0,
            known: Vec::new(),
        }
    }

    #[inline]
    fn word(&self, gram: u64) -> usize {
        let left = 64_u32.wrapping_sub(self.filter_log);
        // Below the bits of the hash that choose the part.
        let word = (gram << PARTS_LOG).checked_shr(left).unwrap_or(0);
        usize::try_from(word).unwrap_or(usize::MAX)
    }

    #[inline]
    fn may_have(&self, gram: u64) -> bool {
        let word = self.filter.get(self.word(gram));
        word.is_some_and(|word| word & bits(gram) == bits(gram))
    }

    fn add(&mut self, gram: u64, key: u64, is_known: impl Fn(&u64) -> bool) {
        self.known.push((gram, key));
        self.set(gram);
        // A needle of just 8 bytes has no beginning of 8. At 16 bits each one in seventy passes
        // that is none.
        if self.known.len() <= self.filter.len().saturating_mul(4) {
            return;
        }
        self.known.retain(|(_, key)| is_known(key));
        // One that was forgotten and came again is there twice.
        self.known.sort_unstable();
        self.known.dedup();
        if self.known.len() > self.filter.len().saturating_mul(2) {
            self.filter_log = self.filter_log.saturating_add(1);
        }
        self.filter = vec![0; 1_usize << self.filter_log];
        let known = std::mem::take(&mut self.known);
        known.iter().for_each(|(gram, _)| self.set(*gram));
        self.known = known;
    }

    fn set(&mut self, gram: u64) {
        let word = self.word(gram);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bits(gram);
        }
    }
}

/// Tells `each` of the digest and the length of every beginning that is looked up.
fn each_beginning(keys: &Keys, needle: &Padded, mut each: impl FnMut(u64, usize)) {
    let mut digest = 0;
    for at in 1..needle.len() {
        let Some(byte) = needle.byte(keys, at.saturating_sub(1)) else {
            return;
        };
        digest = keys.extend(digest, byte);
        if at < 8 || at % 8 == 0 {
            each(digest, at);
        }
    }
}

fn shard_of(key: u64) -> usize {
    usize::from(key.to_le_bytes()[5])
}

fn part_of(gram: u64) -> usize {
    usize::try_from(gram >> 64_u32.saturating_sub(PARTS_LOG)).unwrap_or(usize::MAX)
}

#[inline]
const fn bits(gram: u64) -> u64 {
    (1 << (gram & 63)) | (1 << ((gram >> 6) & 63))
}

/// Looks for the first place of a growing text from which on it may be the beginning of a needle.
/// Places that are not are never looked at again, so that all questions together cost in
/// proportion to the text.
#[derive(Default)]
pub(crate) struct Hold {
    /// No place before it begins anything.
    at: usize,
    /// Where the digests begin.
    origin: usize,
    /// The digest of the text from `origin` to each place from there on.
    digests: Vec<u64>,
}

impl Hold {
    /// Forgets what it knows; looks from `at` on.
    pub(super) fn restart(&mut self, at: usize) {
        self.at = at;
        self.origin = at;
        self.digests.clear();
    }

    /// The first `len` bytes of the text are gone.
    pub(super) fn shift(&mut self, len: usize) {
        self.at = self.at.saturating_sub(len);
        let gone = len.saturating_sub(self.origin).min(self.digests.len());
        self.digests.drain(..gone);
        self.origin = self.origin.saturating_add(gone).saturating_sub(len);
    }

    /// The first place of `text`, not before `least`, from which on it may be a beginning; its
    /// end, if there is none. Up to 7 bytes more than such a beginning may be taken for one: what
    /// is looked at is cut to a multiple of 8.
    pub(super) fn find(
        &mut self,
        keys: &Keys,
        needles: &Beginnings,
        text: &[u8],
        least: usize,
        wrapped: bool,
    ) -> usize {
        self.at = self.at.max(least);
        while self.at < text.len() {
            let len = text.len().saturating_sub(self.at);
            let begins = match word(text, self.at) {
                None => {
                    let rest = text.get(self.at..).unwrap_or_default();
                    let digest = rest
                        .iter()
                        .fold(0, |so_far, byte| keys.extend(so_far, *byte));
                    needles.has(keys.beginning(digest, len, wrapped), 0)
                }
                Some(word) if !needles.may_begin(keys.gram(word)) => false,
                Some(_) => {
                    let whole = len / 8;
                    let digest = self.digest(keys, needles, text, whole);
                    digest.is_some_and(|digest| {
                        let key = keys.beginning(digest, whole.saturating_mul(8), wrapped);
                        needles.has(key, len % 8)
                    })
                }
            };
            if begins {
                return self.at;
            }
            self.at = self.at.saturating_add(1);
        }
        text.len()
    }

    /// The digest of so many words of `text` from where it looks; none if no needle is so long.
    fn digest(
        &mut self,
        keys: &Keys,
        needles: &Beginnings,
        text: &[u8],
        words: usize,
    ) -> Option<u64> {
        let power = needles.powers.get(words)?;
        let reached = self.origin.saturating_add(self.digests.len());
        if self.digests.is_empty() || self.at >= reached {
            self.origin = self.at;
            self.digests.clear();
            self.digests.push(0);
        }
        let reached = self.origin.saturating_add(self.digests.len());
        let mut last = self.digests.last().copied()?;
        for byte in text.get(reached.saturating_sub(1)..).unwrap_or_default() {
            last = keys.extend(last, *byte);
            self.digests.push(last);
        }
        let start = self.at.checked_sub(self.origin)?;
        let end = start.saturating_add(words.saturating_mul(8));
        let (start, end) = (self.digests.get(start)?, self.digests.get(end)?);
        Some(keys.between(*start, *end, *power))
    }
}
