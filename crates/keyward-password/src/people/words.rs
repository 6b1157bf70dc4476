//! What is known of the service and of the person.

use std::fmt;

use keyward_base::SecretBytes;

/// Characters of a password that must be left when the known words are taken out: what NIST asks of a
/// password beside a second factor. NIST's comparison is of the whole password, so that a sentence
/// which happens to hold a name is fine.
const REST: usize = 8;

/// A shorter word is part of too many others.
const SHORTEST: usize = 3;

/// So many words are looked at, so long each: what a form sends is no denial of service.
const MOST: usize = 32;
const LONGEST: usize = 256;

/// What is known of the service and of the person: the first thing a guesser tries. Case makes no
/// difference.
#[derive(Clone, Default)]
pub struct Words(Vec<String>);

impl Words {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the service, and its parts.
    #[must_use]
    pub fn service(self, name: &str) -> Self {
        self.with_parts(name)
    }

    /// An e-mail address, what is before its `@`, and the parts of both.
    #[must_use]
    pub fn email(self, address: &str) -> Self {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        self.with_parts(address).with(local)
    }

    /// What the person is called, and the parts of it.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.with_parts(name)
    }

    fn with_parts(self, text: &str) -> Self {
        let cut: String = text.chars().take(LONGEST).collect();
        let parts = cut.split(|c: char| !c.is_alphanumeric());
        let close: String = cut.chars().filter(|c| c.is_alphanumeric()).collect();
        parts.fold(self.with(&cut).with(&close), Self::with)
    }

    fn with(mut self, word: &str) -> Self {
        let folded: String = word.chars().take(LONGEST).flat_map(fold).collect();
        let is_new = !self.0.contains(&folded);
        if is_new && folded.chars().count() >= SHORTEST && self.0.len() < MOST {
            self.0.push(folded);
        }
        self
    }

    /// Whether the password is little more than these words.
    pub(super) fn are_all_of(&self, password: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        // At its full length from the start: upper and lower case are at most three characters each.
        let room = password.len().saturating_mul(9);
        let mut folded = SecretBytes::new(Vec::with_capacity(room));
        let mut utf8 = [0; 4];
        for c in password.chars().flat_map(fold) {
            folded.push(c.encode_utf8(&mut utf8).as_bytes());
        }
        let mut words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        // The longest first: it takes its parts with it.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in words {
            take_out(folded.expose_mut(), word.as_bytes());
        }
        let rest = folded.expose().iter().filter(|byte| **byte != TAKEN);
        // First bytes of characters: what continues one is 0b10xxxxxx.
        let rest = rest.filter(|byte| **byte & 0b1100_0000 != 0b1000_0000);
        rest.count() < REST
    }

    #[cfg(feature = "strength")]
    pub(super) fn all(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// A byte that is nowhere in UTF-8.
const TAKEN: u8 = 0xff;

fn take_out(text: &mut [u8], word: &[u8]) {
    let mut from = 0;
    while let Some(rest) = text.get_mut(from..)
        && let Some(at) = rest.windows(word.len()).position(|part| part == word)
    {
        let end = at.saturating_add(word.len());
        rest.get_mut(at..end).unwrap_or_default().fill(TAKEN);
        from = from.saturating_add(end);
    }
}

/// Case folded, near enough: ß and SS are one.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({})", self.0.len())
    }
}
