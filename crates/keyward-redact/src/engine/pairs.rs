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

    /// Whether the front half and the back half of a gram may have been added.
    #[inline]
    pub(super) fn halves(&self, gram: [u8; 8]) -> (bool, bool) {
        let [a, b, c, d, e, f, g, h] = gram;
        let front = self.known([a, b]) & self.known([c, d]);
        let back = self.known([e, f]) & self.known([g, h]);
        (front != 0, back != 0)
    }

    /// The same, by the pairs that the halves do not show.
    #[inline]
    pub(super) fn between(&self, gram: [u8; 8]) -> bool {
        let [_, a, b, c, d, e, f, _] = gram;
        self.known([a, b]) & self.known([c, d]) & self.known([e, f]) != 0
    }

    /// Whether a gram of these bytes may have been added.
    #[inline]
    pub(super) fn may_have(&self, gram: [u8; 8]) -> bool {
        let (front, back) = self.halves(gram);
        front && back && self.between(gram)
    }

    #[inline]
    fn known(&self, pair: [u8; 2]) -> u8 {
        self.0.get(place(pair)).copied().unwrap_or(0)
    }
}

#[inline]
fn place(pair: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(pair))
}
