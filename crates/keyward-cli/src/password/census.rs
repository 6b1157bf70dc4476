//! `keyward password census`: what a table holds.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use keyward_base::{Error, ErrorKind, Result};
use keyward_password::census::{Counted, Group, Kind, time_of_a_wrap};
use keyward_password::{Census, Context, Passwords, Policy, Row};
use serde::Serialize;

use super::line::Line;
use super::lines::Lines;
use super::verify;
use crate::args::CensusArgs;
use crate::input;
use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    all: Numbers,
    groups: Vec<OfGroup>,
    others: Numbers,
    wrapping: Option<Wrapping>,
}

#[derive(Serialize)]
struct Numbers {
    rows: u64,
    weaker: u64,
    wrappable: u64,
    wrapped: u64,
    not_read: u64,
}

#[derive(Serialize)]
struct OfGroup {
    scheme: Option<&'static str>,
    method: Option<String>,
    outer: Option<String>,
    key: Option<String>,
    verdict: Option<&'static str>,
    reason: Option<&'static str>,
    of_owasps_least: Option<f64>,
    #[serde(flatten)]
    numbers: Numbers,
}

/// What wrapping all that would be wrapped takes here.
#[derive(Serialize)]
struct Wrapping {
    workers: usize,
    ms_each: f64,
    seconds: f64,
}

/// Counts the lines of a file.
///
/// # Errors
/// `Misuse` for a file or context that cannot be read, and with its number for a line that is too
/// long; `Unavailable` if there is no memory to measure with.
pub(super) fn run(wanted: &CensusArgs, json: bool) -> Result<()> {
    let context = match &wanted.context {
        Some(file) => verify::context(file)?,
        None => Context::default(),
    };
    let label = wanted.scheme.as_deref();
    verify::note_unknown(label);
    let passwords = super::door(Policy::default())?;
    let mut census = Census::new(&passwords);
    let mut lines = Lines::new(input::reader(&wanted.file)?);
    let progress = Progress::count("rows");
    let mut count = progress.counter();
    let mut number = 0_u64;
    loop {
        number = number.saturating_add(1);
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(e) => return Err(at(number, e)),
        };
        let line = if number == 1 {
            without_mark(line)
        } else {
            line
        };
        add(&mut census, line, label, &context).map_err(|e| at(number, e))?;
        count(number);
    }
    progress.end();
    let wrapping = wrapping(&passwords, &census)?;
    if json {
        let answer = Answer {
            all: numbers(census.counted()),
            groups: census.groups().into_iter().map(of_group).collect(),
            others: numbers(census.others()),
            wrapping,
        };
        return output::json("keyward.password.census/1", &answer);
    }
    say(&census, wrapping.as_ref())
}

/// A mark of the order of bytes, which some programs write first.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}

/// One line: of a batch if it is an object with `encoded`, else a string as it stands. Empty ones are
/// passed over.
fn add(census: &mut Census, line: &[u8], label: Option<&str>, context: &Context) -> Result<()> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Ok(());
    }
    if let Some(own) = Line::without_password(line)? {
        let encoded = own.encoded()?;
        let row = Row::new(encoded).context(own.context().unwrap_or(context));
        census.add(&with(row, own.label()?.or(label)));
        return Ok(());
    }
    // What is not UTF-8 is no stored string, and is counted as what it looks like otherwise.
    let text = String::from_utf8_lossy(line);
    census.add(&with(Row::new(&text).context(context), label));
    Ok(())
}

fn with<'a>(row: Row<'a>, label: Option<&'a str>) -> Row<'a> {
    match label {
        Some(label) => row.label(label),
        None => row,
    }
}

#[allow(clippy::disallowed_methods)] // What is measured is time itself.
fn wrapping(passwords: &Passwords, census: &Census) -> Result<Option<Wrapping>> {
    if census.counted().wrappable == 0 {
        return Ok(None);
    }
    let start = Instant::now();
    let each = time_of_a_wrap(passwords, || start.elapsed())?;
    Ok(Some(Wrapping {
        workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        ms_each: each.as_secs_f64() * 1000.0,
        seconds: census.time_to_wrap(each).as_secs_f64(),
    }))
}

fn say(census: &Census, wrapping: Option<&Wrapping>) -> Result<()> {
    let all = census.counted();
    output::say(&format!(
        "{}: {} weaker than a new hash, {} wrapped, {} not to be verified",
        counted(all.rows, "row", "rows"),
        all.weaker,
        all.wrapped,
        all.not_read
    ))?;
    let groups = census.groups();
    if !groups.is_empty() {
        output::say(&format!("{:>12}  {:>12}  weakest first", "rows", "weaker"))?;
    }
    for group in groups {
        let Counted { rows, weaker, .. } = group.counted;
        output::say(&format!("{rows:>12}  {weaker:>12}  {}", group.kind))?;
    }
    let others = census.others();
    if others.rows > 0 {
        let Counted { rows, weaker, .. } = others;
        output::say(&format!("{rows:>12}  {weaker:>12}  of further kinds"))?;
    }
    if let Some(wrapping) = wrapping {
        output::say(&format!(
            "{} to wrap: {} here, with {} at {:.1} ms each together",
            counted(all.wrappable, "row", "rows"),
            span(Duration::from_secs_f64(wrapping.seconds)),
            counted(
                u64::try_from(wrapping.workers).unwrap_or(u64::MAX),
                "worker",
                "workers"
            ),
            wrapping.ms_each
        ))?;
    }
    Ok(())
}

/// In hours, from an hour on.
fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 3600.0 {
        return format!("{:.1} hours", seconds / 3600.0);
    }
    if seconds >= 60.0 {
        return format!("{:.1} minutes", seconds / 60.0);
    }
    format!("{seconds:.1} seconds")
}

const fn numbers(counted: Counted) -> Numbers {
    Numbers {
        rows: counted.rows,
        weaker: counted.weaker,
        wrappable: counted.wrappable,
        wrapped: counted.wrapped,
        not_read: counted.not_read,
    }
}

fn of_group(group: Group) -> OfGroup {
    let mut of = OfGroup {
        scheme: None,
        method: None,
        outer: None,
        key: None,
        verdict: None,
        reason: None,
        of_owasps_least: None,
        numbers: numbers(group.counted),
    };
    match group.kind {
        Kind::Read {
            scheme,
            method,
            outer,
            key,
        } => {
            of.scheme = Some(scheme.label());
            (of.method, of.outer, of.key) = (Some(method), outer, key);
            of.of_owasps_least = Some(group.of_owasps_least);
        }
        Kind::Sealed { key } => of.key = Some(key),
        Kind::NotRead { verdict, reason } => {
            of.verdict = Some(verdict.as_str());
            of.reason = Some(reason.as_str());
        }
        _ => {}
    }
    of
}

/// The error with the number of its line, from 1.
fn at(number: u64, error: Error) -> Error {
    let said = format!("line {number} of the table: {error}");
    match error.kind() {
        ErrorKind::Misuse => Error::misuse(said),
        _ => Error::unavailable(said).with_source(error),
    }
}
