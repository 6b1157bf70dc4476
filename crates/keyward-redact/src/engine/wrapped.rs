//! A text without the line endings in it that wrapped needles skip: a CR, LF or CRLF, one at a
//! time.

use keyward_base::wipe::wipe_vec;
use memchr::memchr2;

use super::keys::{short_word, word};
use super::run::Span;
use super::{GRAM, SHORT_STEP, WINDOW};

/// Bytes of a window on each side of a line ending in it, at most.
const REACH: usize = WINDOW - 1;

/// How many bytes the line ending at the beginning of `rest` has; none if that is open yet, 0 if
/// there is none.
fn ending(rest: &[u8]) -> Option<usize> {
    match rest {
        [] | [b'\r'] => None,
        [b'\r', b'\n', ..] => Some(2),
        [b'\r' | b'\n', ..] => Some(1),
        _ => Some(0),
    }
}

/// The bytes around one or more line endings, without these: enough of them for every window that
/// one of these endings is in.
#[derive(Default)]
pub(super) struct Around {
    bytes: Vec<u8>,
    /// How many of the bytes are before each line, and where in the text it begins.
    lines: Vec<(usize, usize)>,
}

impl Around {
    /// Collects what is around the first line ending of `text` at `next` or later that is between
    /// two bytes of the alphabet, and of which `is_bare` does not say, from where it is to what
    /// follows it, that no needle is around it. Nothing before `from` is looked at. Says where to look next, and
    /// whether there was one; if not, `next` is where to look when the text has grown.
    pub(super) fn collect(
        &mut self,
        text: &[u8],
        alphabet: &[bool; 256],
        from: usize,
        next: &mut usize,
        is_bare: impl Fn(usize, usize) -> bool,
    ) -> bool {
        let known = |at: usize| {
            let byte = text.get(at).copied().unwrap_or(b'\n');
            alphabet.get(usize::from(byte)).copied().unwrap_or(false)
        };
        self.clear();
        loop {
            let rest = text.get(*next..).unwrap_or_default();
            let Some(found) = memchr2(b'\r', b'\n', rest) else {
                *next = text.len();
                return false;
            };
            let at = next.saturating_add(found);
            *next = at;
            if at <= from || !known(at.saturating_sub(1)) {
                *next = at.saturating_add(1);
                continue;
            }
            let rest = text.get(at..).unwrap_or_default();
            let Some(len) = ending(rest) else {
                return false;
            };
            let after = at.saturating_add(len);
            if after >= text.len() {
                return false;
            }
            if !known(after) || is_bare(at, after) {
                *next = after;
                continue;
            }
            self.before(text, known, from, at);
            self.after(text, alphabet, at, next);
            return true;
        }
    }

    /// Forgets what was collected: a stream that waits keeps nothing of what it masked.
    pub(super) fn clear(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.lines.clear();
    }

    fn before(&mut self, text: &[u8], known: impl Fn(usize) -> bool, from: usize, at: usize) {
        // What is between line endings, from the last one.
        let mut lines = [(0, 0); REACH];
        let mut count = 0_usize;
        let mut end = at;
        let mut left = REACH;
        for line in &mut lines {
            let least = end.saturating_sub(left).max(from);
            let len = (least..end).rev().take_while(|at| known(*at)).count();
            let start = end.saturating_sub(len);
            *line = (start, end);
            count = count.saturating_add(1);
            left = left.saturating_sub(len);
            let skipped = match text.get(from..start).unwrap_or_default() {
                [.., b'\r', b'\n'] => 2,
                [.., b'\r' | b'\n'] => 1,
                _ => 0,
            };
            end = start.saturating_sub(skipped);
            if left == 0 || len == 0 || skipped == 0 {
                break;
            }
        }
        for (start, end) in lines.into_iter().take(count).rev() {
            self.add(text, start, end);
        }
    }

    fn add(&mut self, text: &[u8], start: usize, end: usize) {
        self.lines.push((self.bytes.len(), start));
        let line = text.get(start..end).unwrap_or_default();
        append(&mut self.bytes, line);
    }

    /// Goes on from the ending at `at` until no ending is near.
    fn after(&mut self, text: &[u8], alphabet: &[bool; 256], at: usize, next: &mut usize) {
        let known = |byte: &&u8| {
            let known = alphabet.get(usize::from(**byte));
            known.copied().unwrap_or(false)
        };
        // What follows each ending from this one on is a line of its own.
        let first = self.lines.len();
        self.lines.push((self.bytes.len(), at));
        let mut at = at;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let len = ending(rest);
            let behind = len.and_then(|len| rest.get(len..));
            let behind = behind.unwrap_or_default();
            if behind.is_empty() {
                *next = self.first_open(first, at);
                return;
            }
            let count = behind.iter().take(REACH).take_while(known).count();
            if len == Some(0) || count == 0 {
                break;
            }
            let line = behind.get(..count).unwrap_or_default();
            at = at.saturating_add(len.unwrap_or(0));
            self.lines.push((self.bytes.len(), at));
            append(&mut self.bytes, line);
            at = at.saturating_add(count);
            if count >= REACH {
                break;
            }
        }
        *next = at;
    }

    /// The text ends too early for some of the endings behind the lines from `first` on: where the
    /// first of these is, which are looked at again; the one at `end`, if it is that alone.
    fn first_open(&self, first: usize, end: usize) -> usize {
        let enough = self.bytes.len();
        let lines = self.lines.get(first..).unwrap_or_default();
        let behind = lines.get(1..).unwrap_or_default();
        let open = lines.iter().zip(behind).find_map(|(line, (before, _))| {
            let at = line.1.saturating_add(before.saturating_sub(line.0));
            (before.saturating_add(REACH) > enough).then_some(at)
        });
        open.unwrap_or(end)
    }

    /// Eight bytes from every eighth place on, and which of the bytes the first of them is.
    pub(super) fn grams(&self) -> impl Iterator<Item = (u64, usize)> {
        let places = (0..self.bytes.len()).step_by(GRAM);
        places.map_while(|i| Some((word(&self.bytes, i)?, i)))
    }

    /// Five bytes from every fourth place on, as a word with more behind them or zeros, and which
    /// of the bytes the first of them is.
    pub(super) fn short_grams(&self) -> impl Iterator<Item = (u64, usize)> {
        let places = (0..self.bytes.len()).step_by(SHORT_STEP);
        places.map_while(|i| Some((short_word(&self.bytes, i)?, i)))
    }

    /// Where in the text byte `i` is.
    pub(super) fn at(&self, i: usize) -> Option<usize> {
        let after = self.lines.partition_point(|(before, _)| *before <= i);
        let (before, start) = self.lines.get(after.checked_sub(1)?)?;
        Some(start.saturating_add(i.saturating_sub(*before)))
    }

    /// Where in the text the gram is whose first byte is `i`, with so many bytes before it.
    pub(super) fn span(&self, i: usize, before: usize) -> Option<Span> {
        let last = self.at(i.saturating_add(GRAM.saturating_sub(1)))?;
        Some(Span {
            begin: self.at(i.saturating_sub(before))?,
            end: last.saturating_add(1),
        })
    }
}

