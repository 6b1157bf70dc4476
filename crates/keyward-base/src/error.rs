//! Failures, grouped by who is at fault. The same four kinds in every crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// An optimistic write lost: the record is not at the expected revision.
    Conflict,
    /// The record that holds the tenant's keys is not what was written; the value itself may be
    /// sound.
    DamagedKeys,
    /// The commitment is right and a chunk is not: the stored bytes were damaged.
    Damaged,
    /// The key was destroyed. Its tombstone stays.
    DestroyedKey,
    /// The key is disabled, which can be undone.
    DisabledKey,
    /// The expiry has passed.
    Expired,
    /// The bytes do not have the stated form.
    Malformed,
    /// The commitment is wrong: another context, another key, or an altered header.
    NotAuthentic,
    /// There is no such record.
    NotFound,
    /// The key is not yet promoted, so nothing genuine can have been sealed with it.
    PendingKey,
    /// The caller's role is not the one the value was sealed for.
    RoleMismatch,
    /// Longer than the stated limit.
    TooLong,
    /// No key of that id is known, after one refresh.
    UnknownKey,
    /// The request comes from another origin.
    CrossOrigin,
    /// The request names a host that this service does not answer for.
    ForeignHost,
}

impl Reason {
    /// A stable word for logs and metrics: lower case, words joined by `-`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::CrossOrigin => "cross-origin",
            Self::Damaged => "damaged",
            Self::DamagedKeys => "damaged-keys",
            Self::DestroyedKey => "destroyed-key",
            Self::DisabledKey => "disabled-key",
            Self::Expired => "expired",
            Self::ForeignHost => "foreign-host",
            Self::Malformed => "malformed",
            Self::NotAuthentic => "not-authentic-for-this-context",
            Self::NotFound => "not-found",
            Self::PendingKey => "pending-key",
            Self::RoleMismatch => "role-mismatch",
            Self::TooLong => "too-long",
            Self::UnknownKey => "unknown-key",
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
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    fn of(kind: ErrorKind, reason: Option<Reason>, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner {
            kind,
            reason,
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

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(reason) = self.0.reason {
            out.field("reason", &reason);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
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
