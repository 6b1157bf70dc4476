//! Bytes that are wiped on drop and never printed.
//!
//! Both types keep their bytes on the heap, so that moving a value copies a pointer and not the
//! secret. Neither is `Clone`, comparable or serialisable.

use std::fmt;
use std::io::Read;

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, Result};
use crate::wipe::{wipe, wipe_vec};

/// A secret of any length, wiped on drop.
pub struct SecretBytes {
    bytes: Vec<u8>,
    start: usize,
}

impl SecretBytes {
    /// Takes over `bytes`, without a copy. The whole capacity is wiped on drop.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    /// Takes over a buffer whose secret begins at `start`, as decryption in place leaves it. All
    /// of the buffer is wiped on drop. A `start` past the end makes the secret empty.
    #[must_use]
    pub const fn from_suffix(bytes: Vec<u8>, start: usize) -> Self {
        Self { bytes, start }
    }

    /// Copies `bytes`. The caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// Reads all of `reader`, at most `limit` bytes. Every buffer outgrown on the way is wiped.
    ///
    /// # Errors
    /// `Misuse` beyond `limit` bytes, `Unavailable` if the reader fails.
    pub fn read(mut reader: impl Read, limit: usize) -> Result<Self> {
        let mut held = Self::new(vec![0; limit.min(4096).saturating_add(1)]);
        let mut len = 0_usize;
        loop {
            if len == held.bytes.len() {
                let room = len.saturating_mul(2).min(limit.saturating_add(1));
                let mut larger = Vec::with_capacity(room);
                larger.extend_from_slice(&held.bytes);
                larger.resize(room, 0);
                held = Self::new(larger);
            }
            let free = held.bytes.get_mut(len..).unwrap_or_default();
            let got = match reader.read(free) {
                Ok(got) => got,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::unavailable("the input cannot be read").with_source(e)),
            };
            len = len.saturating_add(got);
            if len > limit {
                return Err(Error::misuse(format!(
                    "the input is longer than {limit} bytes: give one that is not, or look \
                     whether it is the one you meant"
                )));
            }
            if got == 0 {
                held.truncate(len);
                return Ok(held);
            }
        }
    }

    /// Appends `more`. If the buffer must grow, the one it outgrows is wiped.
    pub fn push(&mut self, more: &[u8]) {
        let len = self.bytes.len().saturating_add(more.len());
        if len > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(len.saturating_mul(2));
            larger.extend_from_slice(&self.bytes);
            wipe_vec(&mut self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(more);
    }

    /// Shortens the secret to its first `len` bytes and wipes the rest.
    pub fn truncate(&mut self, len: usize) {
        let end = self.start.saturating_add(len);
        if let Some(rest) = self.bytes.get_mut(end..) {
            wipe(rest);
            self.bytes.truncate(end);
        }
    }

    /// The bytes. Named so that every place that looks at a secret can be found.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The bytes, to be changed in place.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }

    /// Keeps `len` bytes from `start` on and wipes the rest, without moving anything.
    pub fn narrow(&mut self, start: usize, len: usize) {
        self.truncate(start.saturating_add(len));
        let skipped = start.min(self.len());
        if let Some(front) = self.expose_mut().get_mut(..skipped) {
            wipe(front);
        }
        self.start = self.start.saturating_add(skipped);
    }

    /// How many bytes the secret has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A copy; the original is wiped when it is dropped here.
impl From<SecretString> for SecretBytes {
    fn from(text: SecretString) -> Self {
        Self::from(&text)
    }
}

/// A copy; the original is its owner's to keep.
impl From<&SecretString> for SecretBytes {
    fn from(text: &SecretString) -> Self {
        Self::copy_of(text.expose_secret().as_bytes())
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        wipe_vec(&mut self.bytes);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// A secret of exactly `N` bytes, wiped on drop.
pub struct SecretArray<const N: usize>(Box<[u8; N]>);

impl<const N: usize> SecretArray<N> {
    /// Writes a secret in place, so that no copy of it is left on the stack.
    ///
    /// # Errors
    /// Whatever `write` returns; what it had written is wiped.
    pub fn try_init<E>(write: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut held = Self(Box::new([0; N]));
        write(&mut held.0)?;
        Ok(held)
    }

    /// Copies a secret of exactly `N` bytes; `None` at any other length.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut held = Self(Box::new([0; N]));
        if bytes.len() != N {
            return None;
        }
        held.0.copy_from_slice(bytes);
        Some(held)
    }

    /// The bytes. Named so that every place that looks at a secret can be found.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for SecretArray<N> {
    fn drop(&mut self) {
        wipe(self.0.as_mut_slice());
    }
}

impl<const N: usize> fmt::Debug for SecretArray<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretArray(..)")
    }
}