/// All of a text without such line endings. What is between two of them that follow each other
/// directly is kept: a line feed, which no wrapped needle has.
#[derive(Default)]
pub(super) struct Collapsed {
    bytes: Vec<u8>,
    /// Where in the text each of them is.
    at: Vec<usize>,
    /// Up to where the text has been read.
    read: usize,
    ending: Ending,
    /// No needle begins before this byte and goes on past the end.
    open: usize,
    /// How many of the bytes are overwritten.
    wiped: usize,
}

#[derive(Default, Clone, Copy)]
enum Ending {
    #[default]
    None,
    /// A CR, after which a LF belongs to it.
    Cr,
    Whole,
}

impl Collapsed {
    /// Forgets all, and goes on from place `at` of the text.
    pub(super) fn restart(&mut self, at: usize) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.at.clear();
        self.read = at;
        self.ending = Ending::None;
        self.open = 0;
        self.wiped = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn read(&self) -> usize {
        self.read
    }

    /// The first byte from which on a needle may go past the end.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Where in the text byte `i` is.
    pub(super) fn at(&self, i: usize) -> Option<usize> {
        self.at.get(i).copied()
    }

    /// The first byte that is at place `at` of the text or later.
    pub(super) fn first_from(&self, at: usize) -> usize {
        self.at.partition_point(|place| *place < at)
    }

    /// Reads on to the end of `text`.
    pub(super) fn extend(&mut self, text: &[u8]) {
        while let Some(rest) = text.get(self.read..).filter(|rest| !rest.is_empty()) {
            let len = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            if let Some(line) = rest.get(..len).filter(|line| !line.is_empty()) {
                self.push(line);
                self.ending = Ending::None;
                continue;
            }
            let is_cr = rest.first() == Some(&b'\r');
            self.ending = match (self.ending, is_cr) {
                (Ending::None, true) => Ending::Cr,
                (Ending::None | Ending::Cr, false) => Ending::Whole,
                (_, is_cr) => {
                    if self.bytes.last() != Some(&b'\n') {
                        let read = self.read;
                        self.push(b"\n");
                        self.read = read;
                    }
                    self.open = self.bytes.len();
                    if is_cr { Ending::Cr } else { Ending::Whole }
                }
            };
            self.read = self.read.saturating_add(1);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        append(&mut self.bytes, bytes);
        let end = self.read.saturating_add(bytes.len());
        self.at.extend(self.read..end);
        self.read = end;
    }

    /// Overwrites what is before place `end` of the text: it is decided, and not looked at again.
    pub(super) fn release(&mut self, end: usize) {
        let decided = self.first_from(end);
        let decided = self.bytes.get_mut(self.wiped..decided);
        let decided = decided.unwrap_or_default();
        decided.fill(0);
        self.wiped = self.wiped.saturating_add(decided.len());
    }

    /// The first `len` bytes of the text are gone; says how many bytes here went with them.
    pub(super) fn shift(&mut self, len: usize) -> usize {
        let gone = self.first_from(len);
        self.at.drain(..gone);
        for at in &mut self.at {
            *at = at.saturating_sub(len);
        }
        let kept = self.bytes.len().saturating_sub(gone);
        self.bytes.copy_within(gone.., 0);
        self.bytes.get_mut(kept..).unwrap_or_default().fill(0);
        self.bytes.truncate(kept);
        self.open = self.open.saturating_sub(gone);
        self.wiped = self.wiped.saturating_sub(gone);
        self.read = self.read.saturating_sub(len);
        gone
    }
}

/// Adds `more`; where the bytes move to another place, none is left at the old one.
fn append(bytes: &mut Vec<u8>, more: &[u8]) {
    let len = bytes.len().saturating_add(more.len());
    if len > bytes.capacity() {
        let mut larger = Vec::with_capacity(len.saturating_mul(2));
        larger.extend_from_slice(bytes);
        wipe_vec(bytes);
        *bytes = larger;
    }
    match more {
        [one] => bytes.push(*one),
        more => bytes.extend_from_slice(more),
    }
}

impl Drop for Collapsed {
    fn drop(&mut self) {
        wipe_vec(&mut self.bytes);
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        wipe_vec(&mut self.bytes);
    }
}
