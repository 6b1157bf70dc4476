//! `keyward audit verify`: the logs of a home, against their heads, their anchor and older
//! checkpoints.

use std::path::Path;

use keyward_audit::audit::Anchored;
use keyward_audit::leaf::origin;
use keyward_audit::note::Others;
use keyward_audit::{Audit, Checkpoint, Of, VerifierKey};
use keyward_base::{Error, ErrorKind, Result, Tenant};
use keyward_embedded::Home;
use keyward_keys::FileAnchor;
use serde::Serialize;

use super::{named, nothing_in, tenant_of};
use crate::input;
use crate::output::{self, counted};
use crate::progress::Progress;

/// The most bytes of a file of checkpoints.
const MAX_SINCE: usize = 16 << 20;

#[derive(Serialize)]
struct Answer {
    logs: Vec<Log>,
}

#[derive(Serialize)]
struct Log {
    tenant: Option<String>,
    log: Option<String>,
    entries: u64,
    erased: u64,
    anchored: Vec<Remembered>,
    bad: Option<String>,
}

#[derive(Serialize)]
struct Remembered {
    anchor: String,
    entries: Option<u64>,
}

/// The checkpoints of a file, as `keyward audit head` writes them: each begins with its log.
pub(super) fn since(file: &Path) -> Result<Vec<String>> {
    let none = || {
        Error::misuse(format!(
            "{} holds no checkpoint: give what `keyward audit head` wrote",
            file.display()
        ))
    };
    let text = String::from_utf8(input::bytes(file, MAX_SINCE)?).map_err(|_| none())?;
    let mut notes: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("keyward-log/") {
            notes.push(String::new());
        }
        notes.last_mut().ok_or_else(none)?.push_str(line);
    }
    if notes.is_empty() {
        return Err(none());
    }
    // What stands between two of them is no part of the one before.
    notes.iter_mut().for_each(|note| {
        note.truncate(note.trim_end().len());
        note.push('\n');
    });
    Ok(notes)
}

/// Checks one log, or all of them.
pub(super) async fn run(
    home: &Home,
    tenant: Option<Tenant>,
    since: Option<Vec<String>>,
    keys: &[VerifierKey],
    json: bool,
) -> Result<()> {
    let audit = home.audit()?;
    let all = tenant.is_none();
    let logs = match tenant {
        Some(tenant) => vec![Of::Tenant(tenant)],
        None => audit.logs().await?,
    };
    let mut failed: Vec<Error> = Vec::new();
    let mut answer = Answer { logs: Vec::new() };
    for of in logs {
        let log = log(audit, &of, &mut failed).await?;
        if !json && log.bad.is_none() {
            output::say(&line(&of, &log))?;
        }
        answer.logs.push(log);
    }
    if all {
        failed.extend(dropped(home, &answer)?);
    }
    for note in since.unwrap_or_default() {
        if let Err(e) = goes_on(audit, &answer, &note, keys).await {
            failed.push(e);
        }
    }
    if json {
        output::json("keyward.audit.verify/1", &answer)?;
    }
    let more = failed.len().saturating_sub(1);
    match failed.into_iter().next() {
        None => Ok(()),
        Some(first) if more == 0 => Err(first),
        Some(first) => {
            let more = counted(more as u64, "more is wrong", "more are wrong");
            let says = format!("{first}; {more}");
            Err(match first.kind() {
                ErrorKind::Corrupt => Error::corrupt(says),
                _ => first,
            })
        }
    }
}

