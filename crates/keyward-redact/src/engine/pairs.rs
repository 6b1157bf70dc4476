//! Which two bytes follow each other in what is looked for by its grams: most of a text is told
//! from all needles by them, in a table that fits into the nearest cache, where the filter of many
//! grams ([`super::grams`]) does not.

/// A byte for every two: all bits of it set where they follow each other. None is ever taken out.
pub(super) struct Pairs(Box<[u8; 1 << 16]>);

impl Pairs {
    pub(super) fn new() -> Self {
        Self(Box::new([0; 1 << 16]))
    }

    /// Adds what follows each other in `bytes`.
    pub(super) fn add(&mut self, bytes: impl Iterator<Item = u8>) {
        let mut before = None;
        for byte in bytes {
            if let Some(before) = before.replace(byte)
                && let Some(known) = self.0.get_mut(place([before, byte]))
            {
                *known = u8::MAX;
            }
        }
    }

    /// Whether a gram of these bytes may have been added: of each of its four halves of a word.
    #[inline]
    pub(super) fn may_have(&self, gram: [u8; 8]) -> bool {
        let [a, b, c, d, e, f, g, h] = gram;
        let known = |pair| self.0.get(place(pair)).copied().unwrap_or(0);
        known([a, b]) & known([c, d]) & known([e, f]) & known([g, h]) != 0
    }
}

#[inline]
fn place(pair: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(pair))
}
