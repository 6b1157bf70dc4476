//! Failures, grouped by who is at fault. The same four kinds in every crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::timestamp::Timestamp;

/// `std::result::Result` with [`enum@ErrorKind`]'s carrier, [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is: the sender's, the program's, the environment's or the data's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Stored bytes are not what was written. Retrying does not help.
    Corrupt,
    /// The caller's fault: the message says what to do.
    Misuse,
    /// The sender's fault. Outward it is one constant word; [`Error::reason`] is for the audit.
    Rejected,
    /// A store, a key root or the clock cannot be relied on. Refused; may be retried.
    Unavailable,
}

/// Why something was [`ErrorKind::Rejected`] or found [`ErrorKind::Corrupt`]: for the audit, never
/// for the sender.
///
/// A stable word, lower case with `-` between its parts. Each crate defines the words it gives as
/// constants of this type; those here belong to all. They compare by the word, and stand in a
/// `match`:
///
/// ```
/// use keyward_base::Reason;
///
/// const LATE: Reason = Reason::new("late");
///
/// assert_eq!(LATE.as_str(), "late");
/// assert!(match LATE {
///     Reason::EXPIRED => false,
///     LATE => true,
///     _ => false,
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(&'static str);

impl Reason {
    /// An optimistic write lost: the record is not at the expected revision.
    pub const CONFLICT: Self = Self("conflict");
    /// The commitment is right and a chunk is not: the stored bytes were damaged.
    pub const DAMAGED: Self = Self("damaged");
    /// The expiry has passed.
    pub const EXPIRED: Self = Self("expired");
    /// The bytes do not have the stated form.
    pub const MALFORMED: Self = Self("malformed");
    /// The commitment is wrong: another context, another key, or an altered header.
    pub const NOT_AUTHENTIC: Self = Self("not-authentic-for-this-context");
    /// There is no such record.
    pub const NOT_FOUND: Self = Self("not-found");
    /// Longer than the stated limit.
    pub const TOO_LONG: Self = Self("too-long");

    /// A reason of the crate that defines it. The word is part of what the crate promises: logs,
    /// metrics and audit trails are searched for it.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({})", self.0)
    }
}

/// When it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // A moment is known, or a span is.
pub enum Retry {
    /// After this long.
    After(Duration),
    /// From this moment on.
    At(Timestamp),
}

impl Retry {
    /// How long from `now`; zero if the moment is past.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::After(span) => span,
            Self::At(moment) => moment.saturating_since(now),
        }
    }
}

/// An error of one of four kinds.
///
/// `Display` is safe to send outward: for [`ErrorKind::Rejected`] it is the constant `rejected`.
/// No secret is ever put into an error.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    reason: Option<Reason>,
    retry: Option<Retry>,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    fn of(kind: ErrorKind, reason: Option<Reason>, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner {
            kind,
            reason,
            retry: None,
            message,
            source: None,
        }))
    }

    /// The sender's fault. Outward: `rejected`.
    #[must_use]
    pub fn rejected(reason: Reason) -> Self {
        Self::of(ErrorKind::Rejected, Some(reason), Cow::Borrowed("rejected"))
    }

    /// The caller's fault. `message` says what is wrong and what to do, and holds no secret.
    #[must_use]
    pub fn misuse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ErrorKind::Misuse, None, message.into())
    }

    /// Something needed cannot be relied on now. `message` names it and what mends it.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ErrorKind::Unavailable, None, message.into())
    }

    /// Stored bytes are not what was written. `message` names the record's kind, not its content.
    #[must_use]
    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ErrorKind::Corrupt, None, message.into())
    }

    /// Adds the reason for the audit.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Adds when it is worth trying again. It may be told outward.
    #[must_use]
    pub fn retry(mut self, when: Retry) -> Self {
        self.0.retry = Some(when);
        self
    }

    /// When it is worth trying again, if that is known.
    #[must_use]
    pub fn retry_when(&self) -> Option<Retry> {
        self.0.retry
    }

    /// Adds the underlying error, which must hold no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Who is at fault.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The reason, for the audit only.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// One line for a person, with all that is known: the kind, the message, the reason and what is
/// underneath. It is what `fn main() -> Result<()>` prints; what a terminal would obey, or what ends
/// a line, is written as an escape, such as `\u{1b}`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told(&mut OneLine(f))
    }
}

/// Writes what has no shape of its own as an escape.
struct OneLine<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\'' | '"' | '\\' => self.0.write_char(c)?,
                _ => write!(self.0, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}

impl Error {
    fn told(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        if let Some(reason) = self.0.reason {
            write!(f, " ({reason})")?;
        }
        match self.0.retry {
            Some(Retry::After(span)) => write!(f, "; try again in {span:?}")?,
            Some(Retry::At(moment)) => write!(f, "; try again at {moment:?}")?,
            None => {}
        }
        let mut source = StdError::source(self);
        while let Some(inner) = source {
            // One of ours says all that is underneath it.
            if let Some(ours) = inner.downcast_ref::<Self>() {
                f.write_str("; because ")?;
                return ours.told(f);
            }
            write!(f, "; because {inner}")?;
            source = inner.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| {
            let e: &(dyn StdError + 'static) = e;
            e
        })
    }
}
