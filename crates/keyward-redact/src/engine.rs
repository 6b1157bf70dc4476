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
//! another window, or goes to an automaton ([`places`]).
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
mod places;
mod ranges;
mod run;
mod scan;
mod sketch;
#[cfg(test)]
mod tests;
mod verify;
mod wrapped;

use keyward_base::Result;
use keyward_base::wipe::with_stack_wiped;

use beginnings::Beginnings;
use grams::Grams;
use keys::Keys;
use levels::{Built, Levels, Order};
use needles::Needles;
use pairs::Pairs;
pub(crate) use ranges::SecretId;
pub(crate) use scan::Scan;
use sketch::Sketch;

/// Bytes of a gram, and between two samples of a text.
const GRAM: usize = 8;

/// Bytes of a window: a gram from each of eight places on.
const WINDOW: usize = 15;

/// Bytes of a short gram, and between two places of a text where one is looked up: of the four that
/// begin first in a needle of eight bytes one is there, wherever the needle lies.
const SHORT_GRAM: usize = 5;
const SHORT_STEP: usize = 4;

/// How many needles may be looked for by the same gram of a window: all are compared when it is in
/// the text.
const MOST_LEADS: usize = 4;

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
