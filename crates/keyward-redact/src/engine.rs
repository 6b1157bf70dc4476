//! Finds every form of every secret in a text that comes in pieces.
//!
//! Forms are called needles. How one is looked for depends on its bytes:
//!
//! - **By a window of 15 bytes**, if it has 15 and a window that is rare. The text is sampled at
//!   every eighth byte: of the eight grams (8 bytes each) that begin in the window, one is where a
//!   sample is, wherever the needle lies. Most samples have two bytes next to each other that no
//!   window has ([`pairs`]); a filter says no to nearly all others.
//! - **By an automaton behind a gate** ([`levels`], [`run`]), if it has from 8 bytes on, and fewer
//!   than 15 or no such window. Its gate is what of it is looked for everywhere: the first eight
//!   grams at the samples; of a needle of less than 15 bytes the first four grams of 5 bytes, at
//!   every fourth byte. Where a gate is, automata are stepped, and no farther than something is
//!   known of a needle.
//! - **By an automaton** that is stepped over every byte, if it has fewer than 8.
//!
//! What a gram of a window leads to is compared byte for byte, from the gram outwards, up to the
//! first byte that differs. That this is linear, whatever the text and whatever the secrets,
//! follows from *rare*: no gram of a window occurs at more than [`sketch::MOST`] places of all
//! needles that have a window, all their places counted. Take a byte of the text that is compared,
//! forwards, on behalf of several samples, and the last sample before it. Whoever came from an
//! earlier sample has already been equal to the text there, so each of the needles that are compared
//! has the gram of that last sample, at a place that differs from one to the next; and there are few
//! such places. Backwards it is the same. So no byte is compared more than twice [`sketch::MOST`]
//! times, eight at a time, and as often again for wrapped needles where a line was broken.
//! Automata are linear by themselves.
//!
//! A needle whose window becomes common through a later one, or has a gram that becomes a gate, gets
//! another window, or goes to an automaton.
//!
//! Wrapped needles are looked for in the text as it is, and around each line ending in the text
//! without it ([`wrapped`]). What may be the beginning of a needle is found by [`beginnings`].
//!
//! **In memory** needles lie under a random pad, automata are built from permuted bytes, and all
//! hashes have random keys: a scan of a core dump for a secret finds none. It hides little from who
//! has the dump and works on it: pad and keys are in it too.

mod beginnings;
mod grams;
mod keys;
mod levels;
mod needles;
mod padded;
mod pairs;
mod ranges;
mod run;
mod scan;
mod sketch;
#[cfg(test)]
mod tests;
mod verify;
mod wrapped;

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result};

use crate::form::Form;

use beginnings::Beginnings;
use grams::{Grams, Lead};
use keys::Keys;
use levels::{Built, Levels, Order};
use needles::{Needle, Needles, Place};
use padded::Padded;
use pairs::Pairs;
pub(crate) use ranges::SecretId;
pub(crate) use scan::Scan;
use sketch::{MOST, Sketch};

/// Bytes of a gram, and between two samples of a text.
const GRAM: usize = 8;

/// Bytes of a window: a gram from each of eight places on.
const WINDOW: usize = 15;

/// Bytes of a short gram, and between two places of a text where one is looked up: of the four that
/// begin first in a needle of eight bytes one is there, wherever the needle lies.
const SHORT_GRAM: usize = 5;
const SHORT_STEP: usize = 4;

/// A gram that occurs no more often is not worth looking for a rarer one.
const RARE: u8 = 2;

/// How many needles may be looked for by the same gram of a window: all are compared when it is in
/// the text.
const MOST_LEADS: usize = 4;

/// The most bytes of needles in automata, so that each can be built.
const MOST_AUTOMATA_LEN: usize = 128 * 1024 * 1024;

/// All needles.
pub(crate) struct Engine {
    keys: Keys,
    needles: Needles,
    sketch: Sketch,
    /// Grams of windows, and gates that are looked for at samples.
    windows: Grams,
    /// The pairs of bytes in these.
    pairs: Pairs,
    /// Gates that are looked for at every fourth byte.
    gates: Grams,
    /// Automata of needles from 8 bytes on, and below.
    gated: Pair,
    short: Pair,
    beginnings: Beginnings,
    /// Bytes that wrapped needles have. Only grows.
    alphabet: [bool; 256],
    /// Changes with every change of the needles.
    generation: u64,
}

