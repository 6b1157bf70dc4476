//! `keyward password verify --batch`: one password for each line of JSON, one verdict for each.
//!
//! A thread reads ahead, the pool checks, and verdicts are written in the order of the lines, each as
//! soon as it is there: so that a program may write a line and wait for its verdict.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use keyward_base::{Error, ErrorKind, Result};
use keyward_password::{Context, Passwords, Policy};

use super::line::Line;
use super::lines::Lines;
use super::verdict::Asked;
use crate::{input, output};

/// Lines that are read ahead of the verdict that is waited for: fewer than may stand in line.
const AHEAD: usize = 64;

/// Bytes of verdicts that are written at once.
const BLOCK: usize = 64 << 10;

/// What came of reading.
enum Step {
    Line(u64, Asked),
    /// The end of the file.
    End,
    Failed(Error),
}

/// Reads `file` line by line, and answers each.
///
/// # Errors
/// `Misuse` and `Unavailable` for a file that cannot be read, and `Misuse` that names the line for one
/// that is malformed, behind the verdicts of those before it.
pub(super) fn run(file: &Path) -> Result<()> {
    let lines = Lines::new(input::reader(file)?);
    let passwords = super::door(Policy::default())?;
    let (tell, hear) = sync_channel(AHEAD);
    // Kept until the last verdict: with the last clone goes what stands in line.
    let reads = passwords.clone();
    std::thread::Builder::new()
        .spawn(move || read(lines, &reads, &tell))
        .map_err(|e| Error::unavailable("the system gives no thread").with_source(e))?;
    let done = write(&hear);
    drop(passwords);
    done
}

/// Until the file ends, a line is malformed, or nobody listens.
fn read(mut lines: Lines<File>, passwords: &Passwords, tell: &SyncSender<Step>) {
    let mut number = 0_u64;
    loop {
        number = number.saturating_add(1);
        let asked = match lines.next() {
            Ok(Some(line)) => ask(passwords, line),
            Ok(None) => {
                let _ = tell.send(Step::End);
                return;
            }
            Err(e) => Err(e),
        };
        let (step, is_last) = match asked {
            Ok(asked) => (Step::Line(number, asked), false),
            Err(e) => (Step::Failed(at(number, e)), true),
        };
        if tell.send(step).is_err() || is_last {
            return;
        }
    }
}

/// Reads a line, and gets its check in line.
fn ask(passwords: &Passwords, line: &[u8]) -> Result<Asked> {
    let (line, password) = Line::with_password(line)?;
    let none = Context::default();
    let context = line.context().unwrap_or(&none);
    Asked::of(
        passwords,
        (line.label()?, line.encoded()?),
        context,
        password,
    )
}

fn write(hear: &Receiver<Step>) -> Result<()> {
    let mut out = Vec::with_capacity(BLOCK);
    loop {
        let step = match hear.try_recv() {
            Err(TryRecvError::Empty) => {
                if !put(&mut out)? {
                    return Ok(());
                }
                hear.recv().ok()
            }
            step => step.ok(),
        };
        let failed = match step {
            Some(Step::Line(number, mut asked)) => {
                // What is there is written before anything is waited for.
                if !asked.is_over() && !put(&mut out)? {
                    return Ok(());
                }
                match asked.told() {
                    Ok(verdict) => {
                        let text = serde_json::to_string(&verdict).map_err(|e| {
                            Error::unavailable("the verdict cannot be written as JSON")
                                .with_source(e)
                        })?;
                        out.extend_from_slice(output::plain_json(&text).as_bytes());
                        out.push(b'\n');
                        if out.len() >= BLOCK && !put(&mut out)? {
                            return Ok(());
                        }
                        continue;
                    }
                    Err(e) => at(number, e),
                }
            }
            Some(Step::End) => return put(&mut out).map(|_| ()),
            Some(Step::Failed(e)) => e,
            // Reading ended without a word: a bug, and never an end of the file.
            None => Error::unavailable("reading the batch ended too soon"),
        };
        put(&mut out)?;
        return Err(failed);
    }
}

/// Writes what there is, and says whether anybody reads.
fn put(out: &mut Vec<u8>) -> Result<bool> {
    let is_read = out.is_empty() || output::put_if_read(out)?;
    out.clear();
    Ok(is_read)
}

/// The error with the number of its line, from 1.
fn at(number: u64, error: Error) -> Error {
    let said = format!("line {number} of the batch: {error}");
    match error.kind() {
        ErrorKind::Misuse => Error::misuse(said),
        _ => Error::unavailable(said).with_source(error),
    }
}
