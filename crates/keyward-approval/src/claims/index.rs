//! Which files of claims there are, so that one that is gone is missed.

use keyward_base::Result;
use keyward_base::encoding::{from_hex, hex};

use super::shard::SHARDS;
use super::text::{read, written, wrong};

/// A bit for each file.
const BYTES: usize = SHARDS as usize / 8;

/// Which files there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index([u8; BYTES]);

impl Default for Index {
    fn default() -> Self {
        Self([0; BYTES])
    }
}

impl Index {
    /// Reads it. There is one text for each set of files.
    ///
    /// # Errors
    /// `Corrupt` for anything that is not an index, `Unavailable` for one of a newer keyward.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (_, lines) = read(bytes)?;
        let digits = lines.strip_suffix('\n').ok_or_else(wrong)?;
        let index = Self(from_hex(digits).map_err(|_| wrong())?);
        match index.render().as_bytes() == bytes {
            true => Ok(index),
            false => Err(wrong()),
        }
    }

    /// Its text.
    #[must_use]
    pub fn render(&self) -> String {
        written("index", &format!("{}\n", hex(&self.0)))
    }

    /// Whether there is a file of that number.
    #[must_use]
    pub fn has(&self, number: u16) -> bool {
        let byte = self.0.get(usize::from(number / 8));
        byte.is_some_and(|byte| byte & bit(number) != 0)
    }

    /// There is one from now on.
    pub fn add(&mut self, number: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(number / 8)) {
            *byte |= bit(number);
        }
    }
}

/// The first file is the highest bit of the first byte.
const fn bit(number: u16) -> u8 {
    0x80 >> (number % 8)
}
