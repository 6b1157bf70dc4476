//! Towards a model: prompts and tool results whose masks say which secret they stand for.
//!
//! A mask of a conversation is `•acme account.github_token 42 ·k3v9qd2mzx7a4tfe•`: the name of the
//! secret, and the conversation's tag. The tag is random and of this conversation alone, so that
//! text of somebody else, which the model reads and repeats, cannot hold a mask that
//! [`danger::put_back`](crate::danger::put_back) would take.

mod event;
pub mod events;
mod field;
pub(crate) mod path;
mod pieces;
pub(crate) mod tag;
mod text;

pub use events::Events;
pub use field::Field;

use std::fmt;

use keyward_base::Result;

use crate::json::found::Finder;
use crate::masker::Masker;
use crate::masker::style::Style;
use crate::redactor::Redactor;
use tag::Tag;

/// One conversation with a model.
///
/// Its tag is not a secret from the model, which needs it to name a secret in a tool call. Keep it
/// from everybody else: who knows the tag and a name can write the mask.
#[derive(Clone)]
pub struct Conversation {
    pub(crate) redactor: Redactor,
    pub(crate) tag: Tag,
}

impl Conversation {
    /// A new conversation. `random` fills 10 bytes from the operating system's randomness.
    ///
    /// # Errors
    /// What `random` returns.
    pub fn new(redactor: &Redactor, random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        Ok(Self {
            redactor: redactor.clone(),
            tag: Tag::random(random)?,
        })
    }

    /// Goes on with a conversation whose tag was kept.
    ///
    /// # Errors
    /// `Misuse` if it is not 16 characters of `a` to `z` and `2` to `7`.
    pub fn resume(redactor: &Redactor, tag: &str) -> Result<Self> {
        Ok(Self {
            redactor: redactor.clone(),
            tag: Tag::parse(tag)?,
        })
    }

    /// Its tag: 16 characters of `a` to `z` and `2` to `7`, 80 random bits.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.tag.as_str()
    }

    /// A stream whose masks carry names and the tag, without I/O.
    #[must_use]
    pub fn masker(&self) -> Masker {
        self.redactor.masker().tagged(self.tag.shared())
    }

    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder {
            redactor: &self.redactor,
            style: Style::Tagged(self.tag.shared()),
        }
    }

    /// A whole text, masked. Masks of this conversation stay as they are.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let finder = self.finder();
        let out = finder.masked(text.as_bytes(), &finder.find(text.as_bytes()));
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Masks server-sent events as they stream. The texts that come in pieces are those that
    /// `fields` name; where two name the same string, the first counts.
    #[must_use]
    pub fn events(&self, fields: impl IntoIterator<Item = Field>) -> Events {
        Events::new(self.clone(), fields.into_iter().collect())
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({:?})", self.redactor)
    }
}
