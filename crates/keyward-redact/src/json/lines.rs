//! A log whose lines are JSON, as [`std::io::Write`].

use std::fmt;
use std::io::{self, Write};

use keyward_base::SecretBytes;

use crate::json::found::Finder;
use crate::json::rewrite::{Rewritten, rewrite};
use crate::masker::Masker;
use crate::masker::style::Style;
use crate::outlet::Outlet;
use crate::redactor::Redactor;

/// The longest line that is read as JSON, in bytes, its line feed included: 1 MiB. A longer one is
/// text.
pub const MAX_LINE_LEN: usize = 1024 * 1024;

/// Masks a log line by line, and writes it on.
///
/// A line that is one JSON object or array, between its line feeds, is masked as
/// [`Redactor::json`] masks. All other lines are text, and lines of text in a row are one stream,
/// so that what was wrapped over several lines is found. A line is written on when it has ended,
/// or is longer than [`MAX_LINE_LEN`]; [`JsonLines::finish`] ends the last one.
///
/// **Errors of the writer.** Nothing is lost, written twice or written unmasked: what could not be
/// written is kept, masked, and written first by the next call, which returns the error while that
/// fails and takes nothing.
///
/// Dropped without [`JsonLines::finish`], it tries to write all that is left, and ignores errors.
pub struct JsonLines<W: Write> {
    redactor: Redactor,
    text: Masker,
    line: SecretBytes,
    /// The line that is being written is text, whatever follows.
    long: bool,
    outlet: Outlet<W>,
}

impl<W: Write> JsonLines<W> {
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
        self.end_line();
        self.text.finish(&mut self.outlet.out);
        self.outlet.flush()
    }

    fn take(&mut self, piece: &[u8]) {
        let ends = piece.ends_with(b"\n");
        if self.long {
            self.text.push(piece, &mut self.outlet.out);
            self.long = !ends;
            return;
        }
        self.line.push(piece);
        if self.line.len() > MAX_LINE_LEN {
            self.text.push(self.line.expose(), &mut self.outlet.out);
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
            Rewritten::NotJson => self.text.push(line, &mut self.outlet.out),
            Rewritten::Same { .. } => {
                self.text.finish(&mut self.outlet.out);
                self.outlet.out.extend_from_slice(line);
            }
            Rewritten::Changed { bytes, .. } | Rewritten::Spanned { bytes } => {
                self.text.finish(&mut self.outlet.out);
                self.outlet.out.extend(bytes);
            }
        }
        self.line.truncate(0);
    }
}

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.outlet.write_on()?;
        for piece in piece.split_inclusive(|byte| *byte == b'\n') {
            self.take(piece);
        }
        // Taken it is: what fails here is kept, and fails again at the next call.
        let _ = self.outlet.write_on();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.text.flush(&mut self.outlet.out);
        self.outlet.flush()
    }
}

impl<W: Write> Drop for JsonLines<W> {
    fn drop(&mut self) {
        if self.outlet.is_open() {
            let _ = self.end();
        }
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
            outlet: Outlet::new(to),
        }
    }
}
