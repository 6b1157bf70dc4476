//! How far one text has been looked through.

use aho_corasick::automaton::StateID;

use super::beginnings::Hold;
use super::grams::Grams;
use super::keys::Keys;
use super::needles::Place;
use super::ranges::{Hit, merge, push_in_order};
use super::verify::{Found, Pending, compare};
use super::walk::Walk;
use super::wrapped::{Around, Collapsed};
use super::{Engine, GRAM};

/// What is known of one text while it grows. Places are counted from its first byte that is still
/// held; [`Scan::shift`] says that some of these are gone.
pub(crate) struct Scan {
    /// The generation of the needles it has looked for.
    generation: Option<u64>,
    /// What is before is decided.
    from: usize,
    /// The next sample, the next gram, and the next line ending to look at.
    sample: usize,
    gram: usize,
    ending: usize,
    /// The next byte to step automata over.
    step: usize,
    states: [Vec<StateID>; 2],
    /// The same around line endings.
    walk: Walk,
    /// The end of the text, for what is held.
    collapsed: Collapsed,
    around: Around,
    pending: Vec<Pending>,
    leads: Vec<(u64, usize)>,
    holds: [Hold; 2],
    /// What was found from `from` on, sorted and merged.
    hits: Vec<Hit>,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            generation: None,
            from: 0,
            sample: 0,
            gram: 0,
            ending: 0,
            step: 0,
            walk: Walk::default(),
            states: [Vec::new(), Vec::new()],
            collapsed: Collapsed::default(),
            around: Around::default(),
            pending: Vec::new(),
            leads: Vec::new(),
            holds: [Hold::default(), Hold::default()],
            hits: Vec::new(),
        }
    }

    /// Looks through what `text` has grown by; if needles have changed, through all of it that is
    /// not decided.
    pub(crate) fn find(&mut self, engine: &Engine, text: &[u8]) {
        if self.generation != Some(engine.generation) {
            self.restart(engine);
        }
        let merged = self.hits.len();
        let mut pending = std::mem::take(&mut self.pending);
        for pending in pending.drain(..) {
            if let Some(needle) = engine.needles.get(pending.needle) {
                let found = pending.go_on(&engine.keys, needle, text);
                self.note(engine, pending.needle, pending.start, &found);
            }
        }
        self.find_samples(engine, text);
        self.find_grams(engine, text);
        if engine.beginnings.longest(true) > 0 {
            self.find_broken(engine, text);
        }
        self.step_automata(engine, text);
        // One that made the last hit longer leaves them in order.
        if self.hits.len() > merged {
            merge(&mut self.hits);
        }
    }

    /// What was found, sorted and merged. All of it that begins before what is held.
    pub(crate) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Where to cut a text of `len` bytes so that no needle begins before and goes on past its
    /// end: the cheap answer.
    pub(crate) fn least_held(&self, engine: &Engine, len: usize) -> usize {
        len.saturating_sub(engine.most_held()).max(self.from)
    }

    /// The same, but for up to 7 bytes as near the end as can be.
    pub(crate) fn held(&mut self, engine: &Engine, text: &[u8]) -> usize {
        let Engine {
            keys, beginnings, ..
        } = engine;
        let [plain, wrapped] = &mut self.holds;
        let longest = beginnings.longest(false);
        let least = text.len().saturating_sub(longest.saturating_sub(1));
        let start = plain.find(keys, beginnings, text, least.max(self.from), false);
        let longest = beginnings.longest(true);
        if longest == 0 {
            return start;
        }
        let least = self.from.max(text.len().saturating_sub(engine.most_held()));
        if self.collapsed.read() < least {
            self.collapsed.restart(least);
            wrapped.restart(0);
        }
        self.collapsed.extend(text);
        let collapsed = self.collapsed.bytes();
        let least = collapsed
            .len()
            .saturating_sub(longest.saturating_sub(1))
            .max(self.collapsed.open())
            .max(self.collapsed.first_from(self.from));
        let first = wrapped.find(keys, beginnings, collapsed, least, true);
        start.min(self.collapsed.at(first).unwrap_or(text.len()))
    }

    /// What is before `end` is decided.
    pub(crate) fn release(&mut self, end: usize) {
        self.from = end;
        let decided = self.hits.partition_point(|hit| hit.start < end);
        self.hits.drain(..decided);
    }

    /// The first `len` bytes of the text, a multiple of 8 and all of them decided, are gone.
    pub(crate) fn shift(&mut self, len: usize) {
        let gone = self.collapsed.shift(len);
        self.walk.shift(len);
        let places = [
            &mut self.from,
            &mut self.sample,
            &mut self.gram,
            &mut self.ending,
            &mut self.step,
        ];
        for place in places {
            *place = place.saturating_sub(len);
        }
        let [plain, wrapped] = &mut self.holds;
        plain.shift(len);
        wrapped.shift(gone);
        self.pending
            .iter_mut()
            .for_each(|pending| pending.shift(len));
        for hit in &mut self.hits {
            hit.start = hit.start.saturating_sub(len);
            hit.end = hit.end.saturating_sub(len);
        }
    }

    fn restart(&mut self, engine: &Engine) {
        self.generation = Some(engine.generation);
        self.sample = self.from.next_multiple_of(GRAM);
        self.gram = self.from;
        self.ending = self.from;
        self.step = self.from;
        self.walk.restart(self.from);
        for (levels, states) in engine.levels.iter().zip(&mut self.states) {
            levels.start(states);
        }
        self.collapsed.restart(self.from);
        let [plain, wrapped] = &mut self.holds;
        plain.restart(self.from);
        wrapped.restart(0);
        self.pending.clear();
        self.hits.clear();
    }

    fn find_samples(&mut self, engine: &Engine, text: &[u8]) {
        let (samples, _) = text
            .get(self.sample..)
            .unwrap_or_default()
            .as_chunks::<GRAM>();
        if !engine.windows.is_empty() {
            let words = samples.iter().map(|sample| u64::from_le_bytes(*sample));
            self.follow_all(engine, &engine.windows, text, words, (self.sample, GRAM));
        }
        self.sample = self
            .sample
            .saturating_add(samples.len().saturating_mul(GRAM));
    }

    fn find_grams(&mut self, engine: &Engine, text: &[u8]) {
        let grams = text.get(self.gram..).unwrap_or_default().windows(GRAM);
        let count = grams.len();
        if !engine.grams.is_empty() {
            let words = grams.map(|gram| {
                let gram = gram.first_chunk::<GRAM>().copied().unwrap_or_default();
                u64::from_le_bytes(gram)
            });
            self.follow_all(engine, &engine.grams, text, words, (self.gram, 1));
        }
        self.gram = self.gram.saturating_add(count);
    }

    /// Compares the needles to which any of `words` leads; these are at every `step` bytes of the
    /// text from `begin` on.
    fn follow_all(
        &mut self,
        engine: &Engine,
        table: &Grams,
        text: &[u8],
        words: impl Iterator<Item = u64>,
        (begin, step): (usize, usize),
    ) {
        let mut leads = std::mem::take(&mut self.leads);
        table.filter(&engine.keys, words, &mut leads);
        for (hash, i) in leads.drain(..) {
            let at = begin.saturating_add(i.saturating_mul(step));
            table.leads(hash, |lead| {
                self.follow(engine, lead.needle, lead.nth, text, at, false);
            });
        }
        self.leads = leads;
    }

    /// Looks around line endings.
    fn find_broken(&mut self, engine: &Engine, text: &[u8]) {
        let mut around = std::mem::take(&mut self.around);
        let mut next = self.ending;
        while around.collect(text, &engine.alphabet, self.from, &mut next) {
            for (table, step) in [(&engine.windows, GRAM), (&engine.grams, 1)] {
                if table.is_empty() {
                    continue;
                }
                for (gram, at) in around.grams(step) {
                    let hash = engine.keys.gram(gram);
                    if table.may_have(hash) {
                        table.leads(hash, |lead| {
                            self.follow(engine, lead.needle, lead.nth, text, at, true);
                        });
                    }
                }
            }
            if next <= self.ending {
                break;
            }
            self.ending = next;
        }
        self.ending = next;
        self.around = around;
    }

    /// Compares the needle whose gram is at `at` of the text.
    fn follow(
        &mut self,
        engine: &Engine,
        needle: u32,
        nth: u32,
        text: &[u8],
        at: usize,
        broken: bool,
    ) {
        let Some(known) = engine.needles.get(needle) else {
            return;
        };
        if broken && !known.wrapped {
            return;
        }
        let place = match known.place {
            Place::Window { at, .. } | Place::Gram { at } => at.saturating_add(nth),
            Place::Automaton => return,
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let found = compare(&engine.keys, (needle, known), place, text, at, self.from);
        if let Some((start, found)) = found {
            self.note(engine, needle, start, &found);
        }
    }

    fn note(&mut self, engine: &Engine, needle: u32, start: usize, found: &Found) {
        match *found {
            Found::To(end) => {
                if let Some(needle) = engine.needles.get(needle) {
                    let secret = needle.secret;
                    push_in_order(&mut self.hits, Hit { start, secret, end });
                }
            }
            Found::SoFar(pending) => {
                let same = |other: &Pending| other.needle == needle && other.start == start;
                if !self.pending.iter().any(same) {
                    self.pending.push(pending);
                }
            }
            Found::Not => {}
        }
    }

    fn step_automata(&mut self, engine: &Engine, text: &[u8]) {
        let [plain, wrapped] = &engine.levels;
        let [states, states_wrapped] = &mut self.states;
        let step = &mut self.step;
        let keys: &Keys = &engine.keys;
        if !plain.is_empty() {
            let begin = *step;
            let new = text.get(begin..).unwrap_or_default();
            plain.step(keys, states, new, &mut self.hits, |needle, stepped| {
                let needle = engine.needles.get(needle)?;
                let end = begin.saturating_add(stepped);
                Some(Hit {
                    start: end.saturating_sub(needle.bytes.len()),
                    secret: needle.secret,
                    end,
                })
            });
        }
        *step = text.len();
        if wrapped.is_empty() {
            return;
        }
        let reach = engine.beginnings.longest(true);
        let (walk, hits) = (&mut self.walk, &mut self.hits);
        while walk.go_on(text, &engine.alphabet, self.from, reach) {
            if walk.is_new() {
                wrapped.start(states_wrapped);
            }
            let (begin, new) = walk.unstepped();
            wrapped.step(keys, states_wrapped, new, hits, |needle, stepped| {
                let needle = engine.needles.get(needle)?;
                let end = begin.saturating_add(stepped);
                let start = end.saturating_sub(needle.bytes.len());
                let (start, end) = walk.locate(start, end)?;
                let secret = needle.secret;
                Some(Hit { start, secret, end })
            });
            walk.stepped();
        }
    }
}
