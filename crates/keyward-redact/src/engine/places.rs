//! How each needle is looked for: decided when it comes, and anew when others come.

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result};

use super::grams::{Grams, Lead};
use super::keys::Keys;
use super::levels::Levels;
use super::needles::{Needle, Place};
use super::padded::Padded;
use super::sketch::{MOST, Sketch};
use super::{Engine, GRAM, MOST_LEADS, SHORT_STEP, SecretId, WINDOW};
use crate::form::Form;

/// A gram that occurs no more often is not worth looking for a rarer one.
const RARE: u8 = 2;

/// The most bytes of needles in automata, so that each can be built.
const MOST_AUTOMATA_LEN: usize = 128 * 1024 * 1024;

impl Engine {
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
