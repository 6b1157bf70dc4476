//! Where what is masked goes: kept until the writer has taken it.

use std::io::{self, Write};

/// A writer, and what it has not taken yet.
///
/// Nothing is lost, written twice or written unmasked: what could not be written is kept, masked,
/// and is written first by the next call.
pub(crate) struct Outlet<W: Write> {
    /// What is decided, to be appended to.
    pub(crate) out: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// Whether it is the writer's turn: still so when it has panicked.
    at_writer: bool,
    /// Taken by [`Outlet::take`].
    to: Option<W>,
}

impl<W: Write> Outlet<W> {
    pub(crate) const fn new(to: W) -> Self {
        Self {
            out: Vec::new(),
            written: 0,
            at_writer: false,
            to: Some(to),
        }
    }

    /// Writes what is decided; keeps what could not be written.
    pub(crate) fn write_on(&mut self) -> io::Result<()> {
        let Some(to) = &mut self.to else {
            return Ok(());
        };
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            self.at_writer = true;
            let result = to.write(rest);
            self.at_writer = false;
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.written = self.written.saturating_add(len),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// [`Outlet::write_on`], and has the writer do so too.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_on()?;
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Whether there is a writer that can be written to: it was not taken, and has not panicked.
    pub(crate) const fn is_open(&self) -> bool {
        self.to.is_some() && !self.at_writer
    }

    /// The writer.
    ///
    /// # Errors
    /// If it was taken.
    pub(crate) fn take(&mut self) -> io::Result<W> {
        let taken = || io::Error::other("the stream is finished");
        self.to.take().ok_or_else(taken)
    }
}
