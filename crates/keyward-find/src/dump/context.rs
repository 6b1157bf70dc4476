//! Which table and column the bytes at hand belong to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use super::names::{Words, created};
use super::row::Row;
use crate::report::{Report, Tally};

/// What stands at the beginning of a line and begins or ends a statement, or ends a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Copy,
    CopyEnd,
    Insert,
    Create,
    End,
}

/// Each by its words, which begin with the letter that is looked at first.
const MARKS: [(&[u8], Mark); 9] = [
    (b"COPY ", Mark::Copy),
    (b"\\.", Mark::CopyEnd),
    (b"INSERT ", Mark::Insert),
    (b"REPLACE ", Mark::Insert),
    (b"CREATE ", Mark::Create),
    (b"-- PostgreSQL database dump complete", Mark::End),
    (b"-- PostgreSQL database cluster dump complete", Mark::End),
    (b"-- Dump completed", Mark::End),
    (b"COMMIT;", Mark::End),
];

/// What was met in a text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Met {
    at: usize,
    /// `None`: a value of one of the keys.
    mark: Option<Mark>,
}

impl Met {
    pub(super) const fn value(at: usize) -> Self {
        Self { at, mark: None }
    }
}

/// Tells of each mark in `text` from `from` on, where a line begins.
pub(super) fn marks(text: &[u8], from: usize, mut met: impl FnMut(Met)) {
    let mut at_line = |at: usize| {
        let line = text.get(at..).unwrap_or_default();
        if !matches!(line.first(), Some(b'C' | b'\\' | b'I' | b'R' | b'-')) {
            return;
        }
        let known = MARKS.iter().find(|(words, _)| line.starts_with(words));
        if let Some((_, mark)) = known {
            let mark = Some(*mark);
            met(Met { at, mark });
        }
    };
    at_line(from);
    let rest = text.get(from..).unwrap_or_default();
    let ends = memchr::memchr_iter(b'\n', rest);
    ends.for_each(|end| at_line(from.saturating_add(end).saturating_add(1)));
}

/// The most bytes of a statement's head, and of a `CREATE TABLE`, that are read for names.
const HEAD: usize = 1 << 16;

/// The most columns that are remembered of all tables together.
const COLUMNS: usize = 1 << 20;

#[derive(Debug, Default)]
enum Within {
    #[default]
    Nothing,
    /// The rows of a `COPY`: a line each, tabs between the columns.
    Copy {
        table: String,
        columns: Rc<[String]>,
        tabs: usize,
    },
    /// An `INSERT` that begins in the text at hand, and was not looked at yet.
    Statement { at: usize },
    /// An `INSERT` that was looked at, up to a place in the text at hand.
    Rows {
        table: String,
        columns: Rc<[String]>,
        row: Row,
        upto: usize,
    },
    /// A `CREATE` of which this was read.
    Create { text: Vec<u8>, upto: usize },
}

#[derive(Debug, Default)]
pub(super) struct Context {
    within: Within,
    /// Whether the dump was seen to be MySQL's, where a backslash escapes in every text.
    is_mysql: bool,
    began: bool,
    ended: bool,
    tables: HashMap<String, Rc<[String]>>,
    known: usize,
    tally: Tally,
}

impl Context {
    /// Whether the text to come is rows of a `COPY`, up to the line that ends them.
    pub(super) const fn is_copying(&self) -> bool {
        matches!(self.within, Within::Copy { .. })
    }

    pub(super) fn into_report(self) -> Report {
        Report {
            found: self.tally.into_found(),
            virtual_tables: Vec::new(),
            complete: self.ended,
            log_missing: false,
        }
    }

    /// Reads `text` on: whole lines, or a part of one long line. `met` is what stands in it.
    pub(super) fn take(&mut self, text: &[u8], met: &[Met]) {
        if !self.began {
            self.began = true;
            let head = text.get(..200).unwrap_or(text);
            let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
            self.is_mysql = has(b"MySQL dump") || has(b"MariaDB dump");
        }
        for one in met {
            match one.mark {
                Some(mark) => self.mark(text, one.at, mark),
                None => self.value(text, one.at),
            }
        }
        self.end(text);
    }

    fn mark(&mut self, text: &[u8], at: usize, mark: Mark) {
        self.create(text.get(..at).unwrap_or(text));
        if matches!(self.within, Within::Copy { .. }) {
            if mark == Mark::CopyEnd {
                self.within = Within::Nothing;
            }
            return;
        }
        self.ended = mark == Mark::End;
        match mark {
            Mark::Copy => self.copy(text, at),
            Mark::Create => {
                self.within = Within::Create {
                    text: Vec::new(),
                    upto: at,
                };
            }
            Mark::Insert => self.within = Within::Statement { at },
            Mark::CopyEnd | Mark::End => {}
        }
    }

