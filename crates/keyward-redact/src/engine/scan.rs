//! How far one text has been looked through.

use aho_corasick::automaton::StateID;
use memchr::memchr2_iter;

use super::beginnings::Hold;
use super::grams::Lead;
use super::levels::Levels;
use super::needles::Place;
use super::ranges::{Hit, merge, push_in_order};
use super::run::{BrokenRun, Run, Span, Spans};
use super::verify::{Found, Pending, compare};
use super::wrapped::{Around, Collapsed};
use super::{Engine, GRAM, Pair};

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
        self.gram = self.from;
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
            let words = samples.iter().map(|sample| u64::from_le_bytes(*sample));
            table.filter(&engine.keys, words, &mut self.hashes);
            // All of them are looked up before any is compared: so the processor can wait for
            // several places of the table at once.
            let mut leads = std::mem::take(&mut self.leads);
            for (hash, i) in self.hashes.drain(..) {
                let at = self.sample.saturating_add(i.saturating_mul(GRAM));
                table.leads(hash, |lead| leads.push((lead, at)));
            }
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
            if !engine.windows.is_empty() {
                for (gram, i) in around.grams(GRAM) {
                    let hash = engine.keys.gram(gram);
                    if engine.windows.may_have(hash) {
                        engine.windows.leads(hash, |lead| {
                            self.follow_broken(engine, lead, text, &around, i);
                        });
                    }
                }
            }
            if !engine.gates.is_empty() {
                let grams = around.grams(1);
                let hashes = grams.map(|(gram, i)| (engine.keys.gram(gram), i));
                for (hash, i) in hashes.filter(|(hash, _)| engine.gates.may_have(*hash)) {
                    if engine.gates.is_gate(hash)
                        && let (Some(span), [_, by_gram, _]) = (around.span(i, 0), &mut self.broken)
                    {
                        by_gram.push(span);
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

    /// Steps the automata of needles from 8 bytes on, where a gate is.
    fn run_gated(&mut self, engine: &Engine, text: &[u8]) {
        let Pair { plain, broken } = &engine.gated;
        if plain.is_empty() {
            self.gates.clear();
            return;
        }
        let gates = std::mem::take(&mut self.gates);
        let mut spans = gates.as_slice().iter().copied().peekable();
        loop {
            if !self.run.is_active() {
                let sampled = spans.peek().copied();
                let end = sampled.map_or(text.len(), |span| span.begin);
                let gates = &engine.gates;
                let short = if gates.is_empty() {
                    None
                } else {
                    gates.next_gate(&engine.keys, text, self.gram, end)
                };
                let span = match (short, sampled) {
                    (Some(begin), _) => {
                        self.gram = begin.saturating_add(1);
                        let end = begin.saturating_add(GRAM);
                        Span { begin, end }
                    }
                    (None, Some(span)) => {
                        self.gram = self.gram.max(end);
                        spans.next();
                        span
                    }
                    (None, None) => {
                        self.gram = self.gram.max(text.len().saturating_sub(GRAM - 1));
                        break;
                    }
                };
                self.run.open(span, plain);
                continue;
            }
            while let Some(span) = spans.next_if(|span| span.begin <= self.run.at()) {
                self.run.open(span, plain);
            }
            let (begin, end) = (self.run.at(), self.run.end(text.len()));
            if end <= begin {
                break;
            }
            let new = text.get(begin..end).unwrap_or_default();
            let states = self.run.states();
            step_plain(engine, plain, states, new, begin, &mut self.hits);
            if !broken.is_empty() {
                self.note_endings(engine, text, begin, end);
            }
            self.run.stepped(end, plain);
            if !self.run.is_active() {
                self.gram = self.gram.max(end.saturating_sub(GRAM - 1));
            }
        }
        drop(spans);
        self.gates = gates;
        self.gates.clear();
        let [all, by_gram, stepped] = &mut self.broken;
        all.append(by_gram);
        all.append(stepped);
        if !broken.is_empty() {
            let run = &mut self.broken_run;
            run_broken(engine, broken, run, all, text, &mut self.hits);
        }
        all.clear();
    }

    /// A needle may go on behind a line ending up to which automata were stepped.
    fn note_endings(&mut self, engine: &Engine, text: &[u8], begin: usize, end: usize) {
        let first = self.from.max(self.run.begin());
        let reach = engine.beginnings.longest(true);
        let new = text.get(begin..end).unwrap_or_default();
        for ending in memchr2_iter(b'\r', b'\n', new) {
            let ending = begin.saturating_add(ending);
            let before = known_before(engine, text, first, ending, reach);
            if before >= GRAM
                && let [.., stepped] = &mut self.broken
            {
                stepped.push(Span {
                    begin: ending.saturating_sub(before),
                    end: ending.saturating_add(1),
                });
            }
        }
    }

    /// Steps the automata of needles below 8 bytes: over every byte, and those of wrapped ones
    /// around every line ending.
    fn step_short(&mut self, engine: &Engine, text: &[u8]) {
        let Pair { plain, broken } = &engine.short;
        if !plain.is_empty() {
            let new = text.get(self.step..).unwrap_or_default();
            step_plain(
                engine,
                plain,
                &mut self.states,
                new,
                self.step,
                &mut self.hits,
            );
        }
        self.step = text.len();
        if broken.is_empty() {
            return;
        }
        let mut spans = Spans::default();
        let new = text.get(self.short_ending..).unwrap_or_default();
        for ending in memchr2_iter(b'\r', b'\n', new) {
            let ending = self.short_ending.saturating_add(ending);
            let before = known_before(engine, text, self.from, ending, GRAM);
            if before > 0 {
                spans.push(Span {
                    begin: ending.saturating_sub(before),
                    // An ending of two bytes, and what a needle may have behind it.
                    end: ending.saturating_add(GRAM),
                });
            }
        }
        self.short_ending = text.len();
        let run = &mut self.short_run;
        run_broken(engine, broken, run, &spans, text, &mut self.hits);
    }
}

/// How many bytes before the line ending at `ending` are in wrapped needles, at most `reach`, from
/// `first` on.
fn known_before(engine: &Engine, text: &[u8], first: usize, ending: usize, reach: usize) -> usize {
    let known = |byte: &&u8| {
        let known = engine.alphabet.get(usize::from(**byte));
        known.copied().unwrap_or(false)
    };
    let before = text.get(first..ending).unwrap_or_default();
    before.iter().rev().take(reach).take_while(known).count()
}

/// Steps automata over `new`, which is at `begin` of the text.
fn step_plain(
    engine: &Engine,
    levels: &Levels,
    states: &mut [StateID],
    new: &[u8],
    begin: usize,
    hits: &mut Vec<Hit>,
) {
    levels.step(&engine.keys, states, new, hits, |needle, stepped| {
        let needle = engine.needles.get(needle)?;
        let end = begin.saturating_add(stepped);
        Some(Hit {
            start: end.saturating_sub(needle.bytes.len()),
            secret: needle.secret,
            end,
        })
    });
}

/// Steps the automata of wrapped needles over the text without line endings, where `spans` are.
fn run_broken(
    engine: &Engine,
    levels: &Levels,
    run: &mut BrokenRun,
    spans: &Spans,
    text: &[u8],
    hits: &mut Vec<Hit>,
) {
    let mut spans = spans.as_slice().iter().copied().peekable();
    loop {
        if !run.run.is_active() {
            let Some(span) = spans.next() else {
                return;
            };
            run.open(span, levels);
            continue;
        }
        while let Some(span) = spans.next_if(|span| span.begin <= run.run.at()) {
            run.open(span, levels);
        }
        let (begin, end) = (run.run.at(), run.run.end(text.len()));
        if end <= begin {
            return;
        }
        let (stepped, states, part) = run.unstepped(text, end);
        let new = part.from(stepped);
        levels.step(&engine.keys, states, new, hits, |needle, of_new| {
            let needle = engine.needles.get(needle)?;
            let end = stepped.saturating_add(of_new);
            let start = end.saturating_sub(needle.bytes.len());
            let (start, end) = part.locate(start, end)?;
            let secret = needle.secret;
            Some(Hit { start, secret, end })
        });
        run.stepped(end, levels);
    }
}

/// Whether no needle is around the line ending from `at` to `after`, by the bytes next to it. Of the
/// eight grams that begin in a window which the ending is in, one ends where the ending begins, or
/// begins where it ends. A needle of 8 to 14 bytes has its first gram before the ending, where it is
/// found in the text as it is, or across it.
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
    let (before, behind) = (u64::from_le_bytes(*before), u64::from_le_bytes(*behind));
    let hash = |gram| engine.keys.gram(gram);
    if [before, behind]
        .iter()
        .any(|gram| engine.windows.may_have(hash(*gram)))
    {
        return false;
    }
    if engine.gates.is_empty() {
        return true;
    }
    let across = (1..8_u32).map(|i| (before >> (i * 8)) | (behind << (64 - i * 8)));
    across
        .into_iter()
        .all(|gram| !engine.gates.may_have(hash(gram)))
}
