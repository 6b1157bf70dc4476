//! Automata, for the needles that cannot be looked for by a gram: linear whatever the text.
//!
//! An automaton cannot be extended. So there are several: a new needle makes a small one, and is
//! merged with older ones while those have less than eight times its bytes. Each byte of a needle
//! is built into an automaton a few times in all, and there are few automata to step.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, dfa, nfa};
use keyward_base::{Error, Result, SecretBytes};

use super::keys::Keys;
use super::needles::Needles;
use super::ranges::{Hit, push_by_end};

/// How many times smaller each automaton is than the next older one.
const RATIO: usize = 8;

/// Bytes of the largest table of a deterministic automaton.
const TABLE_LEN: usize = 1024 * 1024;

/// Needles forgotten since an automaton was built, which are passed over at each match.
const MOST_DEAD: usize = 16;

#[derive(Default)]
pub(crate) struct Levels {
    /// From the oldest, which is the largest.
    levels: Vec<Level>,
}

struct Level {
    machine: Machine,
    start: StateID,
    /// The needle of each pattern, until it is forgotten.
    needles: Vec<Option<u32>>,
    dead: usize,
    bytes: usize,
}

enum Machine {
    Table(dfa::DFA),
    Sparse(nfa::contiguous::NFA),
}

impl Levels {
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Adds needles.
    ///
    /// # Errors
    /// `Misuse` if an automaton would become too large.
    pub(super) fn add(&mut self, keys: &Keys, all: &Needles, mut needles: Vec<u32>) -> Result<()> {
        if needles.is_empty() {
            return Ok(());
        }
        let lengths = needles.iter().filter_map(|needle| all.get(*needle));
        let lengths = lengths.map(|needle| needle.bytes.len());
        let mut bytes: usize = lengths.fold(0, usize::saturating_add);
        let small = |level: &Level, bytes: usize| level.bytes < bytes.saturating_mul(RATIO);
        let mut kept = self.levels.len();
        while let Some(level) = kept.checked_sub(1).and_then(|last| self.levels.get(last))
            && small(level, bytes)
        {
            needles.extend(level.needles.iter().flatten());
            bytes = bytes.saturating_add(level.bytes);
            kept = kept.saturating_sub(1);
        }
        let level = Level::new(keys, all, needles)?;
        self.levels.truncate(kept);
        self.levels.push(level);
        Ok(())
    }

    /// Takes out the needles that are no more among `all`.
    pub(super) fn remove_gone(&mut self, keys: &Keys, all: &Needles) {
        for level in &mut self.levels {
            for needle in &mut level.needles {
                if needle.is_some_and(|needle| all.get(needle).is_none()) {
                    *needle = None;
                    level.dead = level.dead.saturating_add(1);
                }
            }
            if level.dead > MOST_DEAD {
                let left: Vec<u32> = level.needles.iter().flatten().copied().collect();
                // Smaller than what could be built. If not, the old one does as well.
                if let Ok(smaller) = Level::new(keys, all, left) {
                    *level = smaller;
                }
            }
        }
        self.levels
            .retain(|level| level.needles.iter().any(Option::is_some));
    }

    /// The states before any text.
    pub(super) fn start(&self, states: &mut Vec<StateID>) {
        states.clear();
        states.extend(self.levels.iter().map(|level| level.start));
    }

    /// Steps all automata over `text`. Of the longest needle that ends at each place, `locate` says
    /// where in the whole text it is, from the needle and how many bytes of `text` were stepped.
    pub(super) fn step(
        &self,
        keys: &Keys,
        states: &mut [StateID],
        text: &[u8],
        hits: &mut Vec<Hit>,
        locate: impl Fn(u32, usize) -> Option<Hit>,
    ) {
        for (level, state) in self.levels.iter().zip(states) {
            let mut found = Vec::new();
            let each = |needle, stepped| {
                if let Some(hit) = locate(needle, stepped) {
                    push_by_end(&mut found, hit);
                }
            };
            match &level.machine {
                Machine::Table(table) => level.run(table, keys, state, text, each),
                Machine::Sparse(sparse) => level.run(sparse, keys, state, text, each),
            }
            hits.append(&mut found);
        }
    }
}

