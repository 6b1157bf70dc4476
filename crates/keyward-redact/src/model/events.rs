//! Server-sent events as they stream, masked.
//!
//! The stream is read as <https://html.spec.whatwg.org/multipage/server-sent-events.html> says:
//! lines end with CR, LF or CRLF, an empty one ends an event, lines of data are joined.
//!
//! ```
//! use keyward_redact::model::Field;
//! use keyward_redact::{Conversation, Name, Redactor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
//! let redactor = Redactor::new(random)?;
//! redactor.add(&Name::new("PASSWORD")?, b"correct-horse")?;
//! let conversation = Conversation::resume(&redactor, "abcdefghijklmnop")?;
//!
//! let mut events = conversation.events([Field::new("delta/text")?]);
//! let mut out = Vec::new();
//! events.push(b"data: {\"delta\":{\"text\":\"It is correct-\"}}\n\n", &mut out)?;
//! events.push(b"data: {\"delta\":{\"text\":\"horse.\"}}\n\n", &mut out)?;
//! events.finish(&mut out)?;
//! assert_eq!(
//!     String::from_utf8(out)?,
//!     "data: {\"delta\":{\"text\":\"It is \"}}\n\n\
//!      data: {\"delta\":{\"text\":\"•PASSWORD ·abcdefghijklmnop•.\"}}\n\n",
//! );
//! # Ok(()) }
//! ```
//!
//! - **A text in pieces**, which a [`Field`] names, is one stream across events. What may be the
//!   beginning of a secret is held back, and comes with a later piece; a piece may so become the
//!   empty string. Whole characters are given only.
//!   Every text that a reader joins must be named: of what is not, a secret is found only in one
//!   event. Where an object has a key twice, the last goes on with the text.
//! - **At its end**, which the field tells of, at `[DONE]`, or when the stream ends, what is held
//!   back is added to the piece in that event, if it has one. Otherwise an event of our own comes
//!   just before it: the last one that had a piece of this text, once more, with what was held back
//!   as this text and the empty string as all other texts in pieces. If the stream ends within an
//!   event, which readers then pass over, its pieces come in such events too.
//! - **All else** in an event is masked by itself: data that is JSON as [`crate::json`] says, other
//!   data as text, and each other line, a comment too, as text.
//! - The order of events, their other fields and their line endings stay as they are.
//! - Memory is bounded: an event longer than [`MAX_EVENT_LEN`] bytes, more than [`MAX_TEXTS`] texts
//!   at once, or more than [`MAX_HELD`] bytes held back are refused, and then so is all that follows.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Error, Reason, Result, SecretBytes};
use memchr::memchr2;

use crate::json::string::decode;
use crate::model::Conversation;
use crate::model::event::Event;
use crate::model::field::Field;
pub use crate::model::pieces::MAX_TEXTS;
use crate::model::pieces::{Piece, Pieces, TextId};
use crate::model::text::Text;

/// The longest event, in bytes: 4 MiB.
pub const MAX_EVENT_LEN: usize = 4 * 1024 * 1024;

/// The most bytes that are held back: of texts, and of the events they came in. 16 MiB.
pub const MAX_HELD: usize = 16 * 1024 * 1024;

/// More than is kept of a stream of events: one of the limits of [`crate::model::events`].
pub const TOO_MUCH: Reason = Reason::new("too-much-held-back");

/// Masks a stream of events, without I/O: bytes in, bytes out.
pub struct Events {
    conversation: Conversation,
    fields: Vec<Field>,
    /// The event that has not ended.
    event: Event,
    /// No line has ended yet.
    first: bool,
    /// The last byte was a carriage return.
    after_return: bool,
    texts: Vec<OpenText>,
    /// Why nothing more is taken.
    refused: Option<Reason>,
}

/// A text of which something is held back.
struct OpenText {
    id: TextId,
    text: Text,
    /// The last event that had a piece of it, and which.
    last: Option<(Arc<Seen>, usize)>,
}

/// An event that had pieces.
struct Seen {
    event: Event,
    data: SecretBytes,
    pieces: Vec<Piece>,
}

impl Seen {
    fn len(&self) -> usize {
        self.event.len().saturating_add(self.data.len())
    }
}

impl Events {
    pub(super) fn new(conversation: Conversation, fields: Vec<Field>) -> Self {
        Self {
            conversation,
            fields,
            event: Event::new(),
            first: true,
            after_return: false,
            texts: Vec::new(),
            refused: None,
        }
    }