    fn copy(&mut self, text: &[u8], at: usize) {
        let rest = text.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let mut words = Words(rest.get(..end).unwrap_or_default());
        words.takes_word("COPY");
        let Some(table) = words.table() else {
            return;
        };
        let columns = words.columns();
        let columns = columns.map_or_else(|| self.columns_of(&table), Rc::from);
        if words.takes_word("FROM") && words.takes_word("stdin") {
            self.within = Within::Copy {
                table,
                columns,
                tabs: 0,
            };
        }
    }

    fn columns_of(&self, table: &str) -> Rc<[String]> {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    /// A value of one of the keys.
    fn value(&mut self, text: &[u8], at: usize) {
        if let Within::Statement { at: begin } = self.within {
            self.statement(text, begin, at);
        }
        match &mut self.within {
            Within::Copy {
                table,
                columns,
                tabs,
            } => {
                let before = text.get(..at).unwrap_or_default();
                let line = memchr::memrchr(b'\n', before);
                let from = line.map_or(0, |line| line.saturating_add(1));
                let mut column = tab_count(before.get(from..).unwrap_or_default());
                if line.is_none() {
                    column = column.saturating_add(*tabs);
                }
                self.tally.add(table, Some(&named(columns, column)), 1);
            }
            Within::Rows {
                table,
                columns,
                row,
                upto,
            } => {
                row.feed(text.get(*upto..at).unwrap_or_default());
                *upto = at.max(*upto);
                if row.has_ended() {
                    return self.tally.add("", None, 1);
                }
                let column = row.column().map(|column| named(columns, column));
                self.tally.add(table, column.as_deref(), 1);
            }
            _ => self.tally.add("", None, 1),
        }
    }

    /// Reads the head of the `INSERT` that begins at `begin`.
    fn statement(&mut self, text: &[u8], begin: usize, upto: usize) {
        let rest = text.get(begin..upto).unwrap_or_default();
        let rest = rest.get(..HEAD).unwrap_or(rest);
        let mut words = Words(rest);
        for word in [
            "INSERT",
            "REPLACE",
            "LOW_PRIORITY",
            "DELAYED",
            "HIGH_PRIORITY",
            "IGNORE",
            "OR",
            "REPLACE",
            "INTO",
        ] {
            words.takes_word(word);
        }
        let quoted = words.0.trim_ascii_start().first() == Some(&b'`');
        let Some(table) = words.table() else {
            self.within = Within::Nothing;
            return;
        };
        let columns = words.columns();
        let columns = columns.map_or_else(|| self.columns_of(&table), Rc::from);
        if words.takes_word("OVERRIDING") {
            let _ = (words.name(), words.takes_word("VALUE"));
        }
        words.takes_word("VALUES");
        let read = rest.len().saturating_sub(words.0.len());
        self.within = Within::Rows {
            table,
            columns,
            row: Row::new(self.is_mysql || quoted),
            upto: begin.saturating_add(read),
        };
    }

    /// Keeps what the next text needs to know.
    fn end(&mut self, text: &[u8]) {
        if let Within::Statement { at } = self.within {
            if text.trim_ascii_end().ends_with(b";") {
                self.within = Within::Nothing;
            } else {
                self.statement(text, at, text.len());
            }
        }
        match &mut self.within {
            Within::Copy { tabs, .. } => match memchr::memrchr(b'\n', text) {
                Some(line) => *tabs = tab_count(text.get(line..).unwrap_or_default()),
                None => *tabs = tabs.saturating_add(tab_count(text)),
            },
            Within::Rows { row, upto, .. } => {
                row.feed(text.get(*upto..).unwrap_or_default());
                *upto = 0;
                if row.has_ended() {
                    self.within = Within::Nothing;
                }
            }
            Within::Create { .. } => self.create(text),
            _ => {}
        }
    }

    /// Reads a `CREATE TABLE` on, and remembers its columns once it is whole.
    fn create(&mut self, text: &[u8]) {
        let Within::Create { text: read, upto } = &mut self.within else {
            return;
        };
        let rest = text.get(*upto..).unwrap_or_default();
        read.extend_from_slice(rest.get(..HEAD).unwrap_or(rest));
        *upto = 0;
        let made = created(read);
        if made.is_none() && read.len() < HEAD && !read.trim_ascii_end().ends_with(b";") {
            return;
        }
        self.within = Within::Nothing;
        let Some((table, columns)) = made else {
            return;
        };
        let known = self.known.saturating_add(columns.len());
        if known <= COLUMNS {
            self.known = known;
            self.tables.insert(table, columns.into());
        }
    }
}

fn tab_count(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\t', text).count()
}

/// The name of a column, or its number where the dump does not name it.
fn named(columns: &[String], column: usize) -> Cow<'_, str> {
    match columns.get(column) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("#{}", column.saturating_add(1))),
    }
}
