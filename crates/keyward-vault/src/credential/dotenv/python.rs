//! `python-dotenv` 1.x, after its `parser.py` and its documentation. What it would leave out with
//! a warning is trouble here.

use std::collections::BTreeMap;

use super::reading::{
    Entry, Escapes, NO_ASSIGNMENT, Reading, Trouble, UNCLOSED, Value, leaves_quote_open, line_end,
    trimmed,
};

/// White space as Python's regular expressions have it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn read(text: &str) -> Result<Reading, Trouble> {
    let mut parser = Parser { text, at: 0 };
    let mut reading = Reading::default();
    loop {
        parser.skip(is_space);
        if parser.rest().is_empty() {
            unset(text, &mut reading);
            return Ok(reading);
        }
        reading.entries.extend(parser.binding()?);
    }
}

/// A name that at last stands alone is not set, whatever stood before.
fn unset(text: &str, reading: &mut Reading) {
    let mut last = BTreeMap::new();
    for entry in &reading.entries {
        last.insert(entry.name(text), entry.value.is_none());
    }
    reading
        .entries
        .retain(|entry| entry.value.is_none() || last.get(entry.name(text)) == Some(&false));
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, over: impl Fn(char) -> bool) {
        let kept = self.rest().trim_start_matches(over);
        self.at = self.text.len().saturating_sub(kept.len());
    }

    /// A variable, a lone name, or none for a comment.
    fn binding(&mut self) -> Result<Option<Entry>, Trouble> {
        let begin = self.at;
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(is_blank)
        {
            self.at = self.text.len().saturating_sub(after.len());
            self.skip(is_blank);
        }
        let name = self.at;
        let comment = self.rest().starts_with('#');
        if !comment {
            self.skip(|c| c != '=' && c != '#' && !is_space(c));
        }
        let name = name..self.at;
        // A name in quotes may hold anything; whether it is one is in doubt.
        if !comment
            && (name.is_empty()
                || self
                    .text
                    .get(name.start..)
                    .is_some_and(|n| n.starts_with('\'')))
        {
            return Err(Trouble::at(begin, NO_ASSIGNMENT));
        }
        self.skip(is_blank);
        let value = if !comment && self.rest().starts_with('=') {
            self.at = self.at.saturating_add(1);
            Some(self.value(begin)?)
        } else {
            None
        };
        self.end_of_line(begin)?;
        Ok((!comment).then_some(Entry { name, value }))
    }

    fn value(&mut self, begin: usize) -> Result<Value, Trouble> {
        let after_sign = self.at;
        self.skip(is_blank);
        let rest = self.rest();
        match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(begin, quote),
            Some('#') if self.at > after_sign => Ok(self.plain(self.at..self.at)),
            _ => {
                let start = self.at;
                let end = line_end(self.text, start);
                let line = self.text.get(start..end).unwrap_or_default();
                if leaves_quote_open(line) {
                    return Err(Trouble::at(begin, UNCLOSED));
                }
                self.at = end;
                let cut = comment(line).unwrap_or(line.len());
                Ok(self.plain(start..start.saturating_add(cut)))
            }
        }
    }

    fn plain(&self, range: std::ops::Range<usize>) -> Value {
        let start = range.start;
        let end = trimmed(self.text, range, is_space).end.max(start);
        Value {
            span: start..line_end(self.text, start),
            inside: start..end,
            escapes: Escapes::None,
            quoted: false,
        }
    }

    fn quoted(&mut self, begin: usize, quote: char) -> Result<Value, Trouble> {
        let start = self.at;
        let inside = start.saturating_add(1);
        let mut escaped = false;
        let rest = self.text.get(inside..).unwrap_or_default();
        let len = rest
            .bytes()
            .position(|byte| {
                let closes = byte == quote as u8 && !escaped;
                escaped = byte == b'\\' && !escaped;
                closes
            })
            .ok_or(Trouble::at(begin, UNCLOSED))?;
        let end = inside.saturating_add(len);
        self.at = end.saturating_add(1);
        Ok(Value {
            span: start..self.at,
            inside: inside..end,
            escapes: if quote == '"' {
                Escapes::PythonDouble
            } else {
                Escapes::PythonSingle
            },
            quoted: true,
        })
    }

    /// Blanks and a comment, then the end of the line.
    fn end_of_line(&mut self, begin: usize) -> Result<(), Trouble> {
        self.skip(is_blank);
        if self.rest().starts_with('#') {
            self.at = line_end(self.text, self.at);
        }
        if self.rest().is_empty() || self.rest().starts_with('\n') {
            return Ok(());
        }
        Err(Trouble::at(begin, NO_ASSIGNMENT))
    }
}

/// Where white space begins that a `#` follows.
fn comment(line: &str) -> Option<usize> {
    line.match_indices('#').find_map(|(at, _)| {
        let before = line.get(..at)?;
        let kept = before.trim_end_matches(is_space).len();
        (kept < at).then_some(kept)
    })
}
