//! A stream that masks, as [`std::io::Write`].

use std::fmt;
use std::io::{self, Write};

use crate::masker::{Masker, SLICE_LEN};
use crate::outlet::Outlet;

/// Masks what is written to it and writes it on.
///
/// `write` takes at most 64 KiB and writes on what is decided, of a long piece all but the last
/// [`Redactor::most_held`](crate::Redactor::most_held) bytes; `flush` writes on all that cannot be
/// the beginning of a secret; [`Stream::finish`] everything. Who carries what another program
/// writes calls `flush` after each read, or a line that the program does not end stays here.
///
/// **Errors of the writer.** Nothing is lost, written twice or written unmasked. What could not be
/// written is kept, in memory and masked, and is written first by the next call; while that fails,
/// `write` returns the error and takes nothing. So an error that comes while a piece is written on
/// is returned by the next call, since the piece itself was taken.
///
/// Dropped without [`Stream::finish`], it tries to write all that is left, and ignores errors; but
/// not after the writer has panicked, when nobody knows what it has taken.
pub struct Stream<W: Write> {
    masker: Masker,
    outlet: Outlet<W>,
}

impl<W: Write> Stream<W> {
    pub(crate) const fn new(masker: Masker, to: W) -> Self {
        let outlet = Outlet::new(to);
        Self { masker, outlet }
    }

    /// Masks of this stream carry the name of their secret.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.masker.name_masks();
        self
    }

    /// Writes on all that is left, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer. What was left is lost then.
    pub fn finish(mut self) -> io::Result<W> {
        let done = self.end();
        let to = self.outlet.take();
        done?;
        to
    }

    fn end(&mut self) -> io::Result<()> {
        self.masker.finish(&mut self.outlet.out);
        self.outlet.flush()
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.outlet.write_on()?;
        let piece = piece.get(..SLICE_LEN).unwrap_or(piece);
        self.masker.push(piece, &mut self.outlet.out);
        // Taken it is: what fails here is kept, and fails again at the next call.
        let _ = self.outlet.write_on();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.masker.flush(&mut self.outlet.out);
        self.outlet.flush()
    }
}

impl<W: Write> Drop for Stream<W> {
    fn drop(&mut self) {
        if self.outlet.is_open() {
            let _ = self.end();
        }
    }
}

impl<W: Write> fmt::Debug for Stream<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?})", self.masker)
    }
}
