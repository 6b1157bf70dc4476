//! A sealed value as an application keeps it: text that shows as its hint.

use std::fmt;
use std::str::FromStr;

use keyward_base::{Error, Hint, KeyId, Result, Timestamp};
use keyward_crypto::sealed::{Header, Parsed};

/// A sealed value as text: `kw1.` and base64url. Shown, it is its hint; [`Sealed::as_str`] is what
/// goes into the column.
///
/// One that was sealed a moment ago is to be stored soon ([`Sealed::use_by`]); one that was read
/// from a column is as old as it is. Two of the same text are equal.
#[derive(Clone)]
pub struct Sealed {
    text: String,
    use_by: Option<Timestamp>,
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Sealed {}

impl Sealed {
    pub(crate) const fn new(text: String, use_by: Option<Timestamp>) -> Self {
        Self { text, use_by }
    }

    /// The text to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Until when a value that [`crate::Column::seal`] gave may be stored: the time of sealing and
    /// [`Policy::seal_use`](keyward_keys::Policy::seal_use), 60 seconds. None for a value that was
    /// read from its text, or sealed detached.
    ///
    /// A table of the application has no barrier of ours, so that a value in hand could be written
    /// long after its key was disabled. A key is therefore destroyed only when whatever was sealed
    /// before it was disabled is stored, or too old to be.
    #[must_use]
    pub const fn use_by(&self) -> Option<Timestamp> {
        self.use_by
    }

    /// Whether it may still be stored: to be asked in the transaction that stores it, as late as
    /// can be.
    ///
    /// # Errors
    /// `Unavailable` from [`Sealed::use_by`] on: seal it anew.
    pub fn check_use(&self, now: Timestamp) -> Result<()> {
        match self.use_by {
            Some(until) if now >= until => Err(Error::unavailable(
                "the value was sealed too long ago to be stored: seal it anew",
            )),
            _ => Ok(()),
        }
    }

    /// The key it says it is sealed with.
    ///
    /// # Errors
    /// As its parsing; a value that was parsed does not fail.
    pub fn key(&self) -> Result<KeyId> {
        Header::peek(&self.text).map(|header| header.key)
    }

    fn hint(&self) -> Hint {
        Header::peek(&self.text).map_or_else(|_| Hint::none(), |header| header.hint)
    }
}

impl FromStr for Sealed {
    type Err = Error;

    /// Reads what [`Sealed::as_str`] gave. Nothing in it is verified.
    fn from_str(text: &str) -> Result<Self> {
        Parsed::parse(text)?;
        Ok(Self::new(text.to_owned(), None))
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hint().fmt(f)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.hint())
    }
}
