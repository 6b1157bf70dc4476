//! A strict reader of big-endian fields.

use std::cmp::Ordering;

use keyward_base::{Error, KeyId, Result, Timestamp};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    wrong: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], wrong: &'static str) -> Self {
        Self { rest: bytes, wrong }
    }

    pub(super) fn wrong(&self) -> Error {
        Error::corrupt(self.wrong)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (field, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(field)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn key_id(&mut self) -> Result<KeyId> {
        self.array().map(KeyId::from_bytes)
    }

    /// A time, of which 0 means none.
    pub(super) fn maybe_time(&mut self) -> Result<Option<Timestamp>> {
        self.u64()
            .map(|at| (at > 0).then(|| Timestamp::from_millis(at)))
    }

    /// A byte of flags, of which only those in `defined` may be set.
    pub(super) fn flags(&mut self, defined: u8) -> Result<u8> {
        let flags = self.u8()?;
        if flags & !defined == 0 {
            Ok(flags)
        } else {
            Err(self.wrong())
        }
    }

    pub(super) fn text(&mut self, len: usize) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(len)?).map_err(|_| self.wrong())
    }

    pub(super) fn magic(&mut self, magic: &[u8]) -> Result<()> {
        if self.bytes(magic.len())? == magic {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// The version of the format, which must be `ours`.
    pub(super) fn version(&mut self, ours: u8) -> Result<()> {
        let version = self.u8()?;
        if version == 0 {
            return Err(self.wrong());
        }
        match version.cmp(&ours) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(Error::unavailable(
                "a key record was made by keyward before its first release, and cannot be read by this one: make a new home with `keyward keys init`, and put the credentials in again",
            )),
            Ordering::Greater => Err(Error::unavailable(
                "a key record is of a newer version: upgrade keyward",
            )),
        }
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }
}
