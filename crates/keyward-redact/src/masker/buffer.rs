//! The bytes of a stream that are not decided.

use keyward_base::wipe::wipe_vec;

/// Released bytes beyond which those behind are moved to the front, at the earliest.
const LEAST_GAP: usize = 4096;

/// A growing text of which the front is released bit by bit. What is released is overwritten.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    from: usize,
}

impl Buffer {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            from: 0,
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        let len = self.bytes.len().saturating_add(piece.len());
        if len > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(len.saturating_mul(2));
            larger.extend_from_slice(&self.bytes);
            wipe_vec(&mut self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// All of it, what is released included.
    pub(super) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes are not released.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.from)
    }

    /// Releases what is before `end`. Says by how many bytes, a multiple of 8, all places have
    /// moved to the front.
    pub(super) fn release(&mut self, end: usize) -> usize {
        let before = std::mem::replace(&mut self.from, end);
        if self.from < LEAST_GAP.max(self.len()) {
            let released = self.bytes.get_mut(before..end).unwrap_or_default();
            released.fill(0);
            return 0;
        }
        // What is kept is put over what is gone, and zeros over all behind it.
        let gone = self.from & !7;
        let kept = self.bytes.len().saturating_sub(gone);
        self.bytes.copy_within(gone.., 0);
        self.bytes.get_mut(kept..).unwrap_or_default().fill(0);
        self.bytes.truncate(kept);
        self.from = self.from.saturating_sub(gone);
        let released = self.bytes.get_mut(..self.from).unwrap_or_default();
        released.fill(0);
        gone
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        wipe_vec(&mut self.bytes);
    }
}
