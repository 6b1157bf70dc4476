//! Which column of a row of SQL a byte lies in.

/// How far a statement was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between values and in numbers.
    Outside,
    /// In a text or name in these quotes.
    Quoted { by: u8, escapes: bool },
    /// Behind a backslash in such a text.
    Escaped { by: u8 },
}

/// Counts columns through rows of values: `(1, 'a''b', ARRAY[1, 2]), (…`.
#[derive(Debug)]
pub(super) struct Row {
    at: At,
    /// Open parentheses and brackets.
    depth: usize,
    column: usize,
    before: u8,
    /// Whether a backslash escapes in every text, as MySQL has it, or only in PostgreSQL's
    /// `E'…'`.
    escapes: bool,
    /// Whether the statement has ended.
    ended: bool,
}

impl Row {
    pub(super) const fn new(escapes: bool) -> Self {
        Self {
            at: At::Outside,
            depth: 0,
            column: 0,
            before: 0,
            escapes,
            ended: false,
        }
    }

    /// Within the parentheses of a `CREATE TABLE`.
    pub(super) const fn of_a_definition() -> Self {
        let mut row = Self::new(false);
        row.depth = 1;
        row
    }

    /// The column at hand, counted from 0; `None` outside a row.
    pub(super) const fn column(&self) -> Option<usize> {
        if self.depth == 0 || self.ended {
            return None;
        }
        Some(self.column)
    }

    /// Whether the statement has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut text: &[u8]) {
        while let Some((_, rest)) = text.split_first() {
            text = match self.at {
                At::Outside => self.outside(text),
                At::Escaped { by } => {
                    self.at = At::Quoted { by, escapes: true };
                    rest
                }
                At::Quoted { by, escapes } => self.quoted(by, escapes, text),
            };
        }
    }

    /// Where the comma or parenthesis stands that ends the cell at hand.
    pub(super) fn next_cell(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0_usize;
        while let Some(byte) = text.get(at) {
            let ends = self.depth == 1 && matches!(byte, b',' | b')');
            if ends && self.at == At::Outside {
                return Some(at);
            }
            self.feed(text.get(at..=at)?);
            at = at.saturating_add(1);
        }
        None
    }

    /// Reads on to behind the next quote. In one loop, since what stands outside of quotes is short
    /// and there is much of it.
    fn outside<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut bytes = text.iter();
        for byte in bytes.by_ref() {
            match byte {
                b'\'' | b'"' | b'`' => {
                    let escapes = match byte {
                        b'\'' => self.escapes || matches!(self.before, b'E' | b'e'),
                        other => self.escapes && *other == b'"',
                    };
                    self.at = At::Quoted { by: *byte, escapes };
                    self.before = *byte;
                    return bytes.as_slice();
                }
                b'(' | b'[' => {
                    if self.depth == 0 {
                        self.column = 0;
                    }
                    self.depth = self.depth.saturating_add(1);
                }
                b')' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 1 => self.column = self.column.saturating_add(1),
                b';' if self.depth == 0 => self.ended = true,
                _ => {}
            }
            self.before = *byte;
        }
        bytes.as_slice()
    }

    fn quoted<'a>(&mut self, by: u8, escapes: bool, text: &'a [u8]) -> &'a [u8] {
        let mut from = 0_usize;
        // The quotes are looked for, and not the backslashes: of those there may be many, as in
        // JSON, and only what stands right before a quote, or is cut, matters.
        while let Some(next) = memchr::memchr(by, text.get(from..).unwrap_or_default()) {
            let at = from.saturating_add(next);
            let after = at.saturating_add(1);
            if !escapes || !ends_escaping(text.get(from..at).unwrap_or_default()) {
                self.before = by;
                self.at = At::Outside;
                return text.get(after..).unwrap_or_default();
            }
            from = after;
        }
        if escapes && ends_escaping(text.get(from..).unwrap_or_default()) {
            self.at = At::Escaped { by };
        }
        &[]
    }
}

/// Whether `text`, which begins behind what was escaped last, ends with a backslash that escapes
/// what comes next: one of an odd number of them.
fn ends_escaping(text: &[u8]) -> bool {
    let run = text.iter().rev().take_while(|byte| **byte == b'\\').count();
    run & 1 == 1
}
