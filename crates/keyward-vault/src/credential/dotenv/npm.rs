//! `dotenv` of npm, versions 15 to 18, after its documentation and its parser. What it would skip
//! in silence is trouble here, except a name that stands alone.

use super::reading::{
    Entry, Escapes, NO_ASSIGNMENT, Reading, Trouble, UNCLOSED, Value, leaves_quote_open, line_end,
    trimmed,
};

/// White space as JavaScript's regular expressions have it.
fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// What ends a comment.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    is_space(c) && !is_line_end(c)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
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
        match parser.rest().chars().next() {
            None => return Ok(reading),
            Some('#') => parser.skip(|c| !is_line_end(c)),
            Some(_) => reading.entries.push(parser.entry()?),
        }
    }
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, over: impl Fn(char) -> bool) {
        let kept = self.rest().trim_start_matches(over);
        self.at = self.text.len().saturating_sub(kept.len());
    }

    fn entry(&mut self) -> Result<Entry, Trouble> {
        let begin = self.at;
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(is_blank)
            && after.trim_start_matches(is_blank).starts_with(is_name)
        {
            self.at = self.text.len().saturating_sub(after.len());
            self.skip(is_blank);
        }
        let name = self.at;
        self.skip(is_name);
        let name = name..self.at;
        let after = self.rest();
        self.skip(is_blank);
        let sign = self.rest();
        let trouble = Trouble::at(begin, NO_ASSIGNMENT);
        if name.is_empty() {
            return Err(trouble);
        }
        if sign.starts_with('=') {
            self.at = self.at.saturating_add(1);
        } else if let Some(space) = after.strip_prefix(':').and_then(|a| a.chars().next())
            && is_space(space)
        {
            self.at = name.end.saturating_add(1).saturating_add(space.len_utf8());
        } else if sign.is_empty() || sign.starts_with(is_line_end) || sign.starts_with('#') {
            // The `=` of such a name may stand on a later line.
            if sign.trim_start_matches(is_space).starts_with('=') {
                return Err(trouble);
            }
            return Ok(Entry { name, value: None });
        } else {
            return Err(trouble);
        }
        let value = match self.quoted() {
            Some(value) => value,
            None => self.plain(begin)?,
        };
        Ok(Entry {
            name,
            value: Some(value),
        })
    }

    /// A value in quotes, which may begin on a later line. The first quote closes it that no
    /// backslash precedes; if more than a comment follows that one, the last before it does that
    /// nothing follows.
    fn quoted(&mut self) -> Option<Value> {
        let start = self
            .text
            .len()
            .saturating_sub(self.rest().trim_start_matches(is_space).len());
        let quote = self.text.get(start..)?.chars().next()?;
        if !matches!(quote, '"' | '\'' | '`') {
            return None;
        }
        let inside = start.saturating_add(1);
        let rest = self.text.get(inside..)?;
        let mut closing = None;
        for (at, _) in rest.match_indices(quote) {
            let at = inside.saturating_add(at);
            let after = self
                .text
                .get(at.saturating_add(1)..)?
                .trim_start_matches(is_blank);
            if after.is_empty() || after.starts_with(is_line_end) || after.starts_with('#') {
                closing = Some(at);
            }
            if !self
                .text
                .get(..at)
                .is_some_and(|before| before.ends_with('\\'))
            {
                break;
            }
        }
        let closing = closing?;
        self.at = closing.saturating_add(1);
        Some(Value {
            span: start..self.at,
            inside: inside..closing,
            escapes: if quote == '"' {
                Escapes::Npm
            } else {
                Escapes::None
            },
            quoted: true,
        })
    }

    /// Up to `#` or the end of the line. Quotes at both ends are no part of it.
    fn plain(&mut self, begin: usize) -> Result<Value, Trouble> {
        let start = self.at;
        let end = line_end(self.text, start);
        let line = self.text.get(start..end).unwrap_or_default();
        if leaves_quote_open(line.trim_start_matches(is_space)) {
            return Err(Trouble::at(begin, UNCLOSED));
        }
        let cut = line.find('#').map_or(end, |at| start.saturating_add(at));
        let mut inside = trimmed(self.text, start..cut, is_space);
        let value = self.text.get(inside.clone()).unwrap_or_default();
        // Where JavaScript has a line end within it, quotes around one of its lines are taken off.
        if value.contains(is_line_end) && value.contains(['"', '\'', '`']) {
            return Err(Trouble::at(begin, NO_ASSIGNMENT));
        }
        let mut chars = value.chars();
        let first = chars.next();
        let escapes = if first == Some('"') {
            Escapes::Npm
        } else {
            Escapes::None
        };
        if matches!(first, Some('"' | '\'' | '`')) && chars.next_back() == first {
            inside = inside.start.saturating_add(1)..inside.end.saturating_sub(1);
        }
        // What is a comment here may be of the value to others.
        self.at = cut;
        Ok(Value {
            span: start..end,
            inside,
            escapes,
            quoted: false,
        })
    }
}
