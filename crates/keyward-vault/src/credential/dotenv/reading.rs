//! What one loader sees in a dotenv file: places in the text, and no copy of it.

use std::ops::Range;

use keyward_base::{Error, SecretBytes};

use super::Lines;

/// How the characters of a value become the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// They are the value.
    None,
    /// `\n` and `\r`.
    Npm,
    /// `\\` and `\'`.
    PythonSingle,
    /// `\\` `\'` `\"` `\a` `\b` `\f` `\n` `\r` `\t` `\v`.
    PythonDouble,
}

/// One variable, or a name that stands alone.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Range<usize>,
    /// None if the name stands alone.
    pub(super) value: Option<Value>,
}

/// The value of an entry.
#[derive(Debug)]
pub(super) struct Value {
    /// All that belongs to it, quotes too.
    pub(super) span: Range<usize>,
    /// What is decoded.
    pub(super) inside: Range<usize>,
    pub(super) escapes: Escapes,
    /// Whether quotes enclose it.
    pub(super) quoted: bool,
}

impl Entry {
    pub(super) fn name<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.name.clone()).unwrap_or_default()
    }

    /// The value, decoded.
    pub(super) fn value(&self, text: &str) -> Option<SecretBytes> {
        let value = self.value.as_ref()?;
        let source = text.get(value.inside.clone()).unwrap_or_default();
        Some(value.escapes.decode(source))
    }
}

impl Escapes {
    fn decode(self, source: &str) -> SecretBytes {
        // The value is at most as long as its source: the buffer never grows and leaves a copy.
        let mut value = SecretBytes::new(Vec::with_capacity(source.len()));
        let mut rest = source;
        while let Some(at) = rest.find('\\').filter(|_| self != Self::None) {
            let (before, from) = rest.split_at(at);
            value.push(before.as_bytes());
            let mut chars = from.chars();
            let escape = chars.next().and_then(|_| self.meaning(chars.next()?));
            if let Some(meaning) = escape {
                value.push(&[meaning]);
                rest = chars.as_str();
            } else {
                value.push(b"\\");
                rest = from.strip_prefix('\\').unwrap_or_default();
            }
        }
        value.push(rest.as_bytes());
        value
    }

    /// What a backslash and this character stand for; none if they stay as they are.
    const fn meaning(self, c: char) -> Option<u8> {
        Some(match (self, c) {
            (Self::Npm | Self::PythonDouble, 'n') => b'\n',
            (Self::Npm | Self::PythonDouble, 'r') => b'\r',
            (Self::PythonSingle | Self::PythonDouble, '\\') => b'\\',
            (Self::PythonSingle | Self::PythonDouble, '\'') => b'\'',
            (Self::PythonDouble, '"') => b'"',
            (Self::PythonDouble, 'a') => 0x07,
            (Self::PythonDouble, 'b') => 0x08,
            (Self::PythonDouble, 't') => b'\t',
            (Self::PythonDouble, 'v') => 0x0b,
            (Self::PythonDouble, 'f') => 0x0c,
            _ => return None,
        })
    }
}

/// All that one loader sees, in its order.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) entries: Vec<Entry>,
}

impl Reading {
    /// Where the first name of `other` stands that lies inside a value of this reading.
    pub(super) fn takes_for_value(&self, other: &Self) -> Option<usize> {
        let mut values = self.entries.iter().filter_map(|entry| entry.value.as_ref());
        let mut value = values.next();
        // Both are in the order of the text.
        for entry in &other.entries {
            let at = entry.name.start;
            while value.is_some_and(|value| value.span.end <= at) {
                value = values.next();
            }
            if value.is_some_and(|value| value.span.start <= at) {
                return Some(at);
            }
        }
        None
    }
}

/// Why a reading cannot be relied on, and where in the text.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) at: usize,
    what: &'static str,
}

impl Trouble {
    pub(super) const fn at(at: usize, what: &'static str) -> Self {
        Self { at, what }
    }

    pub(super) fn in_words(&self, text: &str) -> Error {
        let line = Lines::of(text).number(self.at);
        Error::misuse(format!("line {line} of the dotenv file: {}", self.what))
    }
}

pub(super) const UNCLOSED: &str = "no closing quote of the same sort: close it";
pub(super) const NO_ASSIGNMENT: &str = "this is no NAME=value, with a name of letters, digits, '_', '-' and '.': put quotes around a value of several lines";

/// Whether `line`, from its first character on, opens a quote and does not close it: whether an
/// odd number of that quote stands in it.
pub(super) fn leaves_quote_open(line: &str) -> bool {
    let opened = line.chars().next();
    opened
        .filter(|c| matches!(c, '"' | '\'' | '`'))
        .is_some_and(|quote| !line.matches(quote).count().is_multiple_of(2))
}

/// The place of the end of the line that holds `at`.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find('\n')
        .map_or(text.len(), |end| at.saturating_add(end))
}

/// `range` without the characters at either end that `is_blank` names.
pub(super) fn trimmed(
    text: &str,
    range: Range<usize>,
    is_blank: impl Fn(char) -> bool,
) -> Range<usize> {
    let inside = text.get(range.clone()).unwrap_or_default();
    let kept = inside.trim_start_matches(&is_blank);
    let start = range.end.saturating_sub(kept.len());
    let len = kept.trim_end_matches(&is_blank).len();
    start..start.saturating_add(len)
}
