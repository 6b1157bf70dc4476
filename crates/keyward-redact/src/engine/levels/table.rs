//! What the table of a deterministic automaton takes.

use crate::engine::GRAM;
use crate::engine::keys::word;

/// Steps that are taken back while a table is made, over all of its entries, at most: so many
/// (about 20 ms), and this many more for each byte that it may have. Needles that do not repeat
/// themselves take two or three for each byte.
const LEAST_BACK: usize = 8 * 1024 * 1024;
const MOST_BACK: usize = 4;

/// A table that may be made.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Table {
    len: usize,
    /// An entry that no needle goes on with is looked up in the state that is fallen back to, and
    /// from there again: at most so many steps for all entries. What repeats itself, as 8 KiB of two
    /// letters, falls back thousands of times for each of its bytes.
    back: usize,
}

impl Table {
    /// The table over `patterns`, about; none if it has more than `most` bytes, or takes too long for
    /// so many.
    pub(in crate::engine) fn of(patterns: &[&[u8]], most: usize) -> Option<Self> {
        let mut sorted = patterns.to_vec();
        sorted.sort_unstable();
        let mut used = [false; 256];
        for byte in sorted.iter().copied().flatten() {
            if let Some(used) = used.get_mut(usize::from(*byte)) {
                *used = true;
            }
        }
        let classes = used.iter().filter(|used| **used).count().saturating_mul(2);
        let classes = classes.saturating_add(1);
        let row = classes.next_power_of_two().saturating_mul(4);
        let mut begun: Vec<u64> = sorted.iter().filter_map(|bytes| word(bytes, 0)).collect();
        begun.dedup();
        begun.sort_unstable();
        let mut states = 2_usize;
        let mut back = 0_usize;
        // How many of the patterns' beginnings, of a gram each, begin in the last one up to each
        // place.
        let mut begins: Vec<usize> = Vec::new();
        let mut before: &[u8] = &[];
        for pattern in sorted {
            let shared = pattern.iter().zip(before).take_while(|(a, b)| a == b);
            let shared = shared.count();
            states = states.saturating_add(pattern.len().saturating_sub(shared));
            if states.saturating_mul(row) > most {
                return None;
            }
            begins.truncate(shared.saturating_sub(GRAM - 1));
            for at in begins.len()..pattern.len() {
                let is_begun =
                    word(pattern, at).is_some_and(|gram| begun.binary_search(&gram).is_ok());
                let so_far = begins.last().copied().unwrap_or(0);
                begins.push(so_far.saturating_add(usize::from(is_begun)));
            }
            // What a state falls back to begins there, or knows of less than a gram.
            for so_far in begins.iter().skip(shared) {
                let steps = so_far.saturating_add(GRAM).saturating_mul(classes);
                back = back.saturating_add(steps);
            }
            before = pattern;
        }
        let table = Self {
            len: states.saturating_mul(row),
            back,
        };
        table.is_within(most).then_some(table)
    }

    /// Whether it has so many bytes at most, and takes no longer than one of so many may.
    pub(in crate::engine) fn is_within(self, most: usize) -> bool {
        let most_back = most.saturating_mul(MOST_BACK).saturating_add(LEAST_BACK);
        self.len <= most && self.back <= most_back
    }
}
