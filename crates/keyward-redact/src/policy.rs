//! The limits, each with its reason, and what the application says of names.

mod words;

use std::collections::BTreeSet;

use self::words::COMMON;

/// Values shorter than this many bytes are not masked unless it is asked for: they would be found
/// in words that are no secret. 8 bytes of letters and digits are 47 bits, less than any provider's
/// token has.
pub const LEAST_LEN: usize = 8;

/// Values longer than this many bytes are looked for in pieces of this length, so that a stream
/// never holds back more than the longest form of a piece. Longer than any token, key or cookie; a
/// private key of RSA with 8,192 bits has 6.4 KiB.
pub const PIECE_LEN: usize = 8 * 1024;

/// Parts of values longer than this many bytes are looked for in the forms that machines write
/// alone, as pieces are: every form of text takes up to 80 times its length, these take 20.
pub const LARGE_LEN: usize = 64 * 1024;

/// The limits of a redactor, and which names the application knows better.
///
/// A name here is what [`Name`](crate::Name) says, or the name of a variable or another part of a
/// credential, `PORT` say: then it holds for this part of every credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The most bytes that needles take. Beyond it the opened secret goes that was longest not
    /// opened; what was registered by hand stays, and is refused if there is no room. Default:
    /// 64 MiB, which is about 120,000 tokens of 40 characters or 350 private keys of RSA.
    pub budget: usize,
    public: BTreeSet<String>,
    anyway: BTreeSet<String>,
    common: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            budget: 64 * 1024 * 1024,
            public: BTreeSet::new(),
            anyway: BTreeSet::new(),
            common: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// What has this name is no secret: it is not masked, and nobody is warned.
    #[must_use]
    pub fn not_secret(mut self, name: &str) -> Self {
        self.public.insert(name.to_owned());
        self
    }

    /// What has this name is masked, however short or common it is, and whatever
    /// [`Policy::not_secret`] says: wherever these bytes stand, in other words too. So is the
    /// password in it, if it is a URL or a connection string.
    #[must_use]
    pub fn mask_anyway(mut self, name: &str) -> Self {
        self.anyway.insert(name.to_owned());
        self
    }

    /// For how many names values are masked anyway.
    #[must_use]
    pub fn names_masked_anyway(&self) -> usize {
        self.anyway.len()
    }

    /// A word that is no secret wherever it is a value, in whatever case it is written, besides
    /// those that are known.
    #[must_use]
    pub fn common_word(mut self, word: &str) -> Self {
        self.common.insert(word.to_lowercase());
        self
    }

    /// What is to be done with a value of this name, or of this part of it.
    pub(crate) fn judge(&self, name: &str, part: Option<&str>, value: &[u8]) -> Verdict {
        if value.is_empty() {
            return Verdict::Public;
        }
        if self.is_anyway(name, part) {
            return Verdict::Secret;
        }
        if has(&self.public, name, part) {
            return Verdict::Public;
        }
        // Before its length: `true` is no short secret.
        if self.is_common(value) {
            return Verdict::Common;
        }
        if value.len() < LEAST_LEN {
            return Verdict::Short;
        }
        Verdict::Secret
    }

    /// Whether what has this name, or is this part of it, is masked whatever it is.
    pub(crate) fn is_anyway(&self, name: &str, part: Option<&str>) -> bool {
        has(&self.anyway, name, part)
    }

    /// Whether `value` is one of the common words.
    pub(crate) fn is_common(&self, value: &[u8]) -> bool {
        let known = COMMON.iter();
        let mut known = known.filter(|word| word.len() == value.len());
        known.any(|word| word.as_bytes().eq_ignore_ascii_case(value))
            || (!self.common.is_empty()
                && std::str::from_utf8(value)
                    .is_ok_and(|value| self.common.contains(&value.to_lowercase())))
    }
}

fn has(names: &BTreeSet<String>, name: &str, part: Option<&str>) -> bool {
    names.contains(name) || part.is_some_and(|part| names.contains(part))
}

/// What is to be done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is masked.
    Secret,
    /// The application says that it is none.
    Public,
    /// It is too short.
    Short,
    /// It is a common word.
    Common,
}
