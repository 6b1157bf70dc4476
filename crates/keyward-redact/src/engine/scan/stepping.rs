//! Stepping automata: over every byte, or where a gate is.

use aho_corasick::automaton::StateID;
use memchr::memchr2_iter;

use super::Scan;
use crate::engine::levels::Levels;
use crate::engine::ranges::Hit;
use crate::engine::run::{BrokenRun, Span, Spans};
use crate::engine::{Engine, GRAM, Pair, SHORT_GRAM, SHORT_STEP};

impl Scan {
    /// Steps the automata of needles from 8 bytes on, where a gate is.
    pub(super) fn run_gated(&mut self, engine: &Engine, text: &[u8]) {
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
                // What begins before the span may have its gate in it.
                let end =
                    sampled.map_or(text.len(), |span| span.begin.saturating_add(SHORT_STEP - 1));
                let gates = &engine.gates;
                let short = if gates.is_empty() {
                    None
                } else {
                    gates.next_gate(&engine.keys, text, self.gram, end)
                };
                let span = match (short, sampled) {
                    (Some(at), _) => {
                        self.gram = at.saturating_add(SHORT_STEP);
                        Span {
                            begin: at.saturating_sub(SHORT_STEP - 1).max(self.from),
                            // Then eight bytes of what began up to there are known.
                            end: at.saturating_add(GRAM),
                        }
                    }
                    (None, Some(span)) => {
                        // What was decided may have cut the span so that it ends with the text.
                        let last = text.len().saturating_sub(SHORT_GRAM - 1);
                        self.look_from(end.min(last));
                        spans.next();
                        span
                    }
                    (None, None) => {
                        self.look_from(text.len().saturating_sub(SHORT_GRAM - 1));
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
                self.look_from(end.saturating_sub(GRAM - 1));
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

    /// No short gram before `at` is to be looked at any more. Those that are stand at every fourth
    /// place of the text: from another place on, one that a needle begins with could be left out.
    pub(super) fn look_from(&mut self, at: usize) {
        self.gram = self.gram.max(at.next_multiple_of(SHORT_STEP));
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
    pub(super) fn step_short(&mut self, engine: &Engine, text: &[u8]) {
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
