//! The masked form of a secret that may be shown: `ghp_••••1234`.
//!
//! At most 4 characters of the secret itself, and only where at least 16 stay hidden: 4 of a
//! 40-character token are 24 bits it can spare, 4 of a 6-character one are the secret.

use std::fmt;

use crate::error::{Error, Reason, Result};

/// The most bytes a hint takes.
pub const MAX_HINT_LEN: usize = 32;

const MASK: &[u8] = b"****";
const SHOWN: usize = 4;
const LEAST_HIDDEN: usize = 16;

/// Prefixes that providers publish, so they are no part of the secret. Longest match wins.
/// Sources: the providers' own pages on token formats and secret scanning.
const PUBLIC_PREFIXES: [&str; 36] = [
    "EAA",
    "SG.",
    "dop_v1_",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "kwk_",
    "npm_",
    "pk_live_",
    "pk_test_",
    "pypi-",
    "re_",
    "rk_live_",
    "rk_test_",
    "rzp_live_",
    "rzp_test_",
    "shpat_",
    "shpss_",
    "sk-",
    "sk-ant-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "sq0atp-",
    "whsec_",
    "xapp-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
];

/// A masked form: at most 32 bytes of letters, digits, `_`, `-`, `.` and `*`. `Display` shows
/// each `*` as `•`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hint {
    bytes: [u8; MAX_HINT_LEN], // Inline: reading a sealed value allocates nothing for it.
    len: u8,
}

impl Hint {
    /// Nothing is shown.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            bytes: [0; MAX_HINT_LEN],
            len: 0,
        }
    }

    /// Appends `more` if there is room; for the longest hint there is.
    fn push(&mut self, more: &[u8]) {
        let end = usize::from(self.len).saturating_add(more.len());
        if let Some(room) = self.bytes.get_mut(usize::from(self.len)..end) {
            room.copy_from_slice(more);
            self.len = u8::try_from(end).unwrap_or_default();
        }
    }

    /// The masked form of a secret: a published prefix, four stars, and the last four characters
    /// if at least sixteen others stay hidden. Of anything but one line of visible ASCII, such as
    /// a document, no character is shown.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let mut hint = Self::none();
        if !secret.iter().all(u8::is_ascii_graphic) {
            hint.push(MASK);
            return hint;
        }
        let prefix = PUBLIC_PREFIXES
            .iter()
            .filter(|p| secret.starts_with(p.as_bytes()))
            .max_by_key(|p| p.len())
            .copied()
            .unwrap_or_default();
        let body = secret.get(prefix.len()..).unwrap_or_default();
        let hidden = body.len().saturating_sub(SHOWN);
        let tail = body
            .get(hidden..)
            .filter(|tail| hidden >= LEAST_HIDDEN && tail.iter().all(|b| shown(*b)))
            .unwrap_or_default();
        [prefix.as_bytes(), MASK, tail]
            .iter()
            .for_each(|part| hint.push(part));
        hint
    }

    /// Reads a stored hint.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) beyond 32 bytes or for any other character.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_HINT_LEN || !bytes.iter().all(|b| shown(*b) || *b == b'*') {
            return Err(Error::rejected(Reason::MALFORMED));
        }
        let mut hint = Self::none();
        hint.push(bytes);
        Ok(hint)
    }

    /// The stored form, with `*`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII by construction.
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

fn shown(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str()
            .chars()
            .try_for_each(|c| fmt::Write::write_char(f, if c == '*' { '•' } else { c }))
    }
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hint({self})")
    }
}
