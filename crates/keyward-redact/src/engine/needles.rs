//! All needles: their bytes, whose they are, and how each is looked for.

use std::collections::HashMap;

use super::keys::Keys;
use super::padded::Padded;
use super::ranges::SecretId;

/// Parts of the map of digests.
const DIGESTS: usize = 256;

/// One form of one or more secrets.
pub(super) struct Needle {
    pub(super) bytes: Padded,
    /// Whether line endings in it are skipped.
    pub(super) wrapped: bool,
    /// The secret that was registered first.
    pub(super) secret: SecretId,
    /// Others that have the same form.
    others: Vec<SecretId>,
    pub(super) place: Place,
}

/// How a needle is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// By the eight grams from `at` on, one of which is where a text is sampled. Its grams are
    /// counted in this table of the sketch.
    Window { at: u32, counted: usize },
    /// By an automaton.
    Automaton,
}

pub(super) struct Needles {
    list: Vec<Option<Needle>>,
    free: Vec<u32>,
    /// In parts, which grow each by itself, so that no registration pays for all.
    by_digest: Vec<HashMap<u64, u32>>,
    by_secret: HashMap<SecretId, Vec<u32>>,
    bytes: usize,
    /// Where in the pad the next one begins.
    pad_at: usize,
}

impl Needles {
    pub(super) fn new() -> Self {
        Self {
            list: Vec::new(),
            free: Vec::new(),
            by_digest: (0..DIGESTS).map(|_| HashMap::new()).collect(),
            by_secret: HashMap::new(),
            bytes: 0,
            pad_at: 0,
        }
    }

    pub(super) fn get(&self, at: u32) -> Option<&Needle> {
        self.list.get(index(at))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Needle> {
        self.list.get_mut(index(at))?.as_mut()
    }

    /// How many there are, and how many bytes they have.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.list.len().saturating_sub(self.free.len()), self.bytes)
    }

    /// Adds a form of `secret`; says which needle it is, if it is a new one.
    pub(super) fn add(
        &mut self,
        keys: &Keys,
        secret: SecretId,
        plain: &[u8],
        wrapped: bool,
    ) -> Option<u32> {
        let digest = digest(keys, plain.iter().copied(), wrapped);
        let part = self.by_digest.get(part_of(digest));
        let known = part.and_then(|part| part.get(&digest)).copied();
        if let Some(at) = known
            && let Some(needle) = self.get_mut(at)
            && needle.wrapped == wrapped
            && needle.bytes.equals(keys, plain)
        {
            if needle.secret != secret && !needle.others.contains(&secret) {
                needle.others.push(needle.secret.max(secret));
                needle.secret = needle.secret.min(secret);
                self.by_secret.entry(secret).or_default().push(at);
            }
            return None;
        }
        let bytes = Padded::new(keys, plain, self.pad_at);
        self.pad_at = self.pad_at.wrapping_add(plain.len());
        self.bytes = self.bytes.saturating_add(plain.len());
        let needle = Some(Needle {
            bytes,
            wrapped,
            secret,
            others: Vec::new(),
            place: Place::Automaton,
        });
        let at = self.free.pop().unwrap_or_else(|| {
            let at = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
            self.list.push(None);
            at
        });
        if let Some(slot) = self.list.get_mut(index(at)) {
            *slot = needle;
        }
        if let Some(part) = self.by_digest.get_mut(part_of(digest)) {
            part.insert(digest, at);
        }
        self.by_secret.entry(secret).or_default().push(at);
        Some(at)
    }

    /// Forgets a secret; tells `each` of the needles that are nobody else's.
    pub(super) fn remove(
        &mut self,
        keys: &Keys,
        secret: SecretId,
        mut each: impl FnMut(u32, Needle),
    ) {
        for at in self.by_secret.remove(&secret).unwrap_or_default() {
            let Some(slot) = self.list.get_mut(index(at)) else {
                continue;
            };
            if let Some(needle) = slot {
                needle.others.retain(|other| *other != secret);
                if needle.secret == secret {
                    let next = needle.others.iter().min().copied();
                    needle.secret = next.unwrap_or(secret);
                    needle.others.retain(|other| Some(*other) != next);
                }
                if needle.secret != secret {
                    continue;
                }
            }
            if let Some(needle) = slot.take() {
                let plain = (0..needle.bytes.len()).filter_map(|i| needle.bytes.byte(keys, i));
                let digest = digest(keys, plain, needle.wrapped);
                if let Some(part) = self.by_digest.get_mut(part_of(digest))
                    && part.get(&digest) == Some(&at)
                {
                    part.remove(&digest);
                }
                self.bytes = self.bytes.saturating_sub(needle.bytes.len());
                self.free.push(at);
                each(at, needle);
            }
        }
    }
}

fn digest(keys: &Keys, plain: impl Iterator<Item = u8>, wrapped: bool) -> u64 {
    let mut len = 0_usize;
    let digest = plain.fold(0, |digest, byte| {
        len = len.saturating_add(1);
        keys.extend(digest, byte)
    });
    keys.beginning(digest, len, wrapped)
}

fn part_of(digest: u64) -> usize {
    usize::from(digest.to_le_bytes()[5])
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