    /// Takes `piece`, and appends to `out` the events that have ended.
    ///
    /// # Errors
    /// `Rejected` beyond one of the limits, now and from then on: what was held back is gone.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.go_on()?;
        let mut rest = piece;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                if self.event.has_lines() {
                    self.event.end_line_more(b"\n");
                } else {
                    out.push(b'\n'); // Its event is written.
                }
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let line = memchr2(b'\r', b'\n', rest);
            let (text, behind) = rest.split_at(line.unwrap_or(rest.len()));
            self.event.push(text);
            rest = behind;
            if let Some((ending, behind)) = behind.split_at_checked(1) {
                self.after_return = ending == b"\r";
                rest = behind;
                if self.event.end_line(ending, std::mem::take(&mut self.first)) {
                    self.end_event(false, out)?;
                }
            }
            if self.event.len() > MAX_EVENT_LEN {
                return self.refuse(Reason::TOO_LONG);
            }
        }
        Ok(())
    }

    /// Appends to `out` all that is left: the stream is over.
    ///
    /// # Errors
    /// `Rejected` if a limit was passed.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.go_on()?;
        self.event
            .end_of_stream(std::mem::replace(&mut self.first, true));
        self.after_return = false;
        self.end_event(true, out)
    }

    /// How many bytes are held back: of texts, of the events they came in, and of the event that
    /// has not ended.
    #[must_use]
    pub fn held(&self) -> usize {
        let mut held = self.event.len();
        let mut before: Option<&Arc<Seen>> = None;
        for open in &self.texts {
            held = held.saturating_add(open.text.held());
            let Some((seen, _)) = &open.last else {
                continue;
            };
            // Texts of one event lie side by side, and share it.
            if !before.is_some_and(|before| Arc::ptr_eq(before, seen)) {
                held = held.saturating_add(seen.len());
            }
            before = Some(seen);
        }
        held
    }

    fn go_on(&self) -> Result<()> {
        match self.refused {
            Some(reason) => Err(Error::rejected(reason)),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, reason: Reason) -> Result<()> {
        self.refused = Some(reason);
        self.event = Event::new();
        self.texts.clear();
        self.go_on()
    }

    /// Writes the event that has ended. `all`: every text ends with it.
    fn end_event(&mut self, all: bool, out: &mut Vec<u8>) -> Result<()> {
        let event = std::mem::replace(&mut self.event, Event::new());
        let data = event.data().unwrap_or(SecretBytes::new(Vec::new()));
        let pieces = Pieces::of(data.expose(), &self.fields);
        if pieces.too_many {
            return self.refuse(TOO_MUCH);
        }
        let mut texts = Vec::with_capacity(pieces.pieces.len());
        for piece in &pieces.pieces {
            texts.push(self.masked(piece, data.expose()));
        }
        if self.texts.len() > MAX_TEXTS {
            return self.refuse(TOO_MUCH);
        }
        self.end_texts(&pieces, all, &mut texts, out);
        let finder = self.conversation.finder();
        event.write(data.expose(), &pieces.pieces, &texts, &finder, out);
        self.texts.retain(|open| open.text.held() > 0);
        self.remember(event, data, pieces);
        if self.held() > MAX_HELD {
            return self.refuse(TOO_MUCH);
        }
        Ok(())
    }

    /// What is decided of the text with this piece.
    fn masked(&mut self, piece: &Piece, data: &[u8]) -> Vec<u8> {
        let written = data.get(piece.start..piece.end).unwrap_or_default();
        let at = self.texts.iter().position(|open| open.id == piece.text);
        let at = at.unwrap_or_else(|| {
            self.texts.push(OpenText {
                id: piece.text.clone(),
                text: Text::new(self.conversation.masker()),
                last: None,
            });
            self.texts.len().saturating_sub(1)
        });
        let Some(open) = self.texts.get_mut(at) else {
            return Vec::new();
        };
        if piece.quoted {
            open.text.push(decode(written).expose())
        } else {
            open.text.push(written)
        }
    }

    /// Ends the texts that end: what is held back goes to their piece, or into an event of our own.
    fn end_texts(&mut self, pieces: &Pieces, all: bool, texts: &mut [Vec<u8>], out: &mut Vec<u8>) {
        let finder = self.conversation.finder();
        self.texts.retain_mut(|open| {
            if !all && !pieces.ends(&open.id) {
                return true;
            }
            let rest = open.text.finish();
            let here = pieces.position(&open.id).and_then(|at| texts.get_mut(at));
            // Readers pass over an event that was cut off: nothing is moved into it.
            let rest = match (here, &open.last) {
                (Some(text), Some(_)) if all => [std::mem::take(text), rest].concat(),
                (Some(text), _) => {
                    text.extend(rest);
                    return false;
                }
                (None, _) => rest,
            };
            if let (Some((seen, at)), false) = (&open.last, rest.is_empty()) {
                let mut again = vec![Vec::new(); seen.pieces.len()];
                if let Some(text) = again.get_mut(*at) {
                    *text = rest;
                }
                let data = seen.data.expose();
                seen.event
                    .write_again(data, &seen.pieces, &again, &finder, out);
            }
            false
        });
    }

    /// Keeps the event for the texts of which something is held back since.
    fn remember(&mut self, event: Event, data: SecretBytes, pieces: Pieces) {
        let seen = Arc::new(Seen {
            event,
            data,
            pieces: pieces.pieces,
        });
        for open in &mut self.texts {
            let at = seen.pieces.iter().position(|piece| piece.text == open.id);
            if let Some(at) = at {
                open.last = Some((Arc::clone(&seen), at));
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({} bytes held back)", self.held())
    }
}