/// Automata for the text as it is, of all their needles; and around line endings, of those that are
/// wrapped.
#[derive(Default)]
struct Pair {
    plain: Levels,
    broken: Levels,
}

impl Engine {
    /// One without needles.
    ///
    /// # Errors
    /// What `random` returns.
    pub(crate) fn new(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        Ok(Self {
            keys: Keys::new(random)?,
            needles: Needles::new(),
            sketch: Sketch::new(),
            windows: Grams::new(),
            pairs: Pairs::new(),
            gates: Grams::new(),
            gated: Pair::default(),
            short: Pair::default(),
            beginnings: Beginnings::new(),
            alphabet: [false; 256],
            generation: 0,
        })
    }

    /// Adds the forms of a secret.
    ///
    /// # Errors
    /// `Misuse` if automata would become too large; then none of its forms is looked for.
    pub(crate) fn insert(&mut self, secret: SecretId, forms: Vec<Form>) -> Result<()> {
        self.generation = self.generation.wrapping_add(1);
        let inserted = with_stack_wiped(|| self.insert_all(secret, forms));
        if inserted.is_err() {
            self.remove(secret);
        }
        inserted
    }

    fn insert_all(&mut self, secret: SecretId, forms: Vec<Form>) -> Result<()> {
        let mut new = Vec::new();
        let mut common = Vec::new();
        let mut hashes = Vec::new();
        for form in forms {
            let plain = form.bytes.expose();
            // Where line endings are skipped, one that is looked for is never found.
            let wrapped = form.wrapped && !plain.iter().any(|b| matches!(b, b'\r' | b'\n'));
            if plain.is_empty() {
                continue;
            }
            let Some(at) = self.needles.add(&self.keys, secret, plain, wrapped) else {
                continue;
            };
            if wrapped {
                for byte in plain {
                    if let Some(known) = self.alphabet.get_mut(usize::from(*byte)) {
                        *known = true;
                    }
                }
            }
            if let Some(needle) = self.needles.get_mut(at) {
                self.beginnings.add(&self.keys, &needle.bytes, wrapped);
                if needle.bytes.len() >= WINDOW {
                    hash_all(&self.keys, &needle.bytes, &mut hashes);
                    let counted = self.sketch.add(&hashes, &mut common);
                    needle.place = Place::Window { at: 0, counted };
                }
            }
            new.push(at);
        }
        let mut ousted = self.ousted(&common);
        for at in &ousted {
            self.take_out(*at);
        }
        ousted.append(&mut new);
        ousted.reverse();
        // Where a gate is opened, others may have to go.
        while let Some(at) = ousted.pop() {
            let opened = self.place(at);
            for at in self.ousted(&opened) {
                self.take_out(at);
                ousted.push(at);
            }
        }
        let bytes = self.levels().map(Levels::bytes);
        if bytes.into_iter().fold(0, usize::saturating_add) > MOST_AUTOMATA_LEN {
            return Err(Error::misuse(
                "too many secrets that share their bytes with others: forget what is masked no \
                 longer",
            ));
        }
        Ok(())
    }

    const fn levels(&self) -> [&Levels; 4] {
        let Self { gated, short, .. } = self;
        [&gated.plain, &gated.broken, &short.plain, &short.broken]
    }

    const fn levels_mut(&mut self) -> [&mut Levels; 4] {
        let Self { gated, short, .. } = self;
        [
            &mut gated.plain,
            &mut gated.broken,
            &mut short.plain,
            &mut short.broken,
        ]
    }

    /// What is to be built before any text is looked through, if there are needles in no automaton
    /// yet: for these, and for those of small automata.
    pub(crate) fn unsettled(&self) -> Option<Work> {
        self.work(|levels| levels.settling(&self.keys, &self.needles, false))
    }

    /// The same for these alone: what is least to be built while others wait.
    pub(crate) fn unsettled_alone(&self) -> Option<Work> {
        self.work(|levels| levels.settling(&self.keys, &self.needles, true))
    }

    /// What is to be built so that stepping automata costs less.
    pub(crate) fn merger(&self) -> Option<Work> {
        self.work(|levels| levels.merging(&self.keys, &self.needles))
    }

