//! Finds every form of every secret in a text that comes in pieces.
//!
//! Forms are called needles. How one is looked for depends on its bytes:
//!
//! - **By a window of 15 bytes**, if it has 15 and a window that is rare. The text is sampled at
//!   every eighth byte: of the eight grams (8 bytes each) that begin in the window, one is where a
//!   sample is, wherever the needle lies. A filter says no to nearly all samples.
//! - **By one gram**, if it has 8 to 14 bytes, looked for at every byte.
//! - **By an automaton** ([`levels`]), if it is shorter or shares its grams with more than a few.
//!
//! What a gram leads to is compared byte for byte, from the gram outwards, up to the first byte
//! that differs. That this is linear, whatever the text and whatever the secrets, follows from
//! *rare*: no gram of a window occurs at more than [`sketch::MOST`] places of all needles that have
//! a window, all their places counted. Take a byte of the text that is compared, forwards, on behalf
//! of several samples, and the last sample before it. Whoever came from an earlier sample has
//! already been equal to the text there, so each of the needles that are compared has the gram of
//! that last sample, at a place that differs from one to the next; and there are few such places.
//! Backwards it is the same. So no byte is compared more than twice [`sketch::MOST`] times, and as
//! often again for wrapped needles where a line was broken. A needle that is looked for by one gram
//! has no more than 14 bytes to compare, and as many may lead from one gram.
//!
//! A needle whose window becomes common through a later one gets another window, or goes to an
//! automaton.
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
mod ranges;
mod scan;
mod sketch;
#[cfg(test)]
mod tests;
mod verify;
mod wrapped;

use keyward_base::Result;
use keyward_base::wipe::with_stack_wiped;

use crate::form::Form;

use beginnings::Beginnings;
use grams::{Grams, Lead};
use keys::Keys;
use levels::Levels;
use needles::{Needle, Needles, Place};
use padded::Padded;
pub(crate) use ranges::SecretId;
pub(crate) use scan::Scan;
use sketch::{MOST, Sketch};

/// Bytes of a gram, and between two samples of a text.
const GRAM: usize = 8;

/// Bytes of a window: a gram from each of eight places on.
const WINDOW: usize = 15;

