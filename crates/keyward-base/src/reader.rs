//! Reading a format of bytes from its front.
//!
//! ```
//! use keyward_base::reader::Reader;
//!
//! fn read(bytes: &[u8]) -> Option<(u8, &str)> {
//!     let mut rest = Reader::new(bytes);
//!     let parsed = (rest.byte()?, rest.text()?);
//!     rest.is_empty().then_some(parsed)
//! }
//!
//! assert_eq!(read(b"\x07\x00\x02ab"), Some((7, "ab")));
//! assert_eq!(read(b"\x07\x00\x03ab"), None);
//! assert_eq!(read(b"\x07\x00\x02ab!"), None);
//! ```

use std::fmt;

use crate::timestamp::Timestamp;

/// The bytes that were not read yet. Numbers are big-endian; whatever does not fit is `None`, after
/// which what remains is of no use.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of all these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// So many bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A byte that is 0 or 1.
    pub fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Two bytes, as a length.
    pub fn len_u16(&mut self) -> Option<usize> {
        self.array().map(u16::from_be_bytes).map(usize::from)
    }

    /// Eight bytes.
    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes: milliseconds since 1970.
    pub fn time(&mut self) -> Option<Timestamp> {
        self.number().map(Timestamp::from_millis)
    }

    /// The same, of which 0 means that there is none.
    pub fn maybe_time(&mut self) -> Option<Option<Timestamp>> {
        let time = self.time()?;
        Some((time.as_millis() > 0).then_some(time))
    }

    /// So many bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    /// So many bytes of UTF-8.
    pub fn text_of(&mut self, len: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// UTF-8 behind its length in two bytes.
    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.len_u16()?;
        self.text_of(len)
    }

    /// All that was not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Whether all was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({} bytes left)", self.0.len())
    }
}