    fn work(&self, order: impl Fn(&Levels) -> Option<Order>) -> Option<Work> {
        let orders = self.levels().into_iter().zip(0_usize..);
        let orders = orders.filter_map(|(levels, of)| Some((of, order(levels)?)));
        let orders: Vec<_> = orders.collect();
        (!orders.is_empty()).then_some(Work(orders))
    }

    /// Takes over what was built, unless needles in automata have changed in the meantime. What is
    /// returned is not needed: it is to be dropped without the lock on the engine, since that takes
    /// milliseconds where automata are large.
    pub(crate) fn take_over(&mut self, mut done: Done) -> Done {
        self.generation = self.generation.wrapping_add(1);
        for (of, built) in &mut done.0 {
            if let Some(levels) = self.levels_mut().into_iter().nth(*of) {
                levels.take_over(built);
            }
        }
        done
    }

    /// The needles that are looked for by one of these grams, which are common now.
    fn ousted(&self, common: &[u64]) -> Vec<u32> {
        let mut ousted = Vec::new();
        for hash in common.iter().filter(|hash| self.windows.may_have(**hash)) {
            self.windows.leads(*hash, |lead| {
                if let Lead::Needle { needle, .. } = lead {
                    ousted.push(needle);
                }
            });
        }
        ousted.sort_unstable();
        ousted.dedup();
        ousted
    }

    /// Decides how a needle is looked for. Returns the gates at samples that are opened for it: who
    /// is looked for by one would be compared where automata are stepped anyway.
    fn place(&mut self, at: u32) -> Vec<u64> {
        let Some(needle) = self.needles.get_mut(at) else {
            return Vec::new();
        };
        let mut hashes = Vec::new();
        hash_all(&self.keys, &needle.bytes, &mut hashes);
        if let Place::Window { counted, .. } = needle.place {
            if let Some(window) = rarest_window(&self.sketch, &self.windows, &hashes) {
                let at_most = u32::try_from(window).unwrap_or(u32::MAX);
                needle.place = Place::Window {
                    at: at_most,
                    counted,
                };
                let bytes = window..window.saturating_add(WINDOW);
                let bytes = bytes.filter_map(|i| needle.bytes.byte(&self.keys, i));
                self.pairs.add(bytes);
                let grams = hashes.iter().skip(window).take(GRAM);
                for (hash, nth) in grams.zip(0..) {
                    self.windows.insert(*hash, at, nth);
                }
                return Vec::new();
            }
            self.sketch.remove(&hashes, counted);
        }
        needle.place = Place::Automaton;
        let (len, wrapped) = (needle.bytes.len(), needle.wrapped);
        let bytes = (0..WINDOW).filter_map(|i| needle.bytes.byte(&self.keys, i));
        let mut opened = Vec::new();
        let table = if len >= WINDOW {
            self.pairs.add(bytes);
            opened.extend(gates(&self.keys, &needle.bytes));
            &mut self.windows
        } else {
            &mut self.gates
        };
        for hash in gates(&self.keys, &needle.bytes) {
            table.open(hash);
        }
        let pair = if len < GRAM {
            &mut self.short
        } else {
            &mut self.gated
        };
        pair.plain.add(at, len);
        if wrapped {
            pair.broken.add(at, len);
        }
        opened
    }

    /// Takes a needle out of the table in which it is.
    fn take_out(&mut self, at: u32) {
        if let Some(needle) = self.needles.get(at) {
            take_out(&self.keys, &mut self.windows, &mut self.gates, at, needle);
        }
    }

    /// Forgets the forms of a secret that are no other's.
    pub(crate) fn remove(&mut self, secret: SecretId) {
        self.generation = self.generation.wrapping_add(1);
        with_stack_wiped(|| self.remove_all(secret));
    }

    fn remove_all(&mut self, secret: SecretId) {
        let mut hashes = Vec::new();
        let mut automata = false;
        let Self { keys, needles, .. } = self;
        needles.remove(keys, secret, |at, needle| {
            self.beginnings.remove(keys, &needle.bytes, needle.wrapped);
            take_out(keys, &mut self.windows, &mut self.gates, at, &needle);
            match needle.place {
                Place::Window { counted, .. } => {
                    hash_all(keys, &needle.bytes, &mut hashes);
                    self.sketch.remove(&hashes, counted);
                }
                Place::Automaton => automata = true,
            }
        });
        if automata {
            for pair in [&mut self.gated, &mut self.short] {
                pair.plain.remove_gone(needles);
                pair.broken.remove_gone(needles);
            }
        }
    }

