//! What proves who somebody is.

use std::fmt;

use crate::id::{Subject, Tenant};
use crate::timestamp::Timestamp;

/// What proves that somebody is a subject of a tenant: a password that was verified, a mailed link that
/// was used. A session is started from any of them, so that the crates which verify and the one that
/// keeps sessions need not know each other.
///
/// Whoever implements it vouches for what it says. So it is implemented by types with private fields
/// that only the check makes, which cannot be cloned: evidence is moved to where it is used.
pub trait Evidence: fmt::Debug + Send {
    /// The tenant that the subject belongs to. An application with one set of users for all has a
    /// name of its own for it.
    fn tenant(&self) -> &Tenant;

    /// Who it is.
    fn subject(&self) -> &Subject;

    /// How it was shown.
    fn method(&self) -> Method;

    /// Where it was shown: what is good for one door opens no other.
    fn door(&self) -> Door;

    /// From when on nothing that happened to the account is known to it. It is not when the check
    /// ended but when what it was checked against was about to be read: a change in between makes the
    /// evidence the older one.
    fn at(&self) -> Timestamp;

    /// Whether the account asks for a second factor beside this: then it starts nothing but a session
    /// that waits for it.
    fn is_factor_due(&self) -> bool;
}

/// What proves that every session of a subject which began before [`SessionsEnded::at`] has ended, in
/// every process on its store. Who changes a password asks for it before the change is committed, so
/// that no session outlives the old one.
///
/// Whoever implements it vouches for what it says, as with [`Evidence`]: it is moved, never cloned.
pub trait SessionsEnded: fmt::Debug + Send {
    /// The tenant that the subject belongs to.
    fn tenant(&self) -> &Tenant;

    /// Whose sessions.
    fn subject(&self) -> &Subject;

    /// A moment before the ending began: what was prepared after it was not known to it.
    fn at(&self) -> Timestamp;
}

/// How somebody showed who he is: a word of the registry of RFC 8176 where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(&'static str);

impl Method {
    /// A password (RFC 8176).
    pub const PASSWORD: Self = Self("pwd");

    /// A link that was sent to a mailbox. The registry has no word for it.
    pub const LINK: Self = Self("link");

    /// Another one.
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

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.0)
    }
}

/// One of an application's ways in, such as that of its users or that of its administrators. The
/// application defines them as constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Door(&'static str);

impl Door {
    /// The way in of this name.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.0)
    }
}
