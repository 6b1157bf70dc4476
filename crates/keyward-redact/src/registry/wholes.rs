//! Credentials of several parts, known again without taking them apart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Origin;
use super::hidden::{Hidden, Pad};

/// Those of which at least one part is known.
#[derive(Default)]
pub(super) struct Wholes(HashMap<Origin, Whole>);

#[derive(Default)]
struct Whole {
    parts: usize,
    /// Bytes of their needles.
    bytes: usize,
    /// The text, if all its parts are known.
    text: Option<Hidden>,
    opened: AtomicU64,
}

impl Wholes {
    /// A part was added. It may be of a text that was not told yet.
    pub(super) fn gained(&mut self, of: Origin, bytes: usize) {
        let whole = self.0.entry(of).or_default();
        whole.parts = whole.parts.saturating_add(1);
        whole.bytes = whole.bytes.saturating_add(bytes);
    }

    /// A part went: not all are known any more.
    pub(super) fn lost(&mut self, of: Origin, bytes: usize) {
        let Some(whole) = self.0.get_mut(&of) else {
            return;
        };
        whole.text = None;
        whole.parts = whole.parts.saturating_sub(1);
        whole.bytes = whole.bytes.saturating_sub(bytes);
        if whole.parts == 0 {
            self.0.remove(&of);
        }
    }

    /// All parts of `text` were told. It is kept if it is no longer than the needles of its parts, so
    /// that all texts take no more than all needles do: one of comments is taken apart each time.
    pub(super) fn told(&mut self, of: Origin, text: &[u8], pad: &Pad) {
        let whole = self.0.get_mut(&of);
        if let Some(whole) = whole.filter(|whole| text.len() <= whole.bytes) {
            let number = u32::try_from(text.len()).unwrap_or(u32::MAX);
            whole.text = Some(Hidden::new(text, number, pad));
        }
    }

    /// Whether all parts of `text` are known, which is opened now.
    pub(super) fn is_known(&self, of: Origin, text: &[u8], now: u64, pad: &Pad) -> bool {
        let whole = self.0.get(&of);
        let known = whole.filter(|whole| whole.text.as_ref().is_some_and(|of| of.is(text, pad)));
        if let Some(known) = known {
            known.opened.store(now, Ordering::Relaxed);
        }
        known.is_some()
    }

    /// When it was last opened and known.
    pub(super) fn opened(&self, of: Origin) -> u64 {
        let whole = self.0.get(&of);
        whole.map_or(0, |whole| whole.opened.load(Ordering::Relaxed))
    }
}
