//! `keyward audit verify --file`: an export, without a home.

use std::path::Path;

use keyward_audit::erased::Told;
use keyward_audit::export::{self, Refused};
use keyward_audit::{VerifierKey, reason};
use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_crypto::Provider;
use serde::Serialize;

use crate::input;
use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Answer {
    log: String,
    from: u64,
    until: u64,
    erased: u64,
    by_no_rule: Option<u64>,
    size: u64,
    erasures: Vec<Erasing>,
}

/// What an entry of the export says of an erasure.
#[derive(Serialize)]
struct Erasing {
    record: u64,
    from: u64,
    until: u64,
    count: u64,
}

/// How many of them are shown, at most: an export may have any number.
const MAX_SHOWN: usize = 1000;

/// The keys that are trusted.
pub(crate) fn pinned(keys: &[String]) -> Result<Vec<VerifierKey>> {
    let provider = Provider::default();
    let parse = |key: &String| {
        VerifierKey::parse(&provider, key.trim()).map_err(|_| {
            Error::misuse(
                "that is no key of an audit log: copy it whole, as `keyward audit key` shows it (keyward-log/<id>+<hash>+<key>)",
            )
        })
    };
    keys.iter().map(parse).collect()
}

/// Checks an export against keys that are trusted.
pub(super) fn run(file: &Path, keys: &[String], json: bool) -> Result<()> {
    let keys = pinned(keys)?;
    let lines = std::io::BufReader::with_capacity(1 << 16, input::reader(file)?);
    let progress = Progress::count("entries");
    let (mut count, mut seen) = (progress.counter(), 0_u64);
    let mut erasures = Vec::new();
    let checked = export::check(&Provider::default(), &keys, lines, |seq, header, entry| {
        if erasures.len() < MAX_SHOWN
            && let Some(told) = Told::of(seq, header, entry)
        {
            erasures.push(Erasing {
                record: seq,
                from: told.entries.start,
                until: told.entries.end,
                count: told.count,
            });
        }
        seen = seen.saturating_add(1);
        if seen.is_multiple_of(1024) {
            count(seen);
        }
    });
    progress.end();
    let checked = checked.map_err(|refused| not_good(file, refused))?;
    let answer = Answer {
        log: checked.checkpoint.origin.to_string(),
        from: checked.entries.start,
        until: checked.entries.end,
        erased: checked.erased,
        by_no_rule: checked.by_no_rule,
        erasures,
        size: checked.checkpoint.size,
    };
    if json {
        output::json("keyward.audit.verify-file/1", &answer)?;
    }
    if let Some(seq) = answer.by_no_rule {
        // The record of an erasure stands behind what it names.
        let whole = answer.until == answer.size;
        return Err(Error::corrupt(format!(
            "entry {seq} of the export {} was erased, and no rule says so{}",
            file.display(),
            if whole {
                String::new()
            } else {
                format!(
                    ": one may, behind its end; export up to the newest entry ({} at least) to tell",
                    answer.size
                )
            }
        )));
    }
    if json {
        return Ok(());
    }
    for Erasing {
        record,
        from,
        until,
        count,
    } in &answer.erasures
    {
        output::say(&format!(
            "entry {record} records an erasure: {} from number {from} to {}",
            counted(*count, "entry", "entries"),
            until.saturating_sub(1),
        ))?;
    }
    let many = answer.until.saturating_sub(answer.from);
    output::say(&format!(
        "verified: {} from number {} on, {} erased by rule, of {} at {}",
        counted(many, "entry", "entries"),
        answer.from,
        answer.erased,
        answer.log,
        counted(answer.size, "entry", "entries"),
    ))
}

/// An export that is not good is one that was damaged, whatever it is that does not fit.
fn not_good(file: &Path, refused: Refused) -> Error {
    let Refused { seq, error, .. } = refused;
    if error.kind() != ErrorKind::Rejected {
        return error;
    }
    let file = file.display();
    let why = error.reason();
    let says = match (seq, why) {
        (Some(seq), _) => format!("entry {seq} of the export {file} is not what was recorded"),
        (None, Some(Reason::NOT_AUTHENTIC | reason::UNKNOWN_SIGNER)) => {
            format!("the export {file} is not signed by the key that was given with --key")
        }
        (None, Some(reason::OTHER_LOG)) => {
            format!("the export {file} is one of another log than the key that was given")
        }
        (None, Some(reason::NOT_PROVED)) => format!(
            "the entries of the export {file} are not those that its checkpoint vouches for: one was added, dropped or moved, or the ends were changed"
        ),
        _ => format!("{file} is no whole export of an audit log"),
    };
    let error = Error::corrupt(says).with_source(error);
    match why {
        Some(why) => error.because(why),
        None => error,
    }
}
