//! A log whose lines are JSON, as [`std::io::Write`].

use std::fmt;
use std::io::{self, Write};

use keyward_base::SecretBytes;

use crate::json::found::Finder;
use crate::json::rewrite::{Rewritten, rewrite};
use crate::masker::Masker;
use crate::masker::style::Style;
use crate::redactor::Redactor;

/// The longest line that is read as JSON, in bytes, its line feed included: 1 MiB. A longer one is
/// text.
pub const MAX_LINE_LEN: usize = 1024 * 1024;

/// Masks a log line by line, and writes it on.
///
/// A line that is one JSON object or array, between its line feeds, is masked as
/// [`Redactor::json`] masks. All other lines are text, and lines of text in a row are one stream,
/// so that what was wrapped over several lines is found. A line is written on when it has ended,
/// or is longer than [`MAX_LINE_LEN`]; [`JsonLines::finish`] ends the last one. Dropped without
/// it, what is held back is lost.
///
/// **Errors of the writer.** Nothing is lost, written twice or written unmasked: what could not be
/// written is kept, masked, and written first by the next call, which returns the error while that
/// fails and takes nothing.
pub struct JsonLines<W: Write> {
    redactor: Redactor,
    text: Masker,
    line: SecretBytes,
    /// The line that is being written is text, whatever follows.
    long: bool,
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    to: W,
}

impl<W: Write> JsonLines<W> {
    /// Writes on all that is left, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_line();
        self.text.finish(&mut self.out);
        self.write_on()?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn take(&mut self, piece: &[u8]) {
        let ends = piece.ends_with(b"\n");
        if self.long {
            self.text.push(piece, &mut self.out);
            self.long = !ends;
            return;
        }
        self.line.push(piece);
        if self.line.len() > MAX_LINE_LEN {
            self.text.push(self.line.expose(), &mut self.out);
            self.line.truncate(0);
            self.long = !ends;
        } else if ends {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = self.line.expose();
        let finder = Finder {
            redactor: &self.redactor,
            style: Style::Blank,
        };
        let rewritten = match line.trim_ascii_start() {
            [b'{' | b'[', ..] => rewrite(line, &finder),
            _ => Rewritten::NotJson,
        };
        match rewritten {
            Rewritten::NotJson => self.text.push(line, &mut self.out),
            Rewritten::Same { .. } => {
                self.text.finish(&mut self.out);
                self.out.extend_from_slice(line);
            }
            Rewritten::Changed { bytes, .. } | Rewritten::Spanned { bytes } => {
                self.text.finish(&mut self.out);
                self.out.extend(bytes);
            }
        }
        self.line.truncate(0);
    }

    /// Writes what is decided; keeps what could not be written.
    fn write_on(&mut self) -> io::Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.to.write(rest) {
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
}

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_on()?;
        for piece in piece.split_inclusive(|byte| *byte == b'\n') {
            self.take(piece);
        }
        // Taken it is: what fails here is kept, and fails again at the next call.
        let _ = self.write_on();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.text.flush(&mut self.out);
        self.write_on()?;
        self.to.flush()
    }
}

impl<W: Write> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.line.len().saturating_add(self.text.held());
        write!(f, "JsonLines({held} bytes held back)")
    }
}

impl Redactor {
    /// A writer that masks a log whose lines are JSON, or some of them, and writes to `to`.
    #[must_use]
    pub fn json_lines<W: Write>(&self, to: W) -> JsonLines<W> {
        JsonLines {
            redactor: self.clone(),
            text: self.masker(),
            line: SecretBytes::new(Vec::new()),
            long: false,
            out: Vec::new(),
            written: 0,
            to,
        }
    }
}