/// Checks a log against its head and the anchors.
async fn log(audit: &Audit, of: &Of, failed: &mut Vec<Error>) -> Result<Log> {
    let progress = Progress::count("entries");
    let checked = async {
        let verified = audit.verify(of, progress.counter()).await?;
        let verified = verified.ok_or_else(|| nothing_in(of))?;
        Ok((verified, audit.check_anchors(of).await?))
    };
    let checked: Result<_> = checked.await;
    progress.end();
    let mut log = Log {
        tenant: tenant_of(of).map(ToString::to_string),
        log: None,
        entries: 0,
        erased: 0,
        anchored: Vec::new(),
        bad: None,
    };
    match checked {
        Ok((verified, anchored)) => {
            log.log = Some(origin(&verified.head.log)?.to_string());
            log.entries = verified.head.size();
            log.erased = verified.erased;
            let remembered = |Anchored { anchor, size, .. }| Remembered {
                anchor,
                entries: size,
            };
            log.anchored = anchored.into_iter().map(remembered).collect();
        }
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            let says = format!("{}: {e}", named(of));
            log.bad = Some(says.clone());
            // What is bad of it may still have a head that tells which log it is.
            if let Ok(Some(head)) = audit.head(of).await {
                log.log = Some(origin(&head.log)?.to_string());
            }
            failed.push(Error::corrupt(says).with_source(e));
        }
        Err(e) => return Err(e),
    }
    Ok(log)
}

fn line(of: &Of, log: &Log) -> String {
    let anchored = log.anchored.iter().filter_map(|held| held.entries).max();
    format!(
        "ok  {}: {}, {} erased by rule, {}",
        named(of),
        counted(log.entries, "entry", "entries"),
        log.erased,
        match anchored {
            Some(size) => format!("the first {size} as the anchor remembers them"),
            None => "and no anchor remembers it yet: `keyward audit head`".to_owned(),
        }
    )
}

/// A log that the anchor remembers and nobody has.
fn dropped(home: &Home, answer: &Answer) -> Result<Option<Error>> {
    let anchor = FileAnchor::new(home.anchor().to_owned());
    let Some(pins) = anchor.pins()? else {
        return Ok(None);
    };
    // One whose head cannot be read may be any of them, and is told of already.
    if answer.logs.iter().any(|log| log.log.is_none()) {
        return Ok(None);
    }
    let is_here = |id: &str| {
        let name = format!("keyward-log/{id}");
        answer
            .logs
            .iter()
            .any(|log| log.log.as_deref() == Some(&name))
    };
    let mut missing = pins.names().filter_map(|name| {
        let id = name.as_str().strip_prefix("log/")?;
        (!is_here(id)).then_some(name)
    });
    Ok(missing.next().map(|name| {
        let entries = pins.find(name).map_or(0, |pin| pin.counter);
        Error::corrupt(format!(
            "the anchor remembers {name} at {entries} entries, and no log here is that one: it was dropped, or another database was put in its place"
        ))
    }))
}

/// Checks that the log of an older checkpoint is here, and goes on from it.
async fn goes_on(audit: &Audit, answer: &Answer, note: &str, keys: &[VerifierKey]) -> Result<()> {
    let name = note.lines().next().unwrap_or_default();
    let here = audit.logs().await?.into_iter().zip(&answer.logs);
    let mut here = here.filter(|(_, log)| log.log.as_deref() == Some(name));
    let Some((of, _)) = here.next() else {
        return Err(Error::corrupt(format!(
            "no log here is {name}, of which a checkpoint was given: it was dropped, or is one of another home"
        )));
    };
    let own = audit.key(&of).await?;
    let of_log = |key: &&VerifierKey| key.name().as_str() == name;
    let mut trusted: Vec<VerifierKey> = keys.iter().filter(of_log).cloned().collect();
    if trusted.is_empty() {
        trusted.extend(own);
    }
    let checkpoint = Checkpoint::open(note, &trusted, Others::PassedOver).map_err(|e| {
        Error::corrupt(format!(
            "the checkpoint of {} is not signed by its key: if the key was replaced since, give the older one with --key",
            named(&of)
        ))
        .with_source(e)
    })?;
    audit.check_since(&of, &checkpoint).await.map_err(|e| {
        if e.kind() == ErrorKind::Corrupt {
            return Error::corrupt(format!(
                "{} does not go on from its checkpoint of {} entries: an older database was put back, or another history was written",
                named(&of),
                checkpoint.size
            ))
            .with_source(e);
        }
        e
    })
}
