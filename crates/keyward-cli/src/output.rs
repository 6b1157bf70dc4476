//! Standard output and standard error: plain text, JSON, and whether a person is looking.

mod count;
mod plain;

use std::io::{self, IsTerminal, Write};

use keyward_base::{Error, Result};
use serde::Serialize;

pub(crate) use count::counted;
pub(crate) use plain::json as plain_json;
pub(crate) use plain::text as plain;

/// Writes `text` to standard output as it is.
///
/// # Errors
/// `Unavailable` if it cannot be written. A reader that has gone away is no error.
pub(crate) fn put(text: &[u8]) -> Result<()> {
    put_if_read(text).map(|_| ())
}

/// [`put`], which says whether anybody reads: what has no end by itself ends with its reader.
///
/// # Errors
/// As [`put`].
pub(crate) fn put_if_read(text: &[u8]) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::unavailable("standard output cannot be written").with_source(e)),
    }
}

/// Writes one line to standard output. Whatever stands in it, a terminal is told nothing but the
/// colours of [`Screen::paint`].
///
/// # Errors
/// As [`put`].
pub(crate) fn say(line: &str) -> Result<()> {
    say_if_read(line).map(|_| ())
}

/// [`say`], which says whether anybody reads.
///
/// # Errors
/// As [`put`].
pub(crate) fn say_if_read(line: &str) -> Result<bool> {
    put_if_read(format!("{}\n", plain::but_colours(line)).as_bytes())
}

/// Writes one line to standard error, with nothing in it for a terminal to obey. There is nowhere
/// to report that it failed.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain::text(line));
}

/// Says what was done, on standard error: standard output carries only what was asked for.
pub(crate) fn note(line: &str) {
    complain(&format!("keyward: {line}"));
}

/// One JSON answer: its versioned format, then the fields of `body`.
#[derive(Serialize)]
struct Answer<'a, T> {
    format: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// Writes `body` as one JSON object whose first field is `"format": format`.
///
/// # Errors
/// As [`put`].
pub(crate) fn json<T: Serialize>(format: &str, body: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(&Answer { format, body })
        .map_err(|e| Error::unavailable("the answer cannot be written as JSON").with_source(e))?;
    put(format!("{}\n", plain::json(&text)).as_bytes())
}

/// The same in one line, for what comes again and again. Says whether anybody reads.
///
/// # Errors
/// As [`put`].
pub(crate) fn json_line<T: Serialize>(format: &str, body: &T) -> Result<bool> {
    let text = serde_json::to_string(&Answer { format, body })
        .map_err(|e| Error::unavailable("the answer cannot be written as JSON").with_source(e))?;
    put_if_read(format!("{}\n", plain::json(&text)).as_bytes())
}

/// How standard output is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Columns.
    pub(crate) width: usize,
    /// Whether ANSI colours are wanted.
    pub(crate) colour: bool,
}

impl Screen {
    const LEAST: usize = 60;
    const MOST: usize = 140;
    const UNKNOWN: usize = 100;

    /// Asks the terminal; `COLUMNS` overrides its width, and `NO_COLOR` its colour
    /// (<https://no-color.org>: any non-empty value).
    pub(crate) fn of_stdout() -> Self {
        let out = io::stdout();
        let named = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let asked = || terminal_size::terminal_size_of(&out).map(|(w, _)| usize::from(w.0));
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self {
            width: named
                .or_else(asked)
                .unwrap_or(Self::UNKNOWN)
                .clamp(Self::LEAST, Self::MOST),
            colour: out.is_terminal() && !plain,
        }
    }

    /// `text` in `colour`, if colours are wanted.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        let text = plain(text);
        if self.colour && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", colour.code())
        } else {
            text.into_owned()
        }
    }
}

/// The few colours in use, by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    /// In use.
    Good,
    /// Needs a look.
    Warn,
    /// Broken, or gone.
    Bad,
    /// On its way in.
    Coming,
    /// Less important.
    Faint,
}

impl Colour {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Coming => "36",
            Self::Faint => "2",
        }
    }
}
