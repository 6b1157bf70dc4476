//! The fields of a form, whatever it was written in.

use std::fmt;

use keyward_base::encoding::from_urlencoded;
use keyward_base::{Error, Result, SecretBytes};

/// The most fields a form may have.
const MAX_FIELDS: usize = 64;

/// Names and values, each taken once. Both are wiped: what was pasted in the wrong place may be a name
/// here. `Debug` shows how many there are.
#[derive(Default)]
pub struct Fields(Vec<(SecretBytes, SecretBytes)>);

impl Fields {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a whole body of `application/x-www-form-urlencoded`, as the WHATWG URL standard writes it.
    /// None for a `%` that is not followed by two hexadecimal digits, which is not passed through, and
    /// as [`Fields::add`].
    #[must_use]
    pub fn urlencoded(body: &[u8]) -> Option<Self> {
        let mut fields = Self::new();
        for piece in body.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
            let mut halves = piece.splitn(2, |b| *b == b'=');
            let name = from_urlencoded(halves.next().unwrap_or_default()).ok()?;
            let value = from_urlencoded(halves.next().unwrap_or_default()).ok()?;
            fields.add(name, value)?;
        }
        Some(fields)
    }

    /// Adds a field; none if it is one beyond 64, if its name is not UTF-8, or if there is one of
    /// that name: two readers could take different ones.
    #[must_use]
    pub fn add(&mut self, name: SecretBytes, value: SecretBytes) -> Option<()> {
        std::str::from_utf8(name.expose()).ok()?;
        if self.0.len() == MAX_FIELDS || self.at(name.expose()).is_some() {
            return None;
        }
        self.0.push((name, value));
        Some(())
    }

    /// Takes a field out.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Option<SecretBytes> {
        let at = self.at(name.as_bytes())?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes one out that is not secret, without the white space around it; empty if it is not there.
    ///
    /// # Errors
    /// `Misuse` if it is not UTF-8.
    pub fn text(&mut self, name: &str) -> Result<String> {
        let Some(field) = self.take(name) else {
            return Ok(String::new());
        };
        std::str::from_utf8(field.expose())
            .map(|text| text.trim().to_owned())
            .map_err(|_| Error::misuse("a field of the form is not UTF-8 text"))
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.at(name.as_bytes()).is_some()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn at(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|(known, _)| known.expose() == name)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({})", self.0.len())
    }
}