/// All needles.
pub(crate) struct Engine {
    keys: Keys,
    needles: Needles,
    sketch: Sketch,
    windows: Grams,
    grams: Grams,
    /// Of needles as they are, and of wrapped ones.
    levels: [Levels; 2],
    beginnings: Beginnings,
    /// Bytes that wrapped needles have. Only grows.
    alphabet: [bool; 256],
    /// Changes with every change of the needles.
    generation: u64,
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
            grams: Grams::new(),
            levels: [Levels::default(), Levels::default()],
            beginnings: Beginnings::new(),
            alphabet: [false; 256],
            generation: 0,
        })
    }

    /// Adds the forms of a secret.
    ///
    /// # Errors
    /// `Misuse` if an automaton would become too large; then none of its forms is looked for.
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
        let mut left = [Vec::new(), Vec::new()];
        for at in self.ousted(&common) {
            self.take_out(at);
            self.place(at, &mut left);
        }
        for at in new {
            self.place(at, &mut left);
        }
        for (levels, left) in self.levels.iter_mut().zip(left) {
            levels.add(&self.keys, &self.needles, left)?;
        }
        Ok(())
    }

    /// The needles that are looked for by one of these grams, which are common now.
    fn ousted(&self, common: &[u64]) -> Vec<u32> {
        let mut ousted = Vec::new();
        for hash in common.iter().filter(|hash| self.windows.may_have(**hash)) {
            self.windows.leads(*hash, |lead| ousted.push(lead.needle));
        }
        ousted.sort_unstable();
        ousted.dedup();
        ousted
    }

    /// Decides how a needle is looked for; one for an automaton is added to `left`.
    fn place(&mut self, at: u32, left: &mut [Vec<u32>; 2]) {
        let Some(needle) = self.needles.get_mut(at) else {
            return;
        };
        let mut hashes = Vec::new();
        hash_all(&self.keys, &needle.bytes, &mut hashes);
        if let Place::Window { counted, .. } = needle.place {
            if let Some(window) = rarest_window(&self.sketch, &hashes) {
                let at_most = u32::try_from(window).unwrap_or(u32::MAX);
                needle.place = Place::Window {
                    at: at_most,
                    counted,
                };
                let grams = hashes.iter().skip(window).take(GRAM);
                for (hash, nth) in grams.zip(0..) {
                    self.windows.insert(*hash, Lead { needle: at, nth });
                }
                return;
            }
            self.sketch.remove(&hashes, counted);
        } else if needle.bytes.len() >= GRAM {
            let counts = hashes.iter().map(|hash| self.grams.count(*hash));
            let rarest = counts.zip(hashes.iter().zip(0_u32..)).min();
            if let Some((count, (hash, nth))) = rarest
                && count < usize::from(MOST)
            {
                needle.place = Place::Gram { at: nth };
                self.grams.insert(*hash, Lead { needle: at, nth: 0 });
                return;
            }
        }
        needle.place = Place::Automaton;
        if let Some(left) = left.get_mut(usize::from(needle.wrapped)) {
            left.push(at);
        }
    }

    /// Takes a needle out of the table in which it is.
    fn take_out(&mut self, at: u32) {
        if let Some(needle) = self.needles.get(at) {
            take_out(&self.keys, &mut self.windows, &mut self.grams, at, needle);
        }
    }

    /// Forgets the forms of a secret that are no other's.
    pub(crate) fn remove(&mut self, secret: SecretId) {
        self.generation = self.generation.wrapping_add(1);
        with_stack_wiped(|| self.remove_all(secret));
    }

    fn remove_all(&mut self, secret: SecretId) {
        let mut hashes = Vec::new();
        let mut automata = [false; 2];
        let Self { keys, needles, .. } = self;
        needles.remove(keys, secret, |at, needle| {
            self.beginnings.remove(keys, &needle.bytes, needle.wrapped);
            take_out(keys, &mut self.windows, &mut self.grams, at, &needle);
            match needle.place {
                Place::Window { counted, .. } => {
                    hash_all(keys, &needle.bytes, &mut hashes);
                    self.sketch.remove(&hashes, counted);
                }
                Place::Automaton => {
                    if let Some(changed) = automata.get_mut(usize::from(needle.wrapped)) {
                        *changed = true;
                    }
                }
                Place::Gram { .. } => {}
            }
        });
        for (levels, changed) in self.levels.iter_mut().zip(automata) {
            if changed {
                levels.remove_gone(keys, needles);
            }
        }
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

/// The hashes of all grams of `needle`.
fn hash_all(keys: &Keys, needle: &Padded, hashes: &mut Vec<u64>) {
    hashes.clear();
    let words = (0..needle.len()).map_while(|i| needle.word(keys, i));
    hashes.extend(words.map(|word| keys.gram(word)));
}

fn take_out(keys: &Keys, windows: &mut Grams, grams: &mut Grams, at: u32, needle: &Needle) {
    let (table, from, count) = match needle.place {
        Place::Window { at, .. } => (windows, at, 8),
        Place::Gram { at } => (grams, at, 1),
        Place::Automaton => return,
    };
    for nth in 0..count {
        let place = usize::try_from(from.saturating_add(nth)).unwrap_or(usize::MAX);
        if let Some(word) = needle.bytes.word(keys, place) {
            table.remove(keys.gram(word), Lead { needle: at, nth });
        }
    }
}

/// Where the window begins whose most frequent gram is the rarest, if that is rare.
fn rarest_window(sketch: &Sketch, hashes: &[u64]) -> Option<usize> {
    let mut alone = 0_usize;
    for (i, hash) in hashes.iter().enumerate() {
        alone = if sketch.count(*hash) <= 1 {
            alone.saturating_add(1)
        } else {
            0
        };
        if alone == GRAM {
            return i.checked_sub(GRAM.saturating_sub(1));
        }
    }
    let counts: Vec<u8> = hashes.iter().map(|hash| sketch.count(*hash)).collect();
    let windows = counts.windows(GRAM).map(|grams| grams.iter().max());
    let rarest = windows.enumerate().min_by_key(|(_, most)| *most);
    rarest
        .filter(|(_, most)| most.is_some_and(|most| *most <= MOST))
        .map(|(at, _)| at)
}