impl Level {
    fn new(keys: &Keys, all: &Needles, needles: Vec<u32>) -> Result<Self> {
        // Permuted, so that what the automaton holds is no window of a needle, nor what it is built
        // from.
        let permuted = |needle: &u32| {
            let needle = all.get(*needle);
            let hidden = needle.map(|needle| needle.bytes.permuted(keys));
            hidden.unwrap_or_else(|| SecretBytes::new(Vec::new()))
        };
        let patterns: Vec<SecretBytes> = needles.iter().map(permuted).collect();
        let exposed: Vec<&[u8]> = patterns.iter().map(SecretBytes::expose).collect();
        let too_large = |_| {
            Error::misuse(
                "too many secrets that share their bytes with others: give fewer or longer ones",
            )
        };
        let base = nfa::noncontiguous::Builder::new()
            .prefilter(false)
            .build(&exposed)
            .map_err(too_large)?;
        let machine = if table_len(&exposed) <= TABLE_LEN {
            let table = dfa::Builder::new()
                .prefilter(false)
                .build_from_noncontiguous(&base);
            Machine::Table(table.map_err(too_large)?)
        } else {
            let sparse = nfa::contiguous::Builder::new()
                .prefilter(false)
                .build_from_noncontiguous(&base);
            Machine::Sparse(sparse.map_err(too_large)?)
        };
        let start = match &machine {
            Machine::Table(table) => table.start_state(Anchored::No),
            Machine::Sparse(sparse) => sparse.start_state(Anchored::No),
        };
        let lengths = exposed.iter().map(|pattern| pattern.len());
        Ok(Self {
            start: start.map_err(|_| Error::misuse("an automaton has no start"))?,
            machine,
            bytes: lengths.fold(0, usize::saturating_add),
            dead: 0,
            needles: needles.into_iter().map(Some).collect(),
        })
    }

    fn run<A: Automaton>(
        &self,
        machine: &A,
        keys: &Keys,
        state: &mut StateID,
        text: &[u8],
        mut each: impl FnMut(u32, usize),
    ) {
        let mut at = *state;
        for (i, byte) in text.iter().enumerate() {
            at = machine.next_state(Anchored::No, at, keys.permuted(*byte));
            if machine.is_special(at) && machine.is_match(at) {
                // The longest first: a state's own needle, then those of the states it falls back
                // to. What is shorter lies within it.
                let matches = 0..machine.match_len(at);
                let mut needles = matches.filter_map(|nth| {
                    let pattern = machine.match_pattern(at, nth).as_usize();
                    self.needles.get(pattern).copied().flatten()
                });
                if let Some(needle) = needles.next() {
                    each(needle, i.saturating_add(1));
                }
            }
        }
        *state = at;
    }
}

/// Bytes of the table of a deterministic automaton over `patterns`, about.
fn table_len(patterns: &[&[u8]]) -> usize {
    let mut sorted = patterns.to_vec();
    sorted.sort_unstable();
    let mut used = [false; 256];
    let mut states = 2_usize;
    let mut before: &[u8] = &[];
    for pattern in sorted {
        let shared = pattern.iter().zip(before).take_while(|(a, b)| a == b);
        states = states.saturating_add(pattern.len().saturating_sub(shared.count()));
        for byte in pattern {
            if let Some(used) = used.get_mut(usize::from(*byte)) {
                *used = true;
            }
        }
        before = pattern;
    }
    let classes = used.iter().filter(|used| **used).count().saturating_mul(2);
    let row = classes.saturating_add(1).next_power_of_two();
    states.saturating_mul(row).saturating_mul(4)
}
