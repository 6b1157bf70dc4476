//! `keyward approval check`: the export of a gate, without a home.

use std::io::BufReader;
use std::path::Path;

use keyward_approval::View;
use keyward_approval::gate::export::{self, Exported};
use keyward_approval::reason::{EXPORT, EXPORT_ENTRY, EXPORT_RECORD};
use keyward_approval::view::{Visible, Where};
use keyward_audit::reason::{OTHER_LOG, UNKNOWN_SIGNER};
use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_crypto::Provider;
use serde::Serialize;
use serde_json::Value;

use crate::audit::pinned;
use crate::input;
use crate::output::{self, counted};

#[derive(Serialize)]
struct Answer {
    log: String,
    entries: u64,
    size: u64,
    view: String,
    told: Value,
}

/// Checks it against keys that are trusted, and says what it shows.
pub(super) fn run(file: &Path, keys: &[String], json: bool) -> Result<()> {
    let keys = pinned(keys)?;
    let lines = BufReader::with_capacity(1 << 16, input::reader(file)?);
    let checked = export::check(&Provider::default(), &keys, lines);
    let checked = checked.map_err(|error| not_good(file, error))?;
    let answer = Answer::of(&checked)?;
    if json {
        return output::json("keyward.approval.check/1", &answer);
    }
    output::put(answer.in_words().as_bytes())
}

impl Answer {
    fn of(checked: &Exported) -> Result<Self> {
        let told = serde_json::from_str(&checked.told);
        Ok(Self {
            log: checked.checkpoint.origin.to_string(),
            entries: checked.entries,
            size: checked.checkpoint.size,
            view: View::of(&checked.action).text(),
            told: told.map_err(|e| Error::corrupt("a checked export is JSON").with_source(e))?,
        })
    }

    /// What others wrote stands in quotes, with escapes for what is not seen.
    fn in_words(&self) -> String {
        let all = |name: &str| self.told.get(name).and_then(Value::as_array);
        let text = |of: &Value, name: &str| {
            let found = of.get(name).and_then(Value::as_str).unwrap_or_default();
            let text = Visible::of(found, Where::Mail);
            text.as_str().replace('\n', "")
        };
        let (gate, status) = (text(&self.told, "ticket"), text(&self.told, "status"));
        let mut out = format!("{gate} is {status}\n\n{}\n", self.view);
        for vote in all("votes").into_iter().flatten() {
            let by = match vote.get("by") {
                Some(Value::String(_)) => format!("\"{}\"", text(vote, "by")),
                _ => "the holder of a link".to_owned(),
            };
            let (says, at, why) = (
                text(vote, "decision"),
                text(vote, "at"),
                text(vote, "reason"),
            );
            out.push_str(&format!("{by}: {says}, {at}: \"{why}\"\n"));
        }
        for (nth, done) in (1_usize..).zip(all("actions").into_iter().flatten()) {
            let (result, said) = (text(done, "result"), text(done, "said"));
            out.push_str(&format!("step {nth}: {result} \"{said}\"\n"));
        }
        let entries = counted(self.entries, "entry", "entries");
        let size = counted(self.size, "entry", "entries");
        let log = &self.log;
        out.push_str(&format!(
            "verified: all of it is in {log}, as {entries} of it say, of {size}\n"
        ));
        out
    }
}

/// An export that is not good is one that was damaged, whatever it is that does not fit.
fn not_good(file: &Path, error: Error) -> Error {
    if error.kind() != ErrorKind::Rejected {
        return error;
    }
    let (file, why) = (file.display(), error.reason());
    let says = match why {
        Some(Reason::NOT_AUTHENTIC | UNKNOWN_SIGNER) => {
            format!("the export {file} is not signed by the key that was given with --key")
        }
        Some(OTHER_LOG) => {
            format!("the export {file} is one of another log than the key that was given")
        }
        Some(EXPORT_RECORD) => {
            format!("what the export {file} says of the gate is not what its log says")
        }
        Some(EXPORT_ENTRY) => {
            format!("an entry of the export {file} is missing, or another gate's")
        }
        Some(EXPORT) => format!("{file} is no whole export of one gate"),
        _ => format!("an entry of the export {file} is not what was recorded"),
    };
    let error = Error::corrupt(says).with_source(error);
    match why {
        Some(why) => error.because(why),
        None => error,
    }
}
