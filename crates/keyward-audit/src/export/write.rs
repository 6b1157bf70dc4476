//! Writing an export.

use std::io::Write;
use std::ops::Range;

use keyward_base::encoding::{base64, hex};
use keyward_base::{Error, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{First, Last, Line, VERSION};
use crate::leaf::{Leaf, LogId, SALT_LEN};
use crate::note::VerifierKey;
use crate::tree::Hash;

/// Writes the lines in their order.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    next: u64,
    until: u64,
}

impl<W: Write> Writer<W> {
    /// Begins: entries `entries` of a log follow. `left` are the roots of the largest perfect
    /// subtrees before them, from the left.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    pub fn begin(
        to: W,
        key: &VerifierKey,
        log: &LogId,
        entries: Range<u64>,
        left: &[Hash],
    ) -> Result<Self> {
        let mut writer = Self {
            to,
            next: entries.start,
            until: entries.end,
        };
        writer.line(&First {
            version: VERSION,
            key: key.to_string(),
            log: hex(log),
            from: entries.start,
            until: entries.end,
            left: left.iter().map(|hash| base64(hash)).collect(),
        })?;
        Ok(writer)
    }

    /// The next entry: its leaf, and its salt and text unless they were erased.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written; `Misuse` for one more than was said; `Corrupt` if the
    /// text is not JSON.
    pub fn entry(&mut self, leaf: &Leaf, body: Option<(&[u8; SALT_LEN], &str)>) -> Result<()> {
        if self.next >= self.until {
            return Err(Error::misuse("an export has as many entries as it says"));
        }
        let text = body.map(|(_, text)| serde_json::from_str::<&RawValue>(text));
        let text = text.transpose();
        let text = text.map_err(|_| Error::corrupt("the text of an entry is not JSON"))?;
        self.line(&Line {
            seq: self.next,
            day: leaf.header.day,
            class: leaf.header.class.as_str(),
            digest: base64(&leaf.digest),
            salt: body.map(|(salt, _)| base64(salt)),
            body: text,
        })?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Ends: `right` are the roots of the largest perfect subtrees after the entries, up to the
    /// checkpoint; gives what was written to, flushed.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written; `Misuse` if entries are missing.
    pub fn end(mut self, right: &[Hash], checkpoint: &str) -> Result<W> {
        if self.next != self.until {
            return Err(Error::misuse("an export has as many entries as it says"));
        }
        self.line(&Last {
            right: right.iter().map(|hash| base64(hash)).collect(),
            checkpoint: checkpoint.to_owned(),
        })?;
        self.to.flush().map_err(unwritten)?;
        Ok(self.to)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line)
            .map_err(|e| Error::misuse("an export cannot be written").with_source(e))?;
        text.push(b'\n');
        self.to.write_all(&text).map_err(unwritten)
    }
}

fn unwritten(e: std::io::Error) -> Error {
    Error::unavailable("the export cannot be written").with_source(e)
}
