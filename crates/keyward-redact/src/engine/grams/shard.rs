//! A part of the table of grams: what each leads to, by a fingerprint of its hash.

use super::Lead;

/// Slots of a part at first.
const LEAST_SLOTS: usize = 8;

/// What an entry has in its lower half that is a gate: this bit, and how many needles need it.
pub(super) const GATE: u64 = 1 << 31;

/// Slots, empty (0) or the fingerprint in the upper half and the lead in the lower; linear probing.
/// A gate is one slot, however many needles need it.
pub(super) struct Shard {
    slots: Vec<u64>,
    pub(super) used: usize,
    /// Removed since it was last entered into the filters: their bits are still set.
    pub(super) removed: usize,
}

/// Bits 24 to 55 of the hash, in the upper half. The lowest of them is set: no entry is 0.
pub(super) const fn fingerprint(hash: u64) -> u64 {
    ((hash >> 24) << 32) | (1 << 32)
}

pub(super) fn entry(hash: u64, needle: u32, nth: u32) -> u64 {
    fingerprint(hash) | (u64::from(needle << 3) & (GATE - 1)) | u64::from(nth & 7)
}

pub(super) fn lead(entry: u64) -> Lead {
    if entry & GATE != 0 {
        return Lead::Gate;
    }
    let low = u32::try_from(entry & u64::from(u32::MAX)).unwrap_or(0);
    Lead::Needle {
        needle: low >> 3,
        nth: low & 7,
    }
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; LEAST_SLOTS],
            used: 0,
            removed: 0,
        }
    }

    /// The hashes of all entries, but for the bits that choose the part and the lowest.
    pub(super) fn hashes(&self) -> impl Iterator<Item = u64> {
        let entries = self.slots.iter().filter(|entry| **entry != 0);
        entries.map(|entry| (entry >> 32) << 24)
    }

    fn home(&self, entry: u64) -> usize {
        let spread = usize::try_from((entry >> 33) & 0x7fff_ffff).unwrap_or(0);
        spread & self.slots.len().saturating_sub(1)
    }

    fn after(&self, slot: usize) -> usize {
        slot.wrapping_add(1) & self.slots.len().saturating_sub(1)
    }

    fn at(&self, slot: usize) -> u64 {
        self.slots.get(slot).copied().unwrap_or(0)
    }

    fn put(&mut self, slot: usize, entry: u64) {
        if let Some(old) = self.slots.get_mut(slot) {
            *old = entry;
        }
    }

    pub(super) fn walk(&self, fingerprint: u64, mut each: impl FnMut(u64)) {
        let mut slot = self.home(fingerprint);
        loop {
            match self.at(slot) {
                0 => return,
                entry if entry >> 32 == fingerprint >> 32 => each(entry),
                _ => {}
            }
            slot = self.after(slot);
        }
    }

    pub(super) fn insert(&mut self, entry: u64) {
        if self.used.saturating_mul(4) >= self.slots.len().saturating_mul(3) {
            let larger = vec![0; self.slots.len().saturating_mul(2)];
            for entry in std::mem::replace(&mut self.slots, larger) {
                if entry != 0 {
                    self.place(entry);
                }
            }
        }
        self.place(entry);
        self.used = self.used.saturating_add(1);
    }

    fn place(&mut self, entry: u64) {
        let mut slot = self.home(entry);
        while self.at(slot) != 0 {
            slot = self.after(slot);
        }
        self.put(slot, entry);
    }

    /// Changes the gate of this hash, if there is one and `change` knows to what.
    pub(super) fn count(&mut self, hash: u64, change: impl FnOnce(u64) -> Option<u64>) -> bool {
        let gate = fingerprint(hash) | GATE;
        let mut slot = self.home(gate);
        loop {
            match self.at(slot) {
                0 => return false,
                entry if entry & !(GATE - 1) == gate => {
                    let changed = change(entry);
                    if let Some(changed) = changed {
                        self.put(slot, changed);
                    }
                    return changed.is_some();
                }
                _ => slot = self.after(slot),
            }
        }
    }

    pub(super) fn remove(&mut self, entry: u64) -> bool {
        let mut hole = self.home(entry);
        loop {
            match self.at(hole) {
                0 => return false,
                found if found == entry => break,
                _ => hole = self.after(hole),
            }
        }
        // What was pushed on by the entry moves back, so that no search ends early.
        let mut slot = self.after(hole);
        while self.at(slot) != 0 {
            let moved = self.at(slot);
            let mask = self.slots.len().saturating_sub(1);
            let from_home = slot.wrapping_sub(self.home(moved)) & mask;
            let from_hole = slot.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.put(hole, moved);
                hole = slot;
            }
            slot = self.after(slot);
        }
        self.put(hole, 0);
        self.used = self.used.saturating_sub(1);
        self.removed = self.removed.saturating_add(1);
        true
    }
}
