//! Names of things: who a secret belongs to, where it lies, which key sealed it.
//!
//! Text ids are visible ASCII (`!` to `~`) of bounded length, so that no two of them look alike
//! and none needs normalising. Hash or encode anything else before it becomes an id.

use std::fmt;

use crate::encoding;
use crate::error::{Error, Result};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $least:literal ..= $most:literal, $allowed:expr, $said:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            #[doc = concat!("Checks ", $said, ", ", stringify!($least), " to ", stringify!($most), " bytes.")]
            ///
            /// # Errors
            /// `Misuse` at any other length or with any other character.
            pub fn new(text: &str) -> Result<Self> {
                let allowed: fn(u8) -> bool = $allowed;
                let fits = ($least..=$most).contains(&text.len());
                if fits && text.bytes().all(allowed) {
                    return Ok(Self(text.into()));
                }
                Err(Error::misuse(concat!(
                    $what, " must be ", stringify!($least), " to ", stringify!($most), " bytes of ", $said
                )))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    };
}

fn visible(b: u8) -> bool {
    b.is_ascii_graphic()
}

fn lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_')
}

text_id!(
    /// The customer a secret belongs to. Part of every key, every ciphertext and every store call.
    Tenant, "a tenant", 1..=128, visible, "visible ASCII"
);
text_id!(
    /// The id of a record within its place, such as a primary key.
    RecordId, "a record id", 1..=128, visible, "visible ASCII"
);
text_id!(
    /// What a key or a value is for, such as `vault`. Keys of one purpose open nothing of another.
    Purpose, "a purpose", 1..=32, lower, "lower-case letters, digits, '-', '.' and '_'"
);
text_id!(
    /// The role a credential opens for; empty means that no role is asked.
    Role, "a role", 0..=64, visible, "visible ASCII"
);
text_id!(
    /// What sort of credential it is, such as `ssh-key`.
    CredentialKind, "a kind", 1..=32, lower, "lower-case letters, digits, '-', '.' and '_'"
);

text_id!(
    /// Who acts: the id that the application gave a person or a program.
    Subject, "a subject", 1..=128, visible, "visible ASCII"
);
text_id!(
    /// The id of a request, as the application's own logs know it.
    RequestId, "a request id", 1..=128, visible, "visible ASCII"
);

impl Role {
    /// No role: the value opens for any caller of its tenant.
    #[must_use]
    pub fn none() -> Self {
        Self("".into())
    }

    /// Whether it is [`Role::none`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// The column a value lies in: `table.column`, each part of letters, digits and `_`, 1 to 63
/// bytes (the length limit of a PostgreSQL identifier).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Box<str>);

impl Place {
    /// Checks `table.column`.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn new(text: &str) -> Result<Self> {
        let part = |p: &str| {
            (1..=63).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match text.split_once('.') {
            Some((table, column)) if part(table) && part(column) => Ok(Self(text.into())),
            _ => Err(Error::misuse(
                "a place must be table.column, each 1 to 63 letters, digits or '_'",
            )),
        }
    }

    /// The text, `table.column`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({:?})", &*self.0)
    }
}

/// Which state of a record a value is. Part of the context, so that an older value does not open
/// as a newer one. Re-sealing under another key leaves it alone.
///
/// Below 2^53, so that every reader of JSON holds it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a value that never changes, or of the first state of a record whose
    /// application counts from 1.
    pub const FIRST: Self = Self(1);
    /// The greatest: 2^53 - 1.
    pub const LAST: Self = Self((1 << 53) - 1);

    /// A revision of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The revision after this one.
    ///
    /// # Errors
    /// `Misuse` after the last.
    pub fn next(self) -> Result<Self> {
        match self.0.checked_add(1).map(Self) {
            Some(next) if next <= Self::LAST => Ok(next),
            _ => Err(Error::misuse(
                "the last revision was used: delete the record, and insert it anew",
            )),
        }
    }
}

/// A key's id: 8 random bytes, never reused. Public.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id of those bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// Reads 16 lower-case hexadecimal digits, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        encoding::from_hex(text)
            .map(Self)
            .map_err(|_| Error::misuse("a key id is 16 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// How a value is sealed. A key fixes its suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// `0x01`: C2SP chunked encryption with SHA-512 and AES-256-GCM.
    Chunked1,
    /// `0x02`: the same construction with SHA-256 in place of SHA-512, which processors with SHA
    /// instructions derive in less time.
    Chunked2,
}

impl Suite {
    /// The byte that names the suite.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Chunked1 => 1,
            Self::Chunked2 => 2,
        }
    }

    /// The suite of that byte.
    ///
    /// # Errors
    /// `Unavailable` for a suite this release does not know: a newer one may.
    pub fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            1 => Ok(Self::Chunked1),
            2 => Ok(Self::Chunked2),
            _ => Err(Error::unavailable(
                "the value is sealed with a suite this release does not know: upgrade keyward",
            )),
        }
    }
}
