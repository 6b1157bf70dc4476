//! A set of environment variables, read from a dotenv file. Nothing is expanded.
//!
//! | form | value |
//! |---|---|
//! | `NAME=value` | up to the end of the line or ` #`, white space trimmed |
//! | `NAME='value'` | as it stands, over several lines too |
//! | `NAME="value"` | over several lines too; `\n` `\r` `\t` `\"` `\\` `\$` are escapes |
//! | `export NAME=…` | the same |
//! | `# …` and empty lines | skipped |

use std::fmt;

use keyward_base::{Error, Result, SecretBytes};

use super::Facts;

/// The most variables of one set.
const MAX_VARS: usize = 1000;
/// The most bytes of a name.
const MAX_NAME: usize = 255;

/// One variable. Its value is wiped on drop.
pub struct EnvVar {
    name: String,
    value: SecretBytes,
}

impl EnvVar {
    /// Its name: a letter or `_`, then letters, digits and `_`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    #[must_use]
    pub const fn value(&self) -> &SecretBytes {
        &self.value
    }
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvVar({})", self.name)
    }
}

/// A set of environment variables, in their order, each name once.
#[derive(Debug)]
pub struct EnvSet(Vec<EnvVar>);

impl EnvSet {
    /// Reads a dotenv file: at most 1000 variables, UTF-8, no NUL.
    ///
    /// # Errors
    /// `Misuse` with the number of the line; values are never quoted.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::misuse("the dotenv file is not UTF-8"))?;
        if text.contains('\0') {
            return Err(Error::misuse("the dotenv file holds a NUL"));
        }
        let mut rest = Cursor {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            line: 1,
        };
        let mut vars: Vec<EnvVar> = Vec::new();
        while let Some(line) = rest.next_variable() {
            let var = rest.variable()?;
            if vars.iter().any(|other| other.name == var.name) {
                return Err(wrong(line, &format!("{} is set a second time", var.name)));
            }
            if vars.len() >= MAX_VARS {
                return Err(wrong(line, "more than 1000 variables"));
            }
            vars.push(var);
        }
        if vars.is_empty() {
            return Err(Error::misuse("the dotenv file sets no variable"));
        }
        Ok(Self(vars))
    }

    /// The variables, in their order.
    #[must_use]
    pub fn vars(&self) -> &[EnvVar] {
        &self.0
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            names: self.0.iter().map(|var| var.name.clone()).collect(),
            ..Facts::default()
        }
    }
}

fn wrong(line: usize, what: &str) -> Error {
    Error::misuse(format!("line {line} of the dotenv file: {what}"))
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Skips to the next line that is neither empty nor a comment, and returns its number.
    fn next_variable(&mut self) -> Option<usize> {
        loop {
            let trimmed = self.rest.trim_start_matches([' ', '\t', '\r']);
            match trimmed.chars().next()? {
                '\n' | '#' => {
                    self.rest = trimmed;
                    self.end_line();
                }
                _ => {
                    self.rest = trimmed;
                    return Some(self.line);
                }
            }
        }
    }

    /// Skips what is left of the line.
    fn end_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line = self.line.saturating_add(1);
        line
    }

    fn variable(&mut self) -> Result<EnvVar> {
        let number = self.line;
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.rest = after.trim_start_matches([' ', '\t']);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (name, after) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(wrong(
                number,
                "a name is a letter or '_', then letters, digits and '_', at most 255",
            ));
        }
        self.rest = after
            .trim_start_matches([' ', '\t'])
            .strip_prefix('=')
            .ok_or_else(|| wrong(number, "no '=' after the name"))?
            .trim_start_matches([' ', '\t']);
        let value = match self.rest.chars().next() {
            Some('"') => self.double_quoted(number)?,
            Some('\'') => self.single_quoted(number)?,
            _ => plain(self.end_line()),
        };
        Ok(EnvVar {
            name: name.to_owned(),
            value,
        })
    }

    fn single_quoted(&mut self, number: usize) -> Result<SecretBytes> {
        let inside = self.rest.strip_prefix('\'').unwrap_or_default();
        let (value, after) = inside
            .split_once('\'')
            .ok_or_else(|| wrong(number, "no closing '"))?;
        self.closed(number, value, after)?;
        Ok(SecretBytes::copy_of(value.as_bytes()))
    }

    fn double_quoted(&mut self, number: usize) -> Result<SecretBytes> {
        let inside = self.rest.strip_prefix('"').unwrap_or_default();
        let (source, after) = closing_quote(inside)
            .and_then(|at| inside.split_at_checked(at))
            .ok_or_else(|| wrong(number, "no closing \""))?;
        // The value is at most as long as its source: the buffer never grows and leaves a copy.
        let mut value = SecretBytes::new(Vec::with_capacity(source.len()));
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            let c = match c {
                '\\' => match chars.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(c @ ('"' | '\\' | '$')) => c,
                    _ => return Err(wrong(number, "an unknown escape in double quotes")),
                },
                c => c,
            };
            value.push(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.closed(number, source, after.strip_prefix('"').unwrap_or_default())?;
        Ok(value)
    }

    /// After a closing quote: nothing but white space and a comment.
    fn closed(&mut self, number: usize, source: &str, after: &'a str) -> Result<()> {
        self.line = self.line.saturating_add(source.matches('\n').count());
        self.rest = after;
        let tail = self.end_line().trim();
        if tail.is_empty() || tail.starts_with('#') {
            return Ok(());
        }
        Err(wrong(number, "text after the closing quote"))
    }
}

/// Where the first `"` stands that no backslash escapes.
fn closing_quote(inside: &str) -> Option<usize> {
    let mut escaped = false;
    inside.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// An unquoted value: up to ` #`, trimmed.
fn plain(line: &str) -> SecretBytes {
    let comment = if line.starts_with('#') {
        Some(0)
    } else {
        line.find(" #").into_iter().chain(line.find("\t#")).min()
    };
    let value = comment.and_then(|at| line.get(..at)).unwrap_or(line);
    SecretBytes::copy_of(value.trim().as_bytes())
}
