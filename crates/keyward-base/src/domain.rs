//! What a MAC, a signature or a sealed value is bound to: a domain, and fields of the domain's own.
//!
//! ```
//! use keyward_base::{Domain, KeyId, Tenant};
//!
//! /// A link that a tenant was sent: the tenant, the link's number, and until when, in seconds.
//! const LINK: Domain<(&Tenant, u64, u64)> = Domain::new("example/v1/link");
//!
//! # fn main() -> keyward_base::Result<()> {
//! let acme = Tenant::new("acme")?;
//! let bound = LINK.encode(&(&acme, 7, 1_767_225_600))?;
//! assert_eq!(bound.as_bytes().len(), 1 + 15 + 1 + 4 + 1 + 8 + 1 + 8);
//! # Ok(()) }
//! ```
//!
//! The encoding is injective: the domain and each field are written with their length before them,
//! and the type of a domain fixes how many fields it has and of which types. So no two lists of
//! fields, of one domain or of two, have the same encoding, as long as no two domains share a name.
//! See `docs/formats/mac.md`.

use std::fmt;
use std::marker::PhantomData;

use crate::encoded::{Encoded, MAX_CONTEXT_LEN};
use crate::error::{Error, Result};
use crate::field::Field;

/// One use of a key, told from all others by its name; `F` is the tuple of its fields' types.
///
/// The name is by custom a path with a version, such as `keyward/v1/ring`, and is used for one list
/// of fields only. A field that is not in the tuple is not part of what is bound: a domain without
/// a tenant has none.
pub struct Domain<F> {
    name: &'static str,
    fields: PhantomData<F>,
}

impl<F> Domain<F> {
    /// The domain of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            fields: PhantomData,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<F: Fields> Domain<F> {
    /// The encoding, for what must have it whole: at most [`MAX_CONTEXT_LEN`] bytes.
    ///
    /// # Errors
    /// `Misuse` if it is longer. Nothing is bound to a part of it.
    pub fn encode(&self, fields: &F) -> Result<Encoded> {
        let mut out = Some(Encoded::empty());
        self.stream(fields, |piece| {
            if let Some(held) = &mut out
                && !held.push(piece)
            {
                out = None;
            }
        });
        out.ok_or_else(|| {
            Error::misuse(format!(
                "the fields of {} take more than {MAX_CONTEXT_LEN} bytes together: shorten them, \
                 or bind a digest of the longest",
                self.name
            ))
        })
    }

    /// Gives the encoding to `to`, piece by piece, however long it is.
    pub fn stream(&self, fields: &F, to: impl FnMut(&[u8])) {
        let mut out = Pieces {
            held: [0; PIECE],
            len: 0,
            to,
        };
        out.field(self.name.as_bytes());
        fields.each(|field| out.field(field));
        out.flush();
    }
}

// By hand: a domain is copied whatever its fields are.
impl<F> Clone for Domain<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Domain<F> {}

impl<F> fmt::Debug for Domain<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({:?})", self.name)
    }
}

mod sealed {
    #[allow(unnameable_types)] // That it cannot be named is what seals `Fields`.
    pub trait Sealed {}
}

/// A tuple of up to twelve [`Field`]s. Nothing else is: how many fields a domain has is its type's
/// to say.
pub trait Fields: sealed::Sealed {
    /// Gives the bytes of each field to `to`, in their order.
    fn each(&self, to: impl FnMut(&[u8]));
}

macro_rules! fields {
    ($($name:ident)*) => {
        impl<$($name: Field),*> sealed::Sealed for ($($name,)*) {}

        impl<$($name: Field),*> Fields for ($($name,)*) {
            #[allow(non_snake_case)] // The variables bear the names of the types.
            #[allow(unused_mut, unused_variables)] // The empty tuple gives nothing.
            fn each(&self, mut to: impl FnMut(&[u8])) {
                let ($($name,)*) = self;
                $($name.with_bytes(&mut to);)*
            }
        }
    };
}

fields!();
fields!(A);
fields!(A B);
fields!(A B C);
fields!(A B C D);
fields!(A B C D E);
fields!(A B C D E G);
fields!(A B C D E G H);
fields!(A B C D E G H I);
fields!(A B C D E G H I J);
fields!(A B C D E G H I J K);
fields!(A B C D E G H I J K L);
fields!(A B C D E G H I J K L M);

/// Bytes that are gathered before they are passed on: all of most encodings, so that a hash is fed
/// once and not for each length and each field.
const PIECE: usize = 128;

struct Pieces<W> {
    held: [u8; PIECE],
    len: usize,
    to: W,
}

impl<W: FnMut(&[u8])> Pieces<W> {
    /// One field: its length as one byte, then its bytes. Of 255 bytes or more the length is
    /// written as 255 and followed by eight bytes of the true length, big-endian.
    #[inline(always)]
    fn field(&mut self, field: &[u8]) {
        match u8::try_from(field.len()) {
            Ok(len) if len < u8::MAX => {
                if !self.hold(len, field) {
                    self.pass_on(len, field);
                }
            }
            _ => self.long(field),
        }
    }

    /// A field for which there is no room.
    #[cold]
    #[inline(never)]
    fn pass_on(&mut self, len: u8, field: &[u8]) {
        self.flush();
        if !self.hold(len, field) {
            (self.to)(&[len]);
            (self.to)(field);
        }
    }

    /// Puts a field behind what is held; false if there is no room for all of it.
    // Inlined, so that a field of a known length is written by a few instructions.
    #[inline(always)]
    fn hold(&mut self, len: u8, field: &[u8]) -> bool {
        let end = self.len.saturating_add(1).saturating_add(field.len());
        let room = self.held.get_mut(self.len..end);
        let Some((first, rest)) = room.and_then(<[u8]>::split_first_mut) else {
            return false;
        };
        *first = len;
        rest.copy_from_slice(field);
        self.len = end;
        true
    }

    #[cold]
    #[inline(never)]
    fn long(&mut self, field: &[u8]) {
        self.flush();
        let len = u64::try_from(field.len()).unwrap_or(u64::MAX);
        (self.to)(&[u8::MAX]);
        (self.to)(&len.to_be_bytes());
        (self.to)(field);
    }

    #[inline]
    fn flush(&mut self) {
        if let Some(held) = self.held.get(..self.len).filter(|held| !held.is_empty()) {
            (self.to)(held);
        }
        self.len = 0;
    }
}
