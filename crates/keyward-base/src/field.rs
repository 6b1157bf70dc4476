//! What may be a field of a [`Domain`](crate::Domain).

use crate::id::{
    CredentialKind, KeyId, Place, Purpose, RecordId, RequestId, Revision, Role, Subject, Tenant,
};
use crate::secret::{SecretArray, SecretBytes};
use crate::timestamp::Timestamp;

/// A value with one form in bytes: two values of the type that differ have two forms.
///
/// Numbers are big-endian and as long as their type. Text is its UTF-8. A secret may be a field of
/// what is MACed or signed, since both wipe what they gather; not of an
/// [`Encoded`](crate::Encoded), which does not.
pub trait Field {
    /// Gives the bytes to `to`, once and whole, and returns what it returns.
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R;
}

impl<T: Field + ?Sized> Field for &T {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        (**self).with_bytes(to)
    }
}

impl Field for [u8] {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self)
    }
}

impl Field for str {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self.as_bytes())
    }
}

/// Its bytes, or none: an empty field. Of a fixed length that is not zero, so that the two differ.
impl Field for Option<&[u8; 32]> {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self.map_or(&[], |bytes| bytes.as_slice()))
    }
}

impl<const N: usize> Field for SecretArray<N> {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self.expose())
    }
}

impl Field for SecretBytes {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(self.expose())
    }
}

macro_rules! numbers {
    ($($name:ty)*) => {
        $(impl Field for $name {
            fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
                to(&self.to_be_bytes())
            }
        })*
    };
}

numbers!(u8 u16 u32 u64);

macro_rules! texts {
    ($($name:ty)*) => {
        $(impl Field for $name {
            fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
                to(self.as_str().as_bytes())
            }
        })*
    };
}

texts!(CredentialKind Place Purpose RecordId RequestId Role Subject Tenant);

impl Field for KeyId {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(&self.to_bytes())
    }
}

/// 8 bytes.
impl Field for Revision {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(&self.number().to_be_bytes())
    }
}

/// 8 bytes: milliseconds since the Unix epoch.
impl Field for Timestamp {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(&self.as_millis().to_be_bytes())
    }
}
