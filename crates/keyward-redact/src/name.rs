//! What a secret is called where one may be shown.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Error, OpenedSecret, Result};

/// The longest name, in bytes.
pub const MAX_NAME_LEN: usize = 400;

/// What a secret is called: 1 to 400 bytes of visible ASCII and single spaces between.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `name`.
    ///
    /// # Errors
    /// `Misuse` if it is empty, too long, or has another character.
    pub fn new(name: &str) -> Result<Self> {
        let shown = |b: &u8| b.is_ascii_graphic() || *b == b' ';
        let length = !name.is_empty() && name.len() <= MAX_NAME_LEN;
        if length && name.trim() == name && name.as_bytes().iter().all(shown) {
            return Ok(Self(name.into()));
        }
        Err(Error::misuse(
            "the name of a secret is 1 to 400 bytes of visible ASCII, with spaces only inside",
        ))
    }

    /// The name of what a vault opens: tenant, place, record and, of a part, its name.
    pub(crate) fn of(secret: &OpenedSecret<'_>) -> Self {
        let OpenedSecret {
            tenant,
            place,
            record,
            part,
            ..
        } = secret;
        let mut name = format!("{tenant} {place} {record}");
        // Whoever tells of it may have taken the part's name from the credential.
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            name.push(' ');
            name.extend(part.chars().map(visible));
        }
        name.truncate(MAX_NAME_LEN); // Of ASCII alone.
        name.truncate(name.trim_end().len());
        Self(name.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}
