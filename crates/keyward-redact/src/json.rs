//! JSON that is JSON afterwards.
//!
//! ```
//! use keyward_redact::json::ReadAs;
//! use keyward_redact::{Name, Redactor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
//! let redactor = Redactor::new(random)?;
//! redactor.add(&Name::new("PASSWORD")?, b"n0 \"quoted\" \\ one")?;
//!
//! let masked = redactor.json(br#"{"password": "n0 \"quoted\" \\ one", "tries": 3}"#);
//! assert_eq!(masked.read_as, ReadAs::Document);
//! assert_eq!(String::from_utf8(masked.bytes)?, r#"{"password": "•••", "tries": 3}"#);
//! # Ok(()) }
//! ```
//!
//! - **What is JSON** (RFC 8259): one document, or several, each of which begins on a line after the
//!   one on which the last ended. UTF-8, without a byte order mark. However deep it is nested.
//! - **Strings and keys** are matched by what they say: decoded, whatever their escapes, each as a
//!   stream of its own. All that is not secret keeps its spelling; surrogates without a partner too.
//! - **Keys** of one object that look alike once they are masked are numbered (`•••`, `•••2•`); keys
//!   that were the same before stay the same.
//! - **A number** in whose digits a secret is, as they are written, becomes a string.
//! - **White space**, `true`, `false`, `null`, and whatever else is not secret stay byte for byte.
//! - A secret that is in a string only as the string is *written*, as `C:\new` in what says `C:`, a
//!   line feed and `ew`, is masked too, in whole escapes: programs do write values between quotes
//!   without escaping them.
//! - Where a secret reaches over quotes, colons or brackets, as an object does that is a secret as a
//!   whole, the text is masked as text, and no longer JSON: [`ReadAs::Spanned`].
//! - **What is not JSON**, a document that is cut off too, is masked as text, in all the forms of
//!   `docs/formats/redact.md`, those of JSON strings among them: [`ReadAs::Text`].

pub(crate) mod found;
mod keys;
pub mod lines;
pub(crate) mod rewrite;
pub(crate) mod scan;
pub(crate) mod string;

pub use lines::JsonLines;

use std::fmt;

use crate::masker::style::Style;
use crate::model::Conversation;
use crate::redactor::Redactor;
use found::Finder;
use rewrite::{Rewritten, rewrite};

/// What a text was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadAs {
    /// One JSON document, and it is one still.
    Document,
    /// Several JSON documents, each on lines of its own, and they are still.
    Documents,
    /// JSON, but a secret reached over its structure. It was masked as text, and may be JSON no
    /// more.
    Spanned,
    /// Not JSON: text.
    Text,
}

/// A masked text, and what it was taken for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaskedJson {
    /// The text, masked.
    pub bytes: Vec<u8>,
    /// What it was taken for.
    pub read_as: ReadAs,
}

impl fmt::Debug for MaskedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MaskedJson({:?}, {} bytes)",
            self.read_as,
            self.bytes.len()
        )
    }
}

pub(crate) fn masked(text: &[u8], finder: &Finder<'_>) -> MaskedJson {
    let (bytes, read_as) = match rewrite(text, finder) {
        Rewritten::Same { documents } => (text.to_vec(), read_as(documents)),
        Rewritten::Changed { bytes, documents } => (bytes, read_as(documents)),
        Rewritten::Spanned { bytes } => (bytes, ReadAs::Spanned),
        Rewritten::NotJson => (finder.masked(text, &finder.find(text)), ReadAs::Text),
    };
    MaskedJson { bytes, read_as }
}

const fn read_as(documents: usize) -> ReadAs {
    match documents {
        1 => ReadAs::Document,
        _ => ReadAs::Documents,
    }
}

impl Redactor {
    /// A whole JSON text, masked: [`crate::json`] says how. What is not JSON is masked as text.
    #[must_use]
    pub fn json(&self, text: &[u8]) -> MaskedJson {
        let finder = Finder {
            redactor: self,
            style: Style::Blank,
        };
        masked(text, &finder)
    }
}

impl Conversation {
    /// [`Redactor::json`], with the masks of this conversation.
    #[must_use]
    pub fn json(&self, text: &[u8]) -> MaskedJson {
        masked(text, &self.finder())
    }
}
