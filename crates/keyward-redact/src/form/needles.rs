//! What is looked for, gathered: each needle once, none too short, none that a mask could complete.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use keyward_base::SecretBytes;

use super::Form;
use crate::masker::MASK_CHAR;

/// What a value below 8 bytes, which is masked since it was asked for, determines of an encoded
/// text may be a single character. Fewer than a group of base64 are not looked for.
const LEAST_WRAPPED: usize = 4;

/// The needles of one secret.
pub(crate) struct Needles {
    forms: Vec<Form>,
    /// Places in `forms`, by hash.
    known: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    least: usize,
    cut: bool,
}

impl Needles {
    /// None yet, and none shorter than `least` bytes ever.
    pub(crate) fn new(least: usize) -> Self {
        Self {
            forms: Vec::new(),
            known: HashMap::new(),
            hasher: RandomState::new(),
            least,
            cut: false,
        }
    }

    /// None that comes from now on is shorter than this.
    pub(crate) const fn at_least(&mut self, least: usize) {
        self.least = least;
    }

    /// Adds one that stands in the text as it is.
    pub(crate) fn add(&mut self, bytes: SecretBytes) {
        self.add_cut(bytes, false);
    }

    /// Adds one with line endings anywhere between its bytes.
    pub(crate) fn add_wrapped(&mut self, bytes: SecretBytes) {
        if bytes.len() >= LEAST_WRAPPED {
            self.add_cut(bytes, true);
        }
    }

    /// Whether one had to be cut, since it holds the character of masks.
    pub(crate) const fn cut(&self) -> bool {
        self.cut
    }

    /// The needles, in the order in which they came.
    pub(crate) fn into_forms(self) -> Vec<Form> {
        self.forms
    }

    /// A mask must not complete a needle: none may hold the character it begins and ends with, end
    /// with the first bytes of it or begin with the last.
    fn add_cut(&mut self, bytes: SecretBytes, wrapped: bool) {
        let mut buffer = [0; 4];
        let mark: &[u8] = MASK_CHAR.encode_utf8(&mut buffer).as_bytes();
        let mut rest = bytes.expose();
        let mut whole = true;
        for len in 1..mark.len() {
            let tail = mark.get(len..).unwrap_or_default();
            if let Some(stripped) = rest.strip_prefix(tail) {
                (rest, whole) = (stripped, false);
                break;
            }
        }
        for len in (1..mark.len()).rev() {
            let head = mark.get(..len).unwrap_or_default();
            if let Some(stripped) = rest.strip_suffix(head) {
                (rest, whole) = (stripped, false);
                break;
            }
        }
        let mut pieces = memchr::memmem::find_iter(rest, mark).peekable();
        if whole && pieces.peek().is_none() {
            drop(pieces);
            self.insert(bytes, wrapped);
            return;
        }
        // Of one that begins or ends as a mark does, all but a byte or two is masked.
        self.cut |= pieces.peek().is_some();
        let mut start = 0_usize;
        for at in pieces.chain([rest.len()]) {
            let piece = rest.get(start..at).unwrap_or_default();
            self.insert_cut(piece, wrapped);
            start = at.saturating_add(mark.len());
        }
    }

    /// Adds a piece of one that was cut. The piece may begin or end as it must not, in turn.
    fn insert_cut(&mut self, piece: &[u8], wrapped: bool) {
        if piece.len() >= self.least {
            self.add_cut(SecretBytes::copy_of(piece), wrapped);
        }
    }

    fn insert(&mut self, bytes: SecretBytes, wrapped: bool) {
        if bytes.len() < self.least || bytes.is_empty() {
            return;
        }
        let hash = self.hasher.hash_one(bytes.expose());
        let places = self.known.entry(hash).or_default();
        for place in places.iter() {
            let known = self.forms.get_mut(*place);
            if let Some(known) = known.filter(|form| form.bytes.expose() == bytes.expose()) {
                known.wrapped |= wrapped;
                return;
            }
        }
        places.push(self.forms.len());
        self.forms.push(Form { bytes, wrapped });
    }
}
