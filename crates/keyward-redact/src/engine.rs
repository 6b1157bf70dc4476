//! Finds every form of every secret in a text.

use keyward_base::{Result, SecretBytes};

use crate::form::Form;

/// Bytes of the random pad under which needles lie in memory.
const PAD_LEN: usize = 4096;

/// Which secret: its place in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SecretId(pub(crate) u32);

/// A form of a secret that was found, at `start..end` of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) secret: SecretId,
}

/// All needles.
pub(crate) struct Engine {
    _pad: SecretBytes,
    needles: Vec<(SecretId, Form)>,
}

impl Engine {
    pub(crate) fn new(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        let mut pad = SecretBytes::new(vec![0; PAD_LEN]);
        random(pad.expose_mut())?;
        Ok(Self {
            _pad: pad,
            needles: Vec::new(),
        })
    }

    pub(crate) fn insert(&mut self, secret: SecretId, forms: Vec<Form>) {
        self.needles
            .extend(forms.into_iter().map(|form| (secret, form)));
    }

    pub(crate) fn remove(&mut self, secret: SecretId) {
        self.needles.retain(|(of, _)| *of != secret);
    }

    /// How many needles there are, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, usize) {
        let bytes = self.needles.iter().map(|(_, form)| form.bytes.len());
        (self.needles.len(), bytes.sum())
    }

    /// Adds all hits in `text` to `hits`.
    pub(crate) fn find(&self, text: &[u8], hits: &mut Vec<Hit>) {
        for (secret, form) in &self.needles {
            for start in 0..text.len() {
                let rest = text.get(start..).unwrap_or_default();
                if let Reach::All(len) = reach(rest, form) {
                    let end = start.saturating_add(len);
                    hits.push(Hit {
                        start,
                        end,
                        secret: *secret,
                    });
                }
            }
        }
    }

    /// How many of the last bytes of `text` may be the beginning of a needle.
    pub(crate) fn held(&self, text: &[u8]) -> usize {
        let begins = |start: &usize| {
            let rest = text.get(*start..).unwrap_or_default();
            let mut forms = self.needles.iter().map(|(_, form)| form);
            forms.any(|form| matches!(reach(rest, form), Reach::SoFar))
        };
        let first = (0..text.len()).find(begins).unwrap_or(text.len());
        text.len().saturating_sub(first)
    }
}

enum Reach {
    /// The needle is there, in so many bytes of the text.
    All(usize),
    /// The text ends within the needle.
    SoFar,
    /// It is not there.
    Not,
}

fn reach(text: &[u8], form: &Form) -> Reach {
    let needle = form.bytes.expose();
    let mut at = 0_usize;
    for (i, byte) in needle.iter().enumerate() {
        if form.wrapped && i > 0 {
            let rest = text.get(at..).unwrap_or_default();
            let skipped = match rest {
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => 0,
            };
            at = at.saturating_add(skipped);
        }
        match text.get(at) {
            None => return Reach::SoFar,
            Some(found) if found == byte => at = at.saturating_add(1),
            Some(_) => return Reach::Not,
        }
    }
    Reach::All(at)
}
