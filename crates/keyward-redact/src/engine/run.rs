//! The parts of a text over which gated automata are stepped.
//!
//! A gate at place `p` of a text says that a needle may begin there or up to seven bytes before.
//! From there on the automata are stepped, over the gram of the gate at least, and then until they
//! are *shallow*: no state knows of more than seven bytes of a needle. What began before the end of
//! the last gate's gram is over then, since eight bytes of it would be known; what began after it
//! has a gate of its own. The states are kept, so that a gate that is near goes on from them: no
//! byte is stepped twice, but for some near the end of a piece, where a gate that is found with
//! the next one lies before.

use aho_corasick::automaton::StateID;

use super::levels::Levels;
use super::wrapped::Collapsed;

/// Bytes that are stepped before it is asked whether to stop: at first, and at most.
const FIRST_CHUNK: usize = 8;
const LAST_CHUNK: usize = 4096;

/// From where on automata are to be stepped, and up to where at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// Spans in the order of their beginnings, merged where they touch.
#[derive(Default)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    pub(super) fn push(&mut self, span: Span) {
        match self.0.last_mut() {
            Some(last) if last.begin <= span.begin && span.begin <= last.end => {
                last.end = last.end.max(span.end);
            }
            _ => self.0.push(span),
        }
    }

    /// Moves all of `other` here.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
        self.0.sort();
    }

    pub(super) fn as_slice(&self) -> &[Span] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How far automata have been stepped.
#[derive(Default)]
pub(super) struct Run {
    /// Where their states began; none if they are to begin anew.
    begin: Option<usize>,
    /// The next byte to step.
    at: usize,
    /// Up to where they are to be stepped at least.
    until: usize,
    is_active: bool,
    chunk: usize,
    states: Vec<StateID>,
}

impl Run {
    /// Forgets what was stepped.
    pub(super) fn restart(&mut self) {
        self.begin = None;
        self.until = 0;
        self.is_active = false;
    }

    /// The first `len` bytes of the text are gone.
    pub(super) fn shift(&mut self, len: usize) {
        if self.at < len {
            self.restart();
        }
        self.begin = self.begin.map(|begin| begin.saturating_sub(len));
        self.at = self.at.saturating_sub(len);
        self.until = self.until.saturating_sub(len);
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    /// The next byte to step.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the states began.
    pub(super) fn begin(&self) -> usize {
        self.begin.unwrap_or(self.at)
    }

    pub(super) fn states(&mut self) -> &mut [StateID] {
        &mut self.states
    }

    /// A gate was found; says whether the states begin anew.
    pub(super) fn open(&mut self, span: Span, levels: &Levels) -> bool {
        let goes_on = self.begin.is_some_and(|begin| begin <= span.begin) && span.begin <= self.at;
        if !goes_on {
            levels.start(&mut self.states);
            self.begin = Some(span.begin);
            self.at = span.begin;
            self.chunk = FIRST_CHUNK;
        }
        self.until = self.until.max(span.end);
        self.is_active |= self.at < self.until;
        !goes_on
    }

    /// Up to where to step next, in a text of `len` bytes.
    pub(super) fn end(&self, len: usize) -> usize {
        self.at.saturating_add(self.chunk).max(self.until).min(len)
    }

    /// All before `end` is stepped.
    pub(super) fn stepped(&mut self, end: usize, levels: &Levels) {
        self.at = end;
        self.chunk = self.chunk.saturating_mul(2).min(LAST_CHUNK);
        self.is_active = end < self.until || !levels.are_shallow(&self.states);
    }
}

/// The same over a text without line endings, for wrapped needles.
#[derive(Default)]
pub(super) struct BrokenRun {
    pub(super) run: Run,
    /// The text without line endings, from where the states began or later.
    part: Collapsed,
    /// How much of it is stepped.
    stepped: usize,
}

impl BrokenRun {
    pub(super) fn restart(&mut self) {
        self.run.restart();
    }

    /// What is before place `end` of the text is decided.
    pub(super) fn release(&mut self, end: usize) {
        self.part.release(end);
    }

    pub(super) fn shift(&mut self, len: usize) {
        self.run.shift(len);
        let gone = self.part.shift(len);
        self.stepped = self.stepped.saturating_sub(gone);
    }

    pub(super) fn open(&mut self, span: Span, levels: &Levels) {
        if self.run.open(span, levels) {
            self.part.restart(span.begin);
            self.stepped = 0;
        }
    }

    /// What is to be stepped up to `end` of the text, and how many bytes of the part are before it.
    pub(super) fn unstepped(
        &mut self,
        text: &[u8],
        end: usize,
    ) -> (usize, &mut [StateID], Part<'_>) {
        self.part.extend(text.get(..end).unwrap_or_default());
        (self.stepped, &mut self.run.states, Part(&self.part))
    }

    pub(super) fn stepped(&mut self, end: usize, levels: &Levels) {
        self.stepped = self.part.bytes().len();
        self.run.stepped(end, levels);
    }
}

/// The part of a text over which automata are stepped, without line endings.
pub(super) struct Part<'a>(&'a Collapsed);

impl<'a> Part<'a> {
    /// Its bytes from `from` on.
    pub(super) fn from(&self, from: usize) -> &'a [u8] {
        self.0.bytes().get(from..).unwrap_or_default()
    }

    /// Where in the text bytes `start..end` of the part are.
    pub(super) fn locate(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let last = self.0.at(end.checked_sub(1)?)?;
        Some((self.0.at(start)?, last.saturating_add(1)))
    }
}
