//! How far one text has been looked through.

mod stepping;

use aho_corasick::automaton::StateID;

use super::beginnings::Hold;
use super::grams::Lead;
use super::keys::word;
use super::needles::Place;
use super::ranges::{Hit, merge, push_in_order};
use super::run::{BrokenRun, Run, Span, Spans};
use super::verify::{Found, Pending, compare};
use super::wrapped::{Around, Collapsed};
use super::{Engine, GRAM, SHORT_STEP};

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
    /// Where automata are to be stepped, by samples of the text.
    gates: Spans,
    /// The same around line endings: by samples, by grams, and since they were stepped up to there.
    broken: [Spans; 3],
    run: Run,
    broken_run: BrokenRun,
    /// The next byte to step over the automata of needles below 8 bytes, and the next line ending.
    step: usize,
    short_ending: usize,
    states: Vec<StateID>,
    short_run: BrokenRun,
    /// The end of the text, for what is held.
    collapsed: Collapsed,
    around: Around,
    pending: Vec<Pending>,
    hashes: Vec<(u64, usize)>,
    leads: Vec<(Lead, usize)>,
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
            gates: Spans::default(),
            broken: Default::default(),
            run: Run::default(),
            broken_run: BrokenRun::default(),
            step: 0,
            short_ending: 0,
            states: Vec::new(),
            short_run: BrokenRun::default(),
            collapsed: Collapsed::default(),
            around: Around::default(),
            pending: Vec::new(),
            hashes: Vec::new(),
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
        if engine.beginnings.longest(true) > 0 {
            self.find_broken(engine, text);
        }
        self.run_gated(engine, text);
        self.step_short(engine, text);
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
        // What is decided is overwritten: a gram that begins in it is none of the text.
        self.look_from(end);
        self.collapsed.release(end);
        self.broken_run.release(end);
        self.short_run.release(end);
        let decided = self.hits.partition_point(|hit| hit.start < end);
        self.hits.drain(..decided);
    }

    /// The first `len` bytes of the text, a multiple of 8 and all of them decided, are gone.
    pub(crate) fn shift(&mut self, len: usize) {
        let gone = self.collapsed.shift(len);
        self.run.shift(len);
        self.broken_run.shift(len);
        self.short_run.shift(len);
        let places = [
            &mut self.from,
            &mut self.sample,
            &mut self.gram,
            &mut self.ending,
            &mut self.step,
            &mut self.short_ending,
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
        self.gram = self.from.next_multiple_of(SHORT_STEP);
        self.ending = self.from;
        self.step = self.from;
        self.short_ending = self.from;
        self.run.restart();
        self.broken_run.restart();
        self.short_run.restart();
        engine.short.plain.start(&mut self.states);
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
        let table = &engine.windows;
        if !table.is_empty() {
            table.filter(&engine.keys, &engine.pairs, samples, &mut self.hashes);
            // All of them are looked up before any is compared: so the processor can wait for
            // several places of the table at once.
            let mut leads = std::mem::take(&mut self.leads);
            for (hash, i) in self.hashes.drain(..) {
                let at = self.sample.saturating_add(i.saturating_mul(GRAM));
                table.leads(hash, |lead| leads.push((lead, at)));
            }
            leads.retain(|(lead, at)| is_there(engine, *lead, text, *at));
            for (lead, at) in leads.drain(..) {
                match lead {
                    Lead::Needle { needle, nth } => {
                        self.follow(engine, needle, nth, text, at, false);
                    }
                    Lead::Gate => self.gates.push(Span {
                        begin: at.saturating_sub(GRAM - 1).max(self.from),
                        end: at.saturating_add(GRAM),
                    }),
                }
            }
            self.leads = leads;
        }
        self.sample = self
            .sample
            .saturating_add(samples.len().saturating_mul(GRAM));
    }

    /// Looks around line endings.
    fn find_broken(&mut self, engine: &Engine, text: &[u8]) {
        let mut around = std::mem::take(&mut self.around);
        let mut next = self.ending;
        let from = self.from;
        let is_bare = |at, after| is_bare(engine, text, from, at, after);
        while around.collect(text, &engine.alphabet, from, &mut next, is_bare) {
            let mut hashes = std::mem::take(&mut self.hashes);
            if !engine.windows.is_empty() {
                let grams = around.grams();
                let grams = grams.map(|(gram, i)| (engine.keys.gram(gram), i));
                engine.windows.filter_hashes(grams, &mut hashes);
                for (hash, i) in hashes.drain(..) {
                    engine.windows.leads(hash, |lead| {
                        self.follow_broken(engine, lead, text, &around, i);
                    });
                }
            }
            if !engine.gates.is_empty() {
                let grams = around.short_grams();
                let grams = grams.map(|(gram, i)| (engine.keys.short_gram(gram), i));
                engine.gates.filter_hashes(grams, &mut hashes);
                for (hash, i) in hashes.drain(..) {
                    if engine.gates.is_gate(hash)
                        && let Some(span) = around.span(i, SHORT_STEP - 1)
                        && let [_, by_gram, _] = &mut self.broken
                    {
                        by_gram.push(span);
                    }
                }
            }
            self.hashes = hashes;
            if next <= self.ending {
                break;
            }
            self.ending = next;
        }
        self.ending = next;
        around.clear();
        self.around = around;
    }

    fn follow_broken(
        &mut self,
        engine: &Engine,
        lead: Lead,
        text: &[u8],
        around: &Around,
        i: usize,
    ) {
        match lead {
            Lead::Needle { needle, nth } => {
                if let Some(at) = around.at(i) {
                    self.follow(engine, needle, nth, text, at, true);
                }
            }
            Lead::Gate => {
                if let (Some(span), [by_sample, ..]) = (around.span(i, GRAM - 1), &mut self.broken)
                {
                    by_sample.push(span);
                }
            }
        }
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
        let Place::Window { at: window, .. } = known.place else {
            return;
        };
        let place = usize::try_from(window.saturating_add(nth)).unwrap_or(usize::MAX);
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
}

/// Whether the gram that leads to a needle is that of the text at `at`, and not another of the same
/// hash. Asked of all leads before any is compared: so the processor can wait for several needles at
/// once.
#[inline]
fn is_there(engine: &Engine, lead: Lead, text: &[u8], at: usize) -> bool {
    let Lead::Needle { needle, nth } = lead else {
        return true;
    };
    let Some(known) = engine.needles.get(needle) else {
        return false;
    };
    let Place::Window { at: window, .. } = known.place else {
        return false;
    };
    let place = usize::try_from(window.saturating_add(nth)).unwrap_or(usize::MAX);
    known.bytes.word(&engine.keys, place) == word(text, at)
}

/// Whether no needle is around the line ending from `at` to `after`, by the bytes next to it. Of the
/// eight grams that begin in a window which the ending is in, one ends where the ending begins, or
/// begins where it ends. A needle of 8 to 14 bytes has its first eight before the ending, where a
/// short gram of them is found in the text as it is, or across it.
fn is_bare(engine: &Engine, text: &[u8], from: usize, at: usize, after: usize) -> bool {
    let before = at.checked_sub(GRAM).filter(|begin| *begin >= from);
    let before = before.and_then(|begin| text.get(begin..)?.first_chunk::<GRAM>());
    let behind = text
        .get(after..)
        .and_then(|rest| rest.first_chunk::<GRAM>());
    let (Some(before), Some(behind)) = (before, behind) else {
        return false;
    };
    let is_ending = |byte: &u8| matches!(byte, b'\r' | b'\n');
    // Another ending, so near, is none of these bytes.
    if before.iter().chain(behind).any(is_ending) {
        return false;
    }
    let may_have = |gram: &[u8; GRAM]| {
        let hash = |gram| engine.keys.gram(u64::from_le_bytes(gram));
        engine.pairs.may_have(*gram) && engine.windows.may_have(hash(*gram))
    };
    if may_have(before) || may_have(behind) {
        return false;
    }
    if engine.gates.is_empty() {
        return true;
    }
    let mut both = [0; 2 * GRAM];
    let (front, back) = both.split_at_mut(GRAM);
    front.copy_from_slice(before);
    back.copy_from_slice(behind);
    // From the second to the fifth byte on, and to the ninth.
    let mut across = [SHORT_STEP, 2 * SHORT_STEP].into_iter();
    across.all(|at| {
        let gram = word(&both, at).unwrap_or_default();
        !engine.gates.may_have(engine.keys.short_gram(gram))
    })
}
