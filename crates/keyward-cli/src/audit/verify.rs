//! `keyward audit verify`: the logs of a home, against their heads, their anchor and older
//! checkpoints.

use std::path::Path;

use keyward_audit::audit::{Anchored, Rooted};
use keyward_audit::leaf::origin;
use keyward_audit::note::Others;
use keyward_audit::{Audit, Checkpoint, Of, VerifierKey};
use keyward_base::{Error, ErrorKind, Result, Tenant};
use keyward_embedded::Home;
use serde::Serialize;

use super::lost::{self, LostLog};
use super::{nothing_in, tenant_of};
use crate::input;
use crate::output::{self, counted};
use crate::progress::Progress;

/// The most bytes of a file of checkpoints.
const MAX_SINCE: usize = 16 << 20;

#[derive(Serialize)]
struct Answer {
    logs: Vec<Log>,
    /// Those that somebody accepted as lost.
    lost: Vec<LostLog>,
}

#[derive(Serialize)]
struct Log {
    tenant: Option<String>,
    /// Whether it is the root log.
    root: bool,
    /// Whether it ended, and another goes on from it.
    ended: bool,
    #[serde(skip)]
    of: Of,
    log: Option<String>,
    entries: u64,
    erased: u64,
    anchored: Vec<Remembered>,
    bad: Option<String>,
    /// Whether the root log has it.
    #[serde(skip)]
    noted: bool,
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
    let mut failed: Vec<Error> = Vec::new();
    // Before the logs: what it says of them they are past.
    let rooted = match audit.rooted().await {
        Ok(rooted) => Some(rooted),
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            failed.push(e);
            None
        }
        Err(e) => return Err(e),
    };
    let logs = match tenant {
        Some(tenant) => {
            let of = Of::Tenant(tenant);
            let mut logs = audit.earlier(&of).await?;
            logs.push(of);
            logs
        }
        None => {
            let root = rooted.as_ref().and_then(Rooted::head);
            let root = root.map(|_| Of::Root).into_iter();
            let ended = audit.ended().await?;
            root.chain(audit.logs().await?).chain(ended).collect()
        }
    };
    let mut answer = Answer {
        logs: Vec::new(),
        lost: Vec::new(),
    };
    let mut nothing = None;
    for of in logs {
        let Some(log) = log(audit, rooted.as_ref(), &of, &mut failed).await? else {
            nothing = Some(of);
            continue;
        };
        if !json && log.bad.is_none() {
            output::say(&line(&of, &log))?;
        }
        answer.logs.push(log);
    }
    for accepted in rooted.iter().flat_map(Rooted::lost) {
        if !json {
            output::say(&format!("lost  {}", lost::said(&accepted)))?;
        }
        answer.lost.push(LostLog::of(accepted)?);
    }
    // One log that the root log does not have may stand in the place of one that it has.
    let is_known = nothing.is_none() && answer.logs.iter().all(|log| log.noted);
    if let Some(rooted) = rooted.filter(|_| all || !is_known) {
        let dropped = rooted.dropped().await?.into_iter();
        failed.extend(dropped.map(|dropped| Error::corrupt(dropped.to_string())));
    }
    if failed.is_empty()
        && let Some(of) = nothing
    {
        return Err(nothing_in(&of));
    }
    for note in since.unwrap_or_default() {
        if let Err(e) = goes_on(audit, &answer, &note, keys).await {
            failed.push(e);
        }
    }
    if json {
        output::json("keyward.audit.verify/3", &answer)?;
    }
    if failed.is_empty() && answer.logs.is_empty() && answer.lost.is_empty() {
        output::note("nothing was recorded yet: there is no log to check");
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

/// Checks a log against its head, the root log and the anchors. None if nothing was recorded in it.
async fn log(
    audit: &Audit,
    rooted: Option<&Rooted>,
    of: &Of,
    failed: &mut Vec<Error>,
) -> Result<Option<Log>> {
    let progress = Progress::count("entries");
    let checked = async {
        let Some(verified) = audit.verify(of, progress.counter()).await? else {
            return Ok(None);
        };
        let anchored = match rooted {
            Some(rooted) => rooted.check(of).await?,
            None => Vec::new(),
        };
        Ok(Some((verified, anchored)))
    };
    let checked: Result<_> = checked.await;
    progress.end();
    let mut log = Log {
        tenant: tenant_of(of).map(ToString::to_string),
        root: *of == Of::Root,
        ended: of.whose() != of,
        of: of.clone(),
        log: None,
        entries: 0,
        erased: 0,
        anchored: Vec::new(),
        bad: None,
        noted: false,
    };
    match checked {
        Ok(None) => return Ok(None),
        Ok(Some((verified, anchored))) => {
            let noted = rooted.and_then(|rooted| rooted.noted(&verified.head.log));
            log.noted = noted.is_some();
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
            let says = format!("{of}: {e}");
            log.bad = Some(says.clone());
            // What is bad of it may still have a head that tells which log it is.
            if let Ok(Some(head)) = audit.head(of).await {
                log.log = Some(origin(&head.log)?.to_string());
            }
            failed.push(Error::corrupt(says).with_source(e));
        }
        Err(e) => return Err(e),
    }
    Ok(Some(log))
}

fn line(of: &Of, log: &Log) -> String {
    let anchored = log.anchored.iter().filter_map(|held| held.entries).max();
    format!(
        "ok  {of}: {}, {} erased by rule, {}",
        counted(log.entries, "entry", "entries"),
        log.erased,
        match anchored {
            Some(size) => format!("the first {size} as the anchor remembers them"),
            None => "and no anchor remembers it yet: `keyward audit head`".to_owned(),
        }
    )
}

/// Checks that the log of an older checkpoint is here, and goes on from it.
async fn goes_on(audit: &Audit, answer: &Answer, note: &str, keys: &[VerifierKey]) -> Result<()> {
    let name = note.lines().next().unwrap_or_default();
    let mut here = answer.logs.iter();
    let here = here.find(|log| log.log.as_deref() == Some(name));
    let Some(of) = here.map(|log| log.of.clone()) else {
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
            "the checkpoint of {of} is not signed by its key: if the key was replaced since, give the older one with --key"
        ))
        .with_source(e)
    })?;
    audit.check_since(&of, &checkpoint).await.map_err(|e| {
        if e.kind() == ErrorKind::Corrupt {
            return Error::corrupt(format!(
                "{of} does not go on from its checkpoint of {} entries: an older database was put back, or another history was written",
                checkpoint.size
            ))
            .with_source(e);
        }
        e
    })
}
