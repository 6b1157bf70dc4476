//! One stream, without I/O.

use std::fmt;
use std::sync::Arc;

use keyward_base::SecretBytes;

use crate::engine::Hit;
use crate::redactor::Redactor;

/// What a mask begins and ends with, and what a blank mask is made of.
pub const MASK_CHAR: char = '•';

/// What stands for a secret, unless names are asked for.
pub const BLANK: &str = "•••";

/// Masks one stream: bytes in, bytes out, in pieces of any length.
///
/// What may be the beginning of a secret is held back until it is decided. Overlapping and nested
/// secrets become one mask, touching ones two.
pub struct Masker {
    redactor: Redactor,
    held: SecretBytes,
    /// How many of the first bytes held belong to a mask that is already written.
    covered: usize,
    named: bool,
    /// What follows the name in each mask.
    tag: Option<Arc<str>>,
    hits: Vec<Hit>,
}

impl Masker {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            held: SecretBytes::new(Vec::new()),
            covered: 0,
            named: false,
            tag: None,
            hits: Vec::new(),
        }
    }

    /// Masks of this stream carry the name of their secret: `•acme account.github_token 42•`.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// Masks carry the name of their secret and ` ·` before this tag, of visible ASCII.
    pub(crate) fn tagged(mut self, tag: Arc<str>) -> Self {
        self.named = true;
        self.tag = Some(tag);
        self
    }

    /// Takes `piece`, and appends to `out` what is decided.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.held.push(piece);
        self.release(false, out);
    }

    /// Appends to `out` all that cannot be the beginning of a secret.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.release(false, out);
    }

    /// Appends to `out` all that is left: the stream is over. What follows is another one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(true, out);
    }

    /// How many bytes it holds back now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn release(&mut self, all: bool, out: &mut Vec<u8>) {
        let registry = self.redactor.read();
        let text = self.held.expose();
        self.hits.clear();
        registry.engine.find(text, &mut self.hits);
        self.hits.sort_unstable();
        let held = if all { 0 } else { registry.engine.held(text) };
        let end = text.len().saturating_sub(held);
        let mut at = self.covered;
        for hit in self.hits.iter().filter(|hit| hit.start < end) {
            if hit.start >= at {
                out.extend_from_slice(text.get(at..hit.start).unwrap_or_default());
                match registry.name(hit.secret).filter(|_| self.named) {
                    Some(name) => {
                        let mask = match &self.tag {
                            Some(tag) => format!("{MASK_CHAR}{name} ·{tag}{MASK_CHAR}"),
                            None => format!("{MASK_CHAR}{name}{MASK_CHAR}"),
                        };
                        out.extend_from_slice(mask.as_bytes());
                    }
                    None => out.extend_from_slice(BLANK.as_bytes()),
                }
            }
            at = at.max(hit.end);
        }
        if at < end {
            out.extend_from_slice(text.get(at..end).unwrap_or_default());
            at = end;
        }
        drop(registry);
        self.covered = at.saturating_sub(end);
        let kept = SecretBytes::copy_of(self.held.expose().get(end..).unwrap_or_default());
        self.held = kept;
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} bytes held back)", self.held.len())
    }
}
