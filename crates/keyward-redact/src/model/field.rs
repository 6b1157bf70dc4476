//! Which text of events comes in pieces.

use keyward_base::{Error, Result};

use crate::model::path::Path;

/// A text that comes in pieces, one in each event: where it stands, what tells several such texts
/// apart, and which event ends one.
///
/// Places are keys and indexes with `/` between; `*` is any index, `~1` is a `/` and `~0` a `~` in a
/// key; the empty place is the data of the event as a whole, which may then be text or one JSON
/// string. At most 1,024 bytes and 16 steps.
///
/// ```
/// use keyward_redact::model::Field;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // {"choices":[{"index":0,"delta":{"content":"…"},"finish_reason":null}]}
/// let chat = Field::new("choices/*/delta/content")?
///     .told_apart_by("choices/*/index")?
///     .ended_by_any("choices/*/finish_reason")?;
///
/// // {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"…"}}
/// let blocks = Field::new("delta/text")?
///     .told_apart_by("index")?
///     .ended_by("type", "content_block_stop")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Field {
    pub(super) text: Path,
    pub(super) id: Option<Path>,
    pub(super) ends: Vec<End>,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) path: Path,
    /// Without: anything but `null`.
    pub(super) value: Option<String>,
}

impl Field {
    /// A text that stands there.
    ///
    /// # Errors
    /// `Misuse` if the path is longer than a path may be.
    pub fn new(path: &str) -> Result<Self> {
        Ok(Self {
            text: Path::new(path)?,
            id: None,
            ends: Vec::new(),
        })
    }

    /// Two of these texts are told apart by the value that stands there, such as a number or an id,
    /// and not by the indexes of arrays. Each `*` is the index that the same `*` of the text is.
    ///
    /// # Errors
    /// `Misuse` if the path is longer than a path may be, or has more `*` than that of the text.
    pub fn told_apart_by(mut self, path: &str) -> Result<Self> {
        self.id = Some(self.beside(path)?);
        Ok(self)
    }

    /// An event in which this value stands there, a string or whatever is written so, is the last
    /// of the text, or comes after it.
    ///
    /// # Errors
    /// `Misuse` if the path is longer than a path may be, or has more `*` than that of the text.
    pub fn ended_by(mut self, path: &str, value: &str) -> Result<Self> {
        let path = self.beside(path)?;
        let value = Some(value.to_owned());
        self.ends.push(End { path, value });
        Ok(self)
    }

    /// An event in which anything but `null` stands there is the last of the text, or comes after
    /// it.
    ///
    /// # Errors
    /// `Misuse` if the path is longer than a path may be, or has more `*` than that of the text.
    pub fn ended_by_any(mut self, path: &str) -> Result<Self> {
        let path = self.beside(path)?;
        self.ends.push(End { path, value: None });
        Ok(self)
    }

    fn beside(&self, path: &str) -> Result<Path> {
        let path = Path::new(path)?;
        if path.wildcards() > self.text.wildcards() {
            return Err(Error::misuse(
                "this path has more `*` than that of the text: each stands for an index of the text",
            ));
        }
        Ok(path)
    }
}
