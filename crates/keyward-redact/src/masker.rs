//! One stream, without I/O.

mod buffer;
pub(crate) mod style;

use std::fmt;
use std::sync::Arc;

use crate::engine::Scan;
use crate::redactor::Redactor;

use buffer::Buffer;
use style::Style;

/// What a mask begins and ends with, and what a blank mask is made of.
pub const MASK_CHAR: char = '•';

/// What stands for a secret, unless names are asked for.
pub const BLANK: &str = "•••";

/// The most bytes that a writer takes at once.
pub const SLICE_LEN: usize = 64 * 1024;

/// The most bytes that are looked through at once: so few stay in the processor's caches, and other
/// streams and registrations get their turn between.
const TURN_LEN: usize = 16 * 1024;

/// Masks one stream: bytes in, bytes out, in pieces of any length.
///
/// What may be the beginning of a secret is held back until it is decided, at most
/// [`Redactor::most_held`] bytes. Overlapping and nested secrets become one mask, touching ones two.
/// What comes out does not depend on where pieces end, or where it is flushed.
///
/// The secrets are those the redactor knows at the time. A new one is looked for in what is still
/// held back too; a mask that has begun stays one if its secret is forgotten.
///
/// A masker that is dropped loses what it holds back: call [`Masker::finish`].
pub struct Masker {
    redactor: Redactor,
    held: Buffer,
    scan: Scan,
    /// Up to where the text is written or lies under a mask that is.
    written: usize,
    style: Style,
}

/// Bytes at the end of a piece that are looked through for what has to be held back, without being
/// asked to: a few microseconds.
const CHEAP_LEN: usize = 4 * 1024;

/// How much is to be released.
#[derive(Clone, Copy)]
enum Release {
    /// What it costs nothing to know.
    Least,
    /// What it costs little to know.
    Some,
    /// All that cannot be the beginning of a secret.
    Most,
    All,
}

impl Masker {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            held: Buffer::new(),
            scan: Scan::new(),
            written: 0,
            style: Style::Blank,
        }
    }

    /// Masks of this stream carry the name of their secret: `•acme account.github_token 42•`.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.name_masks();
        self
    }

    pub(crate) fn name_masks(&mut self) {
        self.style = Style::Named;
    }

    /// Masks carry the name of their secret and ` ·` before this tag, of visible ASCII.
    pub(crate) fn tagged(mut self, tag: Arc<str>) -> Self {
        self.style = Style::Tagged(tag);
        self
    }

    /// Takes `piece`, and appends to `out` what is decided. If the piece and the longest form have
    /// more than 4 KiB, up to [`Redactor::most_held`] bytes that are decided may be held back too:
    /// flush to have them.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut slices = piece.chunks(TURN_LEN).peekable();
        while let Some(slice) = slices.next() {
            self.held.push(slice);
            // What is held back while more is there need not be little.
            let is_last = slices.peek().is_none();
            let release = if is_last {
                Release::Some
            } else {
                Release::Least
            };
            self.release(release, slice.len(), out);
        }
    }

    /// Appends to `out` all that cannot be the beginning of a secret. Of a text that ends like such
    /// a beginning but for its last bytes, up to 7, the whole of it is held back too; it comes with
    /// the next 8 bytes at the latest. It costs in proportion to what came since the last time.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.release(Release::Most, 0, out);
    }

    /// Appends to `out` all that is left: the stream is over. What follows is another one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(Release::All, 0, out);
        self.held = Buffer::new();
        self.scan = Scan::new();
        self.written = 0;
    }

    /// How many bytes it holds back now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn release(&mut self, release: Release, new: usize, out: &mut Vec<u8>) {
        let registry = self.redactor.settled();
        let text = self.held.all();
        self.scan.find(&registry.engine, text);
        let end = match release {
            Release::Least => self.scan.least_held(&registry.engine, text.len()),
            Release::Some if new.min(registry.engine.most_held()) > CHEAP_LEN => {
                self.scan.least_held(&registry.engine, text.len())
            }
            Release::Some | Release::Most => self.scan.held(&registry.engine, text),
            Release::All => text.len(),
        };
        for hit in self.scan.hits().iter().take_while(|hit| hit.start < end) {
            if hit.start >= self.written {
                out.extend_from_slice(text.get(self.written..hit.start).unwrap_or_default());
                let mask = self.style.mask(registry.name(hit.secret));
                out.extend_from_slice(mask.as_bytes());
            }
            self.written = self.written.max(hit.end);
        }
        let merger = registry.engine.merger();
        drop(registry);
        if let Some(merger) = merger {
            self.redactor.build(merger);
        }
        if let Some(plain) = text.get(self.written..end) {
            out.extend_from_slice(plain);
            self.written = end;
        }
        self.scan.release(end);
        let gone = self.held.release(end);
        if gone > 0 {
            self.scan.shift(gone);
            self.written = self.written.saturating_sub(gone);
        }
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} bytes held back)", self.held.len())
    }
}
