//! Automata, for the needles that cannot be looked for by a gram: linear whatever the text.
//!
//! An automaton cannot be extended. So there are several: needles that came since the last text
//! make a small one, which is merged with older ones while those have no more bytes than it. When stepping several has cost about as much as it costs to make one of them, that is
//! done, and when needles in them were forgotten.
//!
//! All of it is done by the stream that finds it so, and without a lock: what is built, and to
//! what it is added, is an [`Order`].

mod found;
pub(super) mod table;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, BuildError, dfa, nfa};
use keyward_base::SecretBytes;

use super::GRAM;
use super::keys::Keys;
use super::needles::Needles;
use super::ranges::Hit;
use found::Found;
use table::Table;

/// Bytes of the largest table of a deterministic automaton.
const TABLE_LEN: usize = 8 * 1024 * 1024;

/// The same of one that is built while a text waits: a larger one takes many times as long as one
/// without a table, and comes when stepping has cost as much.
const HASTY_TABLE_LEN: usize = 64 * 1024;

/// Needles forgotten since an automaton was built, which are passed over at each match: with more,
/// it is built anew.
const MOST_DEAD: usize = 16;

/// Bytes of a needle that a shallow state knows of, at most.
const SHALLOW: usize = GRAM - 1;

/// How many bytes can be stepped in the time that a byte of a needle takes to be built.
const BUILDING: usize = 128;

#[derive(Default)]
pub(crate) struct Levels {
    /// From the oldest, which is the largest.
    levels: Vec<Level>,
    /// Needles that are in none yet.
    fresh: Vec<u32>,
    /// Bytes of all needles, those that are fresh included.
    bytes: usize,
    /// Changes with what is in the automata.
    version: u64,
    /// Bytes that were stepped over automata beyond the first, and over those that may have a table.
    stepped: AtomicUsize,
    /// A stream makes one of them.
    is_merging: AtomicBool,
}

struct Level {
    machine: Machine,
    start: StateID,
    /// Its states that know of [`SHALLOW`] bytes of a needle at most, sorted.
    shallow: Vec<StateID>,
    /// The needle of each pattern, until it is forgotten.
    needles: Vec<Option<u32>>,
    dead: usize,
    bytes: usize,
    /// It has no table, since a text waited for it.
    is_hasty: bool,
}

enum Machine {
    Table(dfa::DFA),
    Sparse(nfa::contiguous::NFA),
}

