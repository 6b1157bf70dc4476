//! The parts of a text over which the automata of wrapped needles are stepped: those near a line
//! ending that may be in a needle. Each byte is stepped once at most.

use super::wrapped::Collapsed;

#[derive(Default)]
pub(super) struct Walk {
    /// Where to look for the next line ending, while none is near.
    next: usize,
    /// The part that is walked, without line endings.
    part: Collapsed,
    /// How much of it is stepped.
    stepped: usize,
    /// How many bytes more to walk, if no line ending follows; none while none is near.
    left: usize,
    is_new: bool,
}

impl Walk {
    pub(super) fn restart(&mut self, at: usize) {
        self.next = at;
        self.left = 0;
        self.part.restart(at);
        self.stepped = 0;
    }

    pub(super) fn shift(&mut self, len: usize) {
        let gone = self.part.shift(len);
        self.stepped = self.stepped.saturating_sub(gone);
        self.next = self.next.saturating_sub(len);
    }

    /// Whether the automata are to begin anew.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// What is to be stepped, and how many bytes of the part are before it.
    pub(super) fn unstepped(&self) -> (usize, &[u8]) {
        let rest = self.part.bytes().get(self.stepped..);
        (self.stepped, rest.unwrap_or_default())
    }

    pub(super) fn stepped(&mut self) {
        self.stepped = self.part.bytes().len();
        self.is_new = false;
    }

    /// Where in the text bytes `start..end` of the part are.
    pub(super) fn locate(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let last = self.part.at(end.checked_sub(1)?)?;
        Some((self.part.at(start)?, last.saturating_add(1)))
    }

    /// Walks on; says whether there is something to step. Needles have at most `reach` bytes, all
    /// of the alphabet; none begins before `from`.
    pub(super) fn go_on(
        &mut self,
        text: &[u8],
        alphabet: &[bool; 256],
        from: usize,
        reach: usize,
    ) -> bool {
        let known = |byte: &u8| alphabet.get(usize::from(*byte)).copied().unwrap_or(false);
        loop {
            if self.left == 0 {
                let rest = text.get(self.next..).unwrap_or_default();
                let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
                    self.next = text.len();
                    return false;
                };
                let ending = self.next.saturating_add(found);
                let before = text.get(from..ending).unwrap_or_default().iter();
                let before = before.rev().take(reach).take_while(|byte| known(byte));
                self.next = ending.saturating_add(1);
                let start = ending.saturating_sub(before.count());
                if start < ending {
                    self.part.restart(start);
                    self.stepped = 0;
                    self.is_new = true;
                    self.left = reach;
                    self.part.extend(text.get(..self.next).unwrap_or_default());
                    return true;
                }
                continue;
            }
            let begin = self.part.read();
            let rest = text.get(begin..).unwrap_or_default();
            if rest.is_empty() {
                return false;
            }
            let some = rest.get(..self.left).unwrap_or(rest);
            let len = some.iter().take_while(|byte| known(byte)).count();
            self.left = self.left.saturating_sub(len);
            let mut end = begin.saturating_add(len);
            match rest.get(len) {
                Some(b'\r' | b'\n') => {
                    self.left = reach;
                    end = end.saturating_add(1);
                }
                Some(byte) if !known(byte) => self.left = 0,
                _ => {}
            }
            self.part.extend(text.get(..end).unwrap_or_default());
            self.next = end;
            if self.part.bytes().len() > self.stepped {
                return true;
            }
        }
    }
}
