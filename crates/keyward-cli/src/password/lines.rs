//! Lines of a file, in one buffer that is wiped.

use std::io::{self, Read};

use keyward_base::{Error, Result, SecretBytes};

/// The longest line in bytes, its end not counted: the longest password, string and context, each
/// character of them written as an escape, and room beside it.
pub(super) const LONGEST: usize = 128 << 10;

/// Reads lines, each of at most [`LONGEST`] bytes.
pub(super) struct Lines<R> {
    from: R,
    buffer: SecretBytes,
    /// What was read and not given yet.
    start: usize,
    end: usize,
    is_over: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: SecretBytes::new(vec![0; LONGEST + 1]),
            start: 0,
            end: 0,
            is_over: false,
        }
    }

    /// The next line without its end; none behind the last.
    ///
    /// # Errors
    /// `Misuse` for a line that is too long, `Unavailable` if the file cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        let mut seen = 0_usize;
        let (len, skipped) = loop {
            let held = self.held();
            let new = held.get(seen..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                break (seen.saturating_add(at), 1);
            }
            seen = held.len();
            if seen > LONGEST {
                return Err(Error::misuse(format!("it has more than {LONGEST} bytes")));
            }
            if self.is_over {
                if seen == 0 {
                    return Ok(None);
                }
                break (seen, 0);
            }
            self.fill()?;
        };
        let from = self.start;
        self.start = from.saturating_add(len).saturating_add(skipped);
        Ok(self.buffer.expose().get(from..from.saturating_add(len)))
    }

    fn held(&self) -> &[u8] {
        let held = self.buffer.expose().get(self.start..self.end);
        held.unwrap_or_default()
    }

    /// Reads more behind what is there, which has room.
    fn fill(&mut self) -> Result<()> {
        if self.end == self.buffer.len() {
            let held = self.start..self.end;
            self.end = held.len();
            self.start = 0;
            self.buffer.expose_mut().copy_within(held, 0);
        }
        let free = self.buffer.expose_mut().get_mut(self.end..);
        let read = match self.from.read(free.unwrap_or_default()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read.map_err(|e| {
                Error::unavailable("the batch cannot be read to its end").with_source(e)
            })?,
        };
        self.is_over = read == 0;
        self.end = self.end.saturating_add(read);
        Ok(())
    }
}
