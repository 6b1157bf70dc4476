//! What an automaton finds, merged while it is stepped.

use crate::engine::ranges::{Hit, push_by_end};

/// What one automaton finds, in the order of ends and merged.
pub(super) struct Found<'a, L> {
    pub(super) hits: Vec<Hit>,
    locate: &'a L,
    /// Where the needle begins that was added last, or that it was merged with, and where all that
    /// was merged ends; by stepped bytes, and both later by the same. None if that is not known.
    pub(super) last: Option<(usize, usize)>,
    /// A needle that ends there, and of which the last hit has to know nothing else.
    further: Option<(u32, usize)>,
}

impl<'a, L: Fn(u32, usize) -> Option<Hit>> Found<'a, L> {
    pub(super) const fn new(locate: &'a L) -> Self {
        Self {
            hits: Vec::new(),
            locate,
            last: None,
            further: None,
        }
    }

    /// Whether the needle, at `start..end`, only makes the last hit longer: it begins within, and
    /// not with it.
    #[inline]
    pub(super) fn extends(
        &mut self,
        needle: u32,
        start: usize,
        end: usize,
        stepped: usize,
    ) -> bool {
        match &mut self.last {
            Some((first, last)) if *first < start && start < *last => {
                *last = end;
                self.further = Some((needle, stepped));
                true
            }
            _ => false,
        }
    }

    /// The same of the last of several needles that each make the last hit longer.
    #[inline]
    pub(super) fn goes_on(&mut self, needle: u32, end: usize, stepped: usize) {
        if let Some((_, last)) = &mut self.last {
            *last = end;
            self.further = Some((needle, stepped));
        }
    }

    pub(super) fn add(&mut self, needle: u32, stepped: usize) {
        if let Some(hit) = (self.locate)(needle, stepped) {
            push_by_end(&mut self.hits, hit);
        }
    }

    /// Adds what was left out so far.
    pub(super) fn close(&mut self) {
        if let Some((needle, stepped)) = self.further.take()
            && let Some(hit) = (self.locate)(needle, stepped)
            && let Some(last) = self.hits.last_mut()
        {
            last.end = last.end.max(hit.end);
        }
    }
}
