//! What a session is good for, as a value and as a type.

use std::fmt;

/// What a session is good for. It is under the row's MAC: no session becomes one of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Of one of an application's administrators. Ends a fixed time after the log-in, used or not.
    Admin,
    /// Of somebody who showed one factor and owes the second. Good for showing it, and nothing else.
    Pending,
    /// Of an administrator who acts for a user.
    Staff,
    /// Of a user.
    User,
}

impl Kind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = 4;

    /// All of them, by the number that stands in a row less one.
    pub(crate) const ALL: [Self; Self::COUNT] =
        [Self::User, Self::Admin, Self::Pending, Self::Staff];

    /// A stable word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Pending => "pending",
            Self::Staff => "staff",
            Self::User => "user",
        }
    }

    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Admin => 2,
            Self::Pending => 3,
            Self::Staff => 4,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_byte() == byte)
    }

    /// What holds for this kind, of one of each.
    pub(crate) const fn of<T: Copy>(self, each: [T; Self::COUNT]) -> T {
        let [user, admin, pending, staff] = each;
        match self {
            Self::User => user,
            Self::Admin => admin,
            Self::Pending => pending,
            Self::Staff => staff,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

mod sealed {
    #[allow(unnameable_types)] // That it cannot be named is what seals the kinds.
    pub trait Sealed {}
}

/// A kind of session as a type, so that a page says by its argument which it takes.
pub trait SessionKind: sealed::Sealed + fmt::Debug + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

/// The kinds whose session is of the person who authenticated: they may be fresh, authenticate
/// anew, and look after the person's devices. [`Staff`] and [`Pending`] are none.
pub trait OwnKind: SessionKind {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            pub struct $name;

            impl sealed::Sealed for $name {}

            impl SessionKind for $name {
                const KIND: Kind = Kind::$name;
            }
        )*
    };
}

kinds! {
    /// [`Kind::Admin`].
    Admin
    /// [`Kind::Pending`].
    Pending
    /// [`Kind::Staff`].
    Staff
    /// [`Kind::User`].
    User
}

impl OwnKind for Admin {}
impl OwnKind for User {}
