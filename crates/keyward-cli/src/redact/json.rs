//! JSON on standard input: a log whose lines are JSON, masked as they come, or one document that
//! goes on over lines, masked as a whole.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use keyward_base::{Error, Result, SecretBytes};
use keyward_redact::Redactor;
use keyward_redact::json::ReadAs;
use serde::de::IgnoredAny;

use super::{PIECE, Stopped, copy, written};
use crate::output;
use crate::patient::Patient;

/// The longest document over several lines, in bytes: 64 MiB. It is in memory as a whole.
const LONGEST: usize = 64 << 20;

/// The longest first line that is looked at, in bytes: 1 MiB. What is longer goes line by line.
const FIRST: u64 = 1 << 20;

/// Masks by the first line: if it begins an object or a list and does not end it, all is one text.
///
/// # Errors
/// `Misuse` for a document that is too long; `Unavailable` if something cannot be read or written.
pub(super) fn filter(redactor: &Redactor, from: Patient, to: Patient) -> Result<()> {
    let mut from = BufReader::with_capacity(PIECE, from);
    let mut first = SecretBytes::new(Vec::new());
    let mut line = Vec::new();
    let read = from.by_ref().take(FIRST).read_until(b'\n', &mut line);
    first.push(&line);
    drop(SecretBytes::new(line));
    read.map_err(|e| stopped(Stopped::Reading(e)))?;
    if goes_on(first.expose()) {
        return whole(redactor, first, from, to);
    }
    let mut lines = redactor.json_lines(to);
    let done = lines.write_all(first.expose()).and_then(|()| lines.flush());
    if let Err(e) = done {
        return written(Err(e));
    }
    match copy(from, &mut lines) {
        Ok(()) => written(lines.finish().map(drop)),
        Err(stopped) => stopped.told(),
    }
}

/// Whether a line begins a document and does not end it.
fn goes_on(line: &[u8]) -> bool {
    let begins = matches!(line.trim_ascii_start(), [b'{' | b'[', ..]);
    begins && serde_json::from_slice::<IgnoredAny>(line).is_err_and(|e| e.is_eof())
}

fn whole(
    redactor: &Redactor,
    mut text: SecretBytes,
    mut from: BufReader<Patient>,
    mut to: Patient,
) -> Result<()> {
    let room = LONGEST.saturating_sub(text.len());
    let rest = SecretBytes::read(&mut from, room).map_err(|e| match e.reason() {
        Some(_) => Error::misuse(
            "a JSON document over several lines has at most 64 MiB here: write it on one line, or \
             leave out --json",
        ),
        None => e,
    })?;
    text.push(rest.expose());
    let masked = redactor.json(text.expose());
    match masked.read_as {
        ReadAs::Text => output::note("standard input is not JSON: it was masked as text"),
        ReadAs::Spanned => {
            output::note("a secret reaches over the structure of the JSON: it was masked as text");
        }
        _ => {}
    }
    written(to.write_all(&masked.bytes).and_then(|()| to.flush()))
}

fn stopped(why: Stopped) -> Error {
    match why.told() {
        Err(error) => error,
        Ok(()) => Error::unavailable("standard input cannot be read to its end"),
    }
}
