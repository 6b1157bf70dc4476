//! A stream that masks, as [`std::io::Write`].

use std::fmt;
use std::io::{self, Write};

use crate::masker::Masker;

/// Masks what is written to it and writes it on.
///
/// `flush` writes on all that cannot be the beginning of a secret; [`Stream::finish`] everything.
/// Dropped without it, what is held back is lost.
pub struct Stream<W: Write> {
    masker: Masker,
    out: Vec<u8>,
    to: W,
}

impl<W: Write> Stream<W> {
    pub(crate) const fn new(masker: Masker, to: W) -> Self {
        Self {
            masker,
            out: Vec::new(),
            to,
        }
    }

    /// Masks of this stream carry the name of their secret.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.masker = self.masker.named();
        self
    }

    /// Writes on all that is left, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.masker.finish(&mut self.out);
        self.write_on()?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn write_on(&mut self) -> io::Result<()> {
        let done = self.to.write_all(&self.out);
        self.out.clear();
        done
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.masker.push(piece, &mut self.out);
        self.write_on()?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.masker.flush(&mut self.out);
        self.write_on()?;
        self.to.flush()
    }
}

impl<W: Write> fmt::Debug for Stream<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?})", self.masker)
    }
}
