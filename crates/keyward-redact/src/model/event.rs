//! One event of a stream, as it came.

use keyward_base::SecretBytes;

use crate::json::found::Finder;
use crate::json::masked;
use crate::json::string::{Spelling, encode};
use crate::model::pieces::Piece;

/// The lines of one event, the empty one that ends it too.
pub(super) struct Event {
    raw: SecretBytes,
    lines: Vec<Line>,
    /// It begins with a byte order mark.
    marked: bool,
}

/// A line: where it begins, where what is on it ends, and where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
    /// Where the value begins, if it is a line of data.
    data: Option<usize>,
}

/// A byte order mark, which may stand before the first line of a stream.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Event {
    pub(super) const fn new() -> Self {
        Self {
            raw: SecretBytes::new(Vec::new()),
            lines: Vec::new(),
            marked: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Adds to the line that has not ended.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.raw.push(bytes);
    }

    /// Ends the line with this byte. Says whether it was empty: then the event has ended. `first`:
    /// it is the first line of the stream.
    pub(super) fn end_line(&mut self, ending: &[u8], first: bool) -> bool {
        let start = self.lines.last().map_or(0, |line| line.next);
        let end = self.raw.len();
        self.raw.push(ending);
        let line = self.raw.expose().get(start..end).unwrap_or_default();
        let unmarked = match line.strip_prefix(MARK) {
            Some(rest) if first => rest,
            _ => line,
        };
        let data = match unmarked {
            b"data" => Some(end),
            [b'd', b'a', b't', b'a', b':', b' ', value @ ..]
            | [b'd', b'a', b't', b'a', b':', value @ ..] => Some(end.saturating_sub(value.len())),
            _ => None,
        };
        let empty = unmarked.is_empty();
        self.marked |= unmarked.len() < line.len();
        self.lines.push(Line {
            start,
            end,
            next: self.raw.len(),
            data,
        });
        empty
    }

    /// The line feed behind the carriage return that ended the last line.
    pub(super) fn end_line_more(&mut self, ending: &[u8]) {
        self.raw.push(ending);
        if let Some(line) = self.lines.last_mut() {
            line.next = self.raw.len();
        }
    }

    /// Whether any line has ended.
    pub(super) const fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Ends the last line where the stream ended.
    pub(super) fn end_of_stream(&mut self, first: bool) {
        let ended = self.lines.last().map_or(0, |line| line.next);
        if ended < self.raw.len() {
            self.end_line(b"", first);
        }
    }

    /// What its lines of data say: their values, with line feeds between. What is not UTF-8 becomes
    /// U+FFFD, as it does for every reader of such a stream.
    pub(super) fn data(&self) -> Option<SecretBytes> {
        let mut data = SecretBytes::new(Vec::with_capacity(self.raw.len()));
        let mut any = false;
        for line in &self.lines {
            let Some(start) = line.data else {
                continue;
            };
            if any {
                data.push(b"\n");
            }
            any = true;
            data.push(self.slice(start, line.end));
        }
        if let (true, Err(_)) = (any, std::str::from_utf8(data.expose())) {
            let text = String::from_utf8_lossy(data.expose()).into_owned();
            data = SecretBytes::new(text.into_bytes());
        }
        any.then_some(data)
    }

    fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.raw.expose().get(start..end).unwrap_or_default()
    }

    /// Writes the event once more: what marks the beginning of a stream does not come again, and
    /// the empty line ends as the others do. The event itself ended with its carriage return, and a
    /// line feed behind it was not seen yet.
    pub(super) fn write_again(
        &self,
        data: &[u8],
        pieces: &[Piece],
        texts: &[Vec<u8>],
        finder: &Finder<'_>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        self.write(data, pieces, texts, finder, out);
        if self.marked {
            out.drain(start..start.saturating_add(MARK.len()).min(out.len()));
        }
        let first = self.lines.first();
        let ending = first.map(|line| self.slice(line.end, line.next));
        if out.ends_with(b"\r") && ending == Some(b"\r\n") {
            out.push(b'\n');
        }
    }

    /// Writes the event, masked, with other texts in the places of its pieces.
    pub(super) fn write(
        &self,
        data: &[u8],
        pieces: &[Piece],
        texts: &[Vec<u8>],
        finder: &Finder<'_>,
        out: &mut Vec<u8>,
    ) {
        let data = with_texts(data, pieces, texts, finder);
        let mut parts = data.split(|byte| *byte == b'\n');
        let last = self.lines.iter().rposition(|line| line.data.is_some());
        for (at, line) in self.lines.iter().enumerate() {
            let ending = self.slice(line.end, line.next);
            let Some(start) = line.data else {
                let text = self.slice(line.start, line.end);
                out.extend(finder.masked(text, &finder.find(text)));
                out.extend_from_slice(ending);
                continue;
            };
            // Where a mask took the place of several lines there are fewer.
            let Some(part) = parts.next() else {
                continue;
            };
            let before = self.slice(line.start, start);
            out.extend_from_slice(before);
            match (before.last(), part.first()) {
                (_, None) | (Some(b' '), _) => {}
                (Some(b':'), Some(first)) if *first != b' ' => {}
                (Some(b':'), _) => out.push(b' '),
                _ => out.extend_from_slice(b": "),
            }
            out.extend_from_slice(part);
            if Some(at) == last {
                // Where lines were held back of events before there are more.
                for part in parts.by_ref() {
                    out.extend_from_slice(if ending.is_empty() { b"\n" } else { ending });
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(part);
                }
            }
            out.extend_from_slice(ending);
        }
    }
}

/// The data of an event with these texts in the places of its pieces, masked.
fn with_texts(data: &[u8], pieces: &[Piece], texts: &[Vec<u8>], finder: &Finder<'_>) -> Vec<u8> {
    let mut whole = SecretBytes::new(Vec::with_capacity(data.len()));
    let mut at = 0;
    for (piece, text) in pieces.iter().zip(texts) {
        whole.push(data.get(at..piece.start).unwrap_or_default());
        if piece.quoted {
            let written = data.get(piece.start..piece.end).unwrap_or_default();
            whole.push(&encode(text, Spelling::of(written)));
        } else {
            whole.push(text);
        }
        at = piece.end;
    }
    whole.push(data.get(at..).unwrap_or_default());
    masked(whole.expose(), finder).bytes
}
