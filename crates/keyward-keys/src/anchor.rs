//! Anchors: what a keyring, a log or a file of trust must not fall behind.

mod file;
mod format;
mod name;

use std::fmt;

use keyward_base::Result;
use keyward_base::encoding::hex;

pub use file::FileAnchor;
pub use format::{MAX_LEN, MAX_PINS, Pins};
pub use name::PinName;

/// A state that was seen: of what, how far it was, and which of the states that far it was.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Pin {
    /// Of what: 16 random bytes. For a keyring, its id.
    pub id: [u8; 16],
    /// How far: it only grows. For a keyring, its epoch.
    pub counter: u64,
    /// Which state of that counter: 32 bytes that no other state has. For a keyring, the MAC of its
    /// record.
    pub digest: [u8; 32],
}

impl Pin {
    /// How `next` stands to this pin.
    #[must_use]
    pub fn judge(&self, next: &Self) -> Standing {
        if self.id != next.id {
            Standing::Foreign
        } else if next.counter > self.counter {
            Standing::Newer
        } else if next.counter < self.counter {
            Standing::Older
        } else if next.digest == self.digest {
            Standing::Same
        } else {
            Standing::Fork
        }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, digest) = (hex(&self.id), hex(&self.digest));
        write!(f, "Pin({id}, {}, {digest})", self.counter)
    }
}

/// How a state stands to the one that is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever asks has to decide on each.
pub enum Standing {
    /// The same id and a greater counter than the pinned one.
    Newer,
    /// The pinned state: the same id, counter and digest.
    Same,
    /// A smaller counter: an old state was put back, or somebody else was faster.
    Older,
    /// The same counter and another digest: there are two histories.
    Fork,
    /// Another id than the pinned one: another keyring, log or gate.
    Foreign,
}

/// What became of [`Anchor::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a state that the anchor refused must not be used"]
#[allow(clippy::exhaustive_enums)] // Whoever asks has to decide on each.
pub enum Advance {
    /// The state is pinned, durably.
    Pinned,
    /// Nothing was changed: this pin is held, and its counter is greater.
    Older(Pin),
    /// Nothing was changed: this pin is held, with the same counter and another digest.
    Fork(Pin),
    /// Nothing was changed: this pin is held, with another id.
    Foreign(Pin),
}

/// A place outside the key store that remembers a [`Pin`] for each name, so that an old state put
/// back is noticed after a restart too.
pub trait Anchor: fmt::Debug + Send + Sync {
    /// What is pinned under `name`.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read or was written by a newer keyward, `Corrupt` if it is
    /// not an anchor, `Misuse` if others may write it.
    fn load(&self, name: &PinName) -> Result<Option<Pin>>;

    /// Pins `next`, durably, if nothing is pinned under `name` or `next` is newer. Reading, judging
    /// and writing are one step: of two callers at once, the newer state stays.
    ///
    /// # Errors
    /// As [`Anchor::load`]; `Unavailable` if it cannot be written, or another process holds its
    /// lock for long.
    fn advance(&self, name: &PinName, next: &Pin) -> Result<Advance>;

    /// Pins `next` in the place of `held`, whatever `next` is, in one step: when an operator
    /// accepted an older or another state by name. Returns whether `held` was what is pinned;
    /// nothing is changed otherwise.
    ///
    /// # Errors
    /// As [`Anchor::advance`].
    fn replace(&self, name: &PinName, held: Option<&Pin>, next: &Pin) -> Result<bool>;

    /// Where it is, for messages.
    fn describe(&self) -> String;
}