impl Levels {
    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// How many needles there are.
    pub(super) fn len(&self) -> usize {
        let needles = self.levels.iter().flat_map(|level| &level.needles);
        needles.flatten().chain(&self.fresh).count()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a needle of `len` bytes.
    pub(super) fn add(&mut self, needle: u32, len: usize) {
        self.fresh.push(needle);
        self.bytes = self.bytes.saturating_add(len);
    }

    /// An automaton for the needles that are in none, and, unless others wait, for those of smaller
    /// ones.
    pub(super) fn settling(&self, keys: &Keys, all: &Needles, alone: bool) -> Option<Order> {
        if self.fresh.is_empty() {
            return None;
        }
        let lengths = self.fresh.iter().filter_map(|needle| all.get(*needle));
        let lengths = lengths.map(|needle| needle.bytes.len());
        let mut bytes: usize = lengths.fold(0, usize::saturating_add);
        let mut kept = self.levels.as_slice();
        let mut needles = self.fresh.clone();
        while let [older @ .., level] = kept
            && !alone
            && level.bytes <= bytes
        {
            needles.extend(level.needles.iter().flatten());
            bytes = bytes.saturating_add(level.bytes);
            kept = older;
        }
        Some(Order {
            version: self.version,
            kept: kept.len(),
            fresh: self.fresh.len(),
            patterns: Patterns::new(keys, all, needles),
            table_len: HASTY_TABLE_LEN,
        })
    }

    /// One automaton of all, if stepping several has cost as much as to make one of them, or if
    /// many needles were forgotten; and if no other stream makes it.
    pub(super) fn merging(&self, keys: &Keys, all: &Needles) -> Option<Order> {
        let stepped = self.stepped.load(Ordering::Relaxed);
        let is_due = stepped / BUILDING > self.bytes;
        let has_dead = self.levels.iter().any(|level| level.dead > MOST_DEAD);
        if !(is_due || has_dead) || self.is_merging.swap(true, Ordering::Relaxed) {
            return None;
        }
        let needles = self.levels.iter().flat_map(|level| &level.needles);
        Some(Order {
            version: self.version,
            kept: 0,
            fresh: 0,
            patterns: Patterns::new(keys, all, needles.flatten().copied().collect()),
            table_len: TABLE_LEN,
        })
    }

    /// Takes over what was built, unless what it was built from has changed. What is left is what
    /// it replaces, to be dropped where nobody waits for it.
    pub(super) fn take_over(&mut self, built: &mut Built) {
        self.is_merging = AtomicBool::new(false);
        if self.version != built.version {
            return;
        }
        self.version = self.version.wrapping_add(1);
        let replaced = self.levels.split_off(built.kept.min(self.levels.len()));
        self.levels
            .extend(std::mem::replace(&mut built.levels, replaced));
        self.fresh.drain(..built.fresh.min(self.fresh.len()));
        self.stepped = AtomicUsize::new(0);
    }

    /// Takes out the needles that are no more among `all`.
    pub(super) fn remove_gone(&mut self, all: &Needles) {
        self.version = self.version.wrapping_add(1);
        self.fresh.retain(|needle| all.get(*needle).is_some());
        for level in &mut self.levels {
            for needle in &mut level.needles {
                if needle.is_some_and(|needle| all.get(needle).is_none()) {
                    *needle = None;
                    level.dead = level.dead.saturating_add(1);
                }
            }
        }
        self.levels.retain(|level| level.dead < level.needles.len());
        let needles = self.levels.iter().flat_map(|level| &level.needles);
        let needles = needles.flatten().chain(&self.fresh);
        let lengths = needles.filter_map(|needle| all.get(*needle));
        let lengths = lengths.map(|needle| needle.bytes.len());
        self.bytes = lengths.fold(0, usize::saturating_add);
    }

    /// Whether no state knows of more than [`SHALLOW`] bytes of a needle.
    pub(super) fn are_shallow(&self, states: &[StateID]) -> bool {
        let mut levels = self.levels.iter().zip(states);
        levels.all(|(level, state)| level.shallow.binary_search(state).is_ok())
    }

    /// The states before any text.
    pub(super) fn start(&self, states: &mut Vec<StateID>) {
        states.clear();
        states.extend(self.levels.iter().map(|level| level.start));
    }

    /// Steps all automata over `text`. Of the longest needles that end at each place, `locate` says
    /// where in the whole text it is, from the needle and how many bytes of `text` were stepped.
    pub(super) fn step(
        &self,
        keys: &Keys,
        states: &mut [StateID],
        text: &[u8],
        hits: &mut Vec<Hit>,
        locate: impl Fn(u32, usize) -> Option<Hit>,
    ) {
        let hasty = self.levels.iter().filter(|level| level.is_hasty).count();
        let more = self.levels.len().saturating_sub(1).saturating_add(hasty);
        if more > 0 {
            let stepped = text.len().saturating_mul(more);
            self.stepped.fetch_add(stepped, Ordering::Relaxed);
        }
        for (level, state) in self.levels.iter().zip(states) {
            let mut found = Found::new(&locate);
            match &level.machine {
                Machine::Table(table) => level.run(table, keys, state, text, &mut found),
                Machine::Sparse(sparse) => level.run(sparse, keys, state, text, &mut found),
            }
            found.close();
            hits.append(&mut found.hits);
        }
    }
}

/// What is to be built, without a lock: an automaton in place of those beyond the first `kept`, for
/// the first `fresh` of the needles too that are in none.
pub(crate) struct Order {
    version: u64,
    kept: usize,
    fresh: usize,
    patterns: Patterns,
    /// Bytes of the largest table.
    table_len: usize,
}

/// What was built, for [`Levels::take_over`].
pub(crate) struct Built {
    version: u64,
    kept: usize,
    fresh: usize,
    levels: Vec<Level>,
}

impl Order {
    pub(super) fn build(self) -> Built {
        Built {
            version: self.version,
            kept: self.kept,
            fresh: self.fresh,
            levels: self.patterns.build(self.table_len),
        }
    }
}

/// What an automaton is built from: needles, and their bytes permuted, so that neither it nor they
/// are windows of a needle.
struct Patterns {
    needles: Vec<u32>,
    bytes: Vec<SecretBytes>,
}

impl Patterns {
    fn new(keys: &Keys, all: &Needles, mut needles: Vec<u32>) -> Self {
        needles.retain(|needle| all.get(*needle).is_some());
        let known = needles.iter().filter_map(|needle| all.get(*needle));
        let bytes = known.map(|needle| needle.bytes.permuted(keys)).collect();
        Self { needles, bytes }
    }

    /// One automaton; several, if one would be too large.
    fn build(mut self, most: usize) -> Vec<Level> {
        if self.needles.is_empty() {
            return Vec::new();
        }
        if let Ok(level) = self.build_one(most) {
            return vec![level];
        }
        // One needle alone is not too large.
        let half = self.needles.len() / 2;
        let other = Self {
            needles: self.needles.split_off(half),
            bytes: self.bytes.split_off(half),
        };
        let mut built = self.build(most);
        built.extend(other.build(most));
        built
    }