    /// How many needles are in automata.
    pub(crate) fn in_automata(&self) -> usize {
        let [gated, _, short, _] = self.levels();
        gated.len().saturating_add(short.len())
    }

    /// How many needles there are, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.needles.size()
    }

    /// The most bytes that a text may hold of a needle that is not complete.
    pub(crate) fn most_held(&self) -> usize {
        let plain = self.beginnings.longest(false);
        // A line ending of two bytes between any two.
        let wrapped = self.beginnings.longest(true).saturating_mul(3);
        plain.max(wrapped.saturating_sub(2)).saturating_sub(1)
    }
}

/// What automata are to be built from, without the lock on the engine.
pub(crate) struct Work(Vec<(usize, Order)>);

/// The automata, for [`Engine::take_over`].
pub(crate) struct Done(Vec<(usize, Built)>);

impl Work {
    pub(crate) fn build(self) -> Done {
        let built = |(of, order): (usize, Order)| (of, order.build());
        Done(with_stack_wiped(|| self.0.into_iter().map(built).collect()))
    }
}

/// The hashes of all grams of `needle`.
fn hash_all(keys: &Keys, needle: &Padded, hashes: &mut Vec<u64>) {
    hashes.clear();
    let words = (0..needle.len()).map_while(|i| needle.word(keys, i));
    hashes.extend(words.map(|word| keys.gram(word)));
}

/// The gates of a needle that goes to automata.
fn gates(keys: &Keys, needle: &Padded) -> impl Iterator<Item = u64> {
    let is_long = needle.len() >= WINDOW;
    let count = if is_long { GRAM } else { SHORT_STEP };
    (0..count).map_while(move |i| {
        if is_long {
            return Some(keys.gram(needle.word(keys, i)?));
        }
        let bits = u32::try_from(i).ok()?.checked_mul(8)?;
        Some(keys.short_gram(needle.word(keys, 0)?.checked_shr(bits)?))
    })
}

fn take_out(keys: &Keys, windows: &mut Grams, gated: &mut Grams, at: u32, needle: &Needle) {
    let hash = |place| needle.bytes.word(keys, place).map(|word| keys.gram(word));
    match needle.place {
        Place::Window { at: from, .. } => {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let grams = (0..GRAM).filter_map(|i| hash(from.saturating_add(i)));
            for (hash, nth) in grams.zip(0..) {
                windows.remove(hash, at, nth);
            }
        }
        Place::Automaton => {
            let is_long = needle.bytes.len() >= WINDOW;
            let table = if is_long { windows } else { gated };
            for hash in gates(keys, &needle.bytes) {
                table.close(hash);
            }
        }
    }
}

/// Where the window begins that is looked for: all of whose grams are rare, none of them a gate, and
/// lead to the fewest needles so far.
fn rarest_window(sketch: &Sketch, windows: &Grams, hashes: &[u64]) -> Option<usize> {
    let counts: Vec<u8> = hashes.iter().map(|hash| sketch.count(*hash)).collect();
    let leads = |hash: &u64| {
        if windows.may_have(*hash) {
            windows.count(*hash)
        } else {
            0
        }
    };
    let mut alone = 0_usize;
    for (i, (hash, count)) in hashes.iter().zip(&counts).enumerate() {
        let is_alone = *count <= RARE && leads(hash) == 0;
        alone = if is_alone { alone.saturating_add(1) } else { 0 };
        if alone == GRAM {
            return i.checked_sub(GRAM.saturating_sub(1));
        }
    }
    let costs = hashes.iter().zip(&counts).map(|(hash, count)| {
        let leads = leads(hash);
        (*count <= MOST && leads < MOST_LEADS).then_some((leads, *count))
    });
    let costs: Vec<Option<(usize, u8)>> = costs.collect();
    let windows = costs.windows(GRAM).enumerate().filter_map(|(at, grams)| {
        let worst = grams.iter().copied().reduce(|a, b| Some(a?.max(b?)));
        Some((worst??, at))
    });
    windows.min().map(|(_, at)| at)
}
