//! Strings and numbers of RFC 4251 section 5.

use keyward_base::Result;

use super::wrong;

/// The most bytes of a number, as OpenSSH has it (16384 bits), without the zero in front.
const MAX_NUMBER: usize = 2048;

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(|| wrong("it is cut off"))?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        let (number, rest) = self
            .0
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("it is cut off"))?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    pub(super) fn take(&mut self, len: u32) -> Result<&'a [u8]> {
        let (bytes, rest) = usize::try_from(len)
            .ok()
            .and_then(|len| self.0.split_at_checked(len))
            .ok_or_else(|| wrong("it is cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()?;
        self.take(len)
    }

    /// A name or a comment: no NUL, except one at its end, as OpenSSH has it.
    pub(super) fn c_string(&mut self) -> Result<&'a [u8]> {
        let string = self.string()?;
        let inside = string.strip_suffix(&[0]).unwrap_or(string);
        if inside.contains(&0) {
            return Err(wrong("a text in it holds a NUL"));
        }
        Ok(inside)
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.c_string()?).map_err(|_| wrong("a name in it is not text"))
    }

    /// A number that is not negative, without zeros in front.
    pub(super) fn number(&mut self) -> Result<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            return Err(wrong("a number in it is negative"));
        }
        let most = MAX_NUMBER.saturating_add(1);
        if bytes.len() > most || (bytes.len() == most && bytes.first() != Some(&0)) {
            return Err(wrong("a number in it is too long"));
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(bytes.get(zeros..).unwrap_or_default())
    }
}