    fn build_one(&self, most: usize) -> Result<Level, BuildError> {
        let exposed: Vec<&[u8]> = self.bytes.iter().map(SecretBytes::expose).collect();
        let base = nfa::noncontiguous::Builder::new()
            .prefilter(false)
            .build(&exposed)?;
        let planned = Table::of(&exposed, TABLE_LEN);
        let has_table = planned.is_some_and(|planned| planned.is_within(most));
        let (machine, start) = if has_table {
            let table = dfa::Builder::new()
                .prefilter(false)
                .build_from_noncontiguous(&base)?;
            let start = table.start_state(Anchored::No);
            (Machine::Table(table), start)
        } else {
            let sparse = nfa::contiguous::Builder::new()
                .prefilter(false)
                .build_from_noncontiguous(&base)?;
            let start = sparse.start_state(Anchored::No);
            (Machine::Sparse(sparse), start)
        };
        // Both kinds have a start that is not anchored.
        let start = start.unwrap_or_default();
        let shallow = match &machine {
            Machine::Table(table) => shallow(table, start, &exposed),
            Machine::Sparse(sparse) => shallow(sparse, start, &exposed),
        };
        let lengths = exposed.iter().map(|pattern| pattern.len());
        Ok(Level {
            machine,
            start,
            shallow,
            bytes: lengths.fold(0, usize::saturating_add),
            dead: 0,
            is_hasty: planned.is_some() && !has_table,
            needles: self.needles.iter().copied().map(Some).collect(),
        })
    }
}

impl Level {
    fn run<A: Automaton, L: Fn(u32, usize) -> Option<Hit>>(
        &self,
        machine: &A,
        keys: &Keys,
        state: &mut StateID,
        text: &[u8],
        found: &mut Found<'_, L>,
    ) {
        let mut at = *state;
        // A text that repeats itself stays in a few states.
        let mut known = None;
        let mut stepped = 0_usize;
        while let Some(byte) = text.get(stepped) {
            stepped = stepped.saturating_add(1);
            let before = at;
            at = machine.next_state(Anchored::No, at, keys.permuted(*byte));
            let is_match = machine.is_special(at) && machine.is_match(at);
            let mut longest = None;
            if is_match {
                longest = match known {
                    Some((state, longest)) if state == at => longest,
                    _ => self.longest(machine, at),
                };
                known = Some((at, longest));
                self.note(machine, at, longest, stepped, found);
            }
            // Those of one byte each lie behind the one before, and those of which the longest is
            // forgotten are not known here: they are noted one by one.
            let is_one_hit = longest.is_some_and(|(_, len)| len > 1);
            if at != before || (is_match && !is_one_hit) {
                continue;
            }
            // While the byte stays the same, so does the state.
            let rest = text.get(stepped..).unwrap_or_default();
            let same = rest.iter().take_while(|other| *other == byte).count();
            stepped = stepped.saturating_add(same);
            if same > 0
                && let Some((needle, _)) = longest
            {
                // Each begins a byte behind the one before, and in it.
                let end = stepped.saturating_add(machine.max_pattern_len());
                found.goes_on(needle, end, stepped);
            }
        }
        *state = at;
    }

    /// The longest needle of a state that matches, and its length; none if it is forgotten.
    fn longest<A: Automaton>(&self, machine: &A, at: StateID) -> Option<(u32, usize)> {
        let pattern = machine.match_pattern(at, 0);
        let needle = self.needles.get(pattern.as_usize()).copied().flatten();
        Some((needle?, machine.pattern_len(pattern)))
    }

    #[inline]
    fn note<A: Automaton, L: Fn(u32, usize) -> Option<Hit>>(
        &self,
        machine: &A,
        at: StateID,
        longest: Option<(u32, usize)>,
        stepped: usize,
        found: &mut Found<'_, L>,
    ) {
        // Places before the text that is stepped are none below zero.
        let end = stepped.saturating_add(machine.max_pattern_len());
        let place = longest.map(|(needle, len)| (needle, end.saturating_sub(len)));
        if let Some((needle, start)) = place
            && found.extends(needle, start, end, stepped)
        {
            return;
        }
        found.close();
        // The longest first: a state's own needles, which are the same bytes as they are and
        // wrapped, then those of the states it falls back to, which lie within.
        let matches = 0..machine.match_len(at);
        let needles = matches.filter_map(|nth| {
            let pattern = machine.match_pattern(at, nth).as_usize();
            self.needles.get(pattern).copied().flatten()
        });
        for needle in needles.take(2) {
            found.add(needle, stepped);
        }
        found.last = place.map(|(_, start)| (start, end));
    }
}

/// The states to which the first [`SHALLOW`] bytes of the patterns lead, sorted.
fn shallow<A: Automaton>(machine: &A, start: StateID, patterns: &[&[u8]]) -> Vec<StateID> {
    let mut shallow = vec![start];
    for pattern in patterns {
        let mut at = start;
        for byte in pattern.iter().take(SHALLOW) {
            at = machine.next_state(Anchored::No, at, *byte);
            shallow.push(at);
        }
    }
    shallow.sort_unstable();
    shallow.dedup();
    shallow
}
