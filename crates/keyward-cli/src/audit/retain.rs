//! `keyward audit retain`, `keep`, `hold` and `erase`: what goes from the logs, and what does not.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use keyward_audit::audit::{Erasure, Retained, Rule};
use keyward_audit::keep::DEFAULT_DAYS;
use keyward_audit::{Audit, Class, HoldName, Keep, Of, danger};
use keyward_base::{Error, Result, Tenant};
use keyward_embedded::Home;
use serde::Serialize;

use super::tenant_of;
use crate::output::{self, counted};
use crate::progress::Progress;
use crate::timeline::rfc3339;

/// Entries that are looked through before what is done is told.
const AT_ONCE: u64 = 65_536;

/// How often what others keep in use is tried again, and how long between.
const TRIES: u32 = 180;
const LOOK: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Answer {
    erased: Vec<Gone>,
    held: Vec<Option<String>>,
}

#[derive(Serialize)]
struct Gone {
    tenant: Option<String>,
    class: Option<String>,
    from: u64,
    until: u64,
    count: u64,
    record: u64,
    checkpoint: String,
}

impl Gone {
    /// An erasure, and those that were cut short before.
    fn all_of(of: &Of) -> impl FnMut(Erasure) -> Vec<Self> {
        move |mut erasure| {
            let mut all = std::mem::take(&mut erasure.before);
            all.push(erasure);
            all.into_iter().map(|one| Self::of(of, one)).collect()
        }
    }

    fn of(of: &Of, erasure: Erasure) -> Self {
        Self {
            tenant: tenant_of(of).map(ToString::to_string),
            class: erasure.rule.class.map(|class| class.as_str().to_owned()),
            from: erasure.entries.start,
            until: erasure.entries.end,
            count: erasure.count,
            record: erasure.record,
            checkpoint: erasure.receipt,
        }
    }
}

/// Erases what is due of all logs.
pub(super) async fn run(home: &Home, sure: bool, clock_is_right: bool, json: bool) -> Result<()> {
    let audit = home.audit()?;
    if !sure {
        confirm(
            "what is older than is set (`keyward audit keep`) will be gone from all logs for good",
            "erase",
        )?;
    }
    if clock_is_right {
        danger::believe_clock(audit).await?;
    }
    let progress = Progress::count("entries");
    let mut count = progress.counter();
    let (mut answer, mut failed, mut erased) = (
        Answer {
            erased: Vec::new(),
            held: Vec::new(),
        },
        Vec::new(),
        0_u64,
    );
    let mut tries = 0..TRIES;
    loop {
        let told: Retained = audit.retain(AT_ONCE).await?;
        if let Some(leapt) = told.leapt {
            return Err(Error::unavailable(format!(
                "the clock is more than 7 days ahead of {}, when it was gone by last: nothing is erased until it stayed so for 24 hours while a service ran; if it is right, `keyward audit retain --clock-is-right`",
                rfc3339(leapt.from)
            )));
        }
        let nothing = told.erased.is_empty();
        for (of, erasure) in told.erased {
            erased = erased.saturating_add(erasure.count);
            answer.erased.push(Gone::of(&of, erasure));
        }
        answer.held.extend(
            told.held
                .iter()
                .map(|of| tenant_of(of).map(ToString::to_string)),
        );
        count(erased);
        let stuck = !told.failed.is_empty();
        failed.extend(told.failed);
        if !told.more {
            break;
        }
        if nothing && tries.next().is_none() {
            break;
        }
        if nothing || stuck {
            tokio::time::sleep(LOOK).await;
            home.keyring().refresh().await?;
        }
    }
    progress.end();
    if json {
        output::json("keyward.audit.retain/1", &answer)?;
    } else {
        output::note(&format!(
            "{} erased, {} under legal hold",
            counted(erased, "entry", "entries"),
            counted(answer.held.len() as u64, "log is", "logs are"),
        ));
    }
    match failed.pop() {
        None if tries.next().is_none() => Err(Error::unavailable(
            "the texts are erased, and may still lie in the data store's free pages, which another process is using: run it again",
        )),
        None => Ok(()),
        Some((_, e)) if e.kind() != keyward_base::ErrorKind::Corrupt => Err(e),
        Some((of, e)) => Err(Error::corrupt(format!("{}: {e}", of)).with_source(e)),
    }
}

#[derive(Serialize)]
struct Kept {
    tenant: Option<String>,
    rules: Vec<KeptRule>,
}

#[derive(Serialize)]
struct KeptRule {
    class: Option<String>,
    days: Option<u32>,
}

/// Shows or sets how long entries are kept. `set`: for so many days, or for good.
pub(super) async fn keep(
    audit: &Audit,
    of: &Of,
    class: Option<Class>,
    set: Option<Option<u32>>,
    unset: bool,
    json: bool,
) -> Result<()> {
    if unset || set.is_some() {
        audit.keep_class(of, class.as_ref(), set).await?;
    }
    let keeps = audit.keeps(of).await?;
    let shown = |keep: &Keep| KeptRule {
        class: keep.class.as_ref().map(|class| class.as_str().to_owned()),
        days: keep.days,
    };
    let answer = Kept {
        tenant: tenant_of(of).map(ToString::to_string),
        rules: keeps.iter().map(shown).collect(),
    };
    if json {
        return output::json("keyward.audit.keep/1", &answer);
    }
    for rule in &answer.rules {
        let class = rule.class.as_deref().unwrap_or("all others");
        let days = match rule.days {
            Some(days) => counted(days.into(), "day", "days"),
            None => "for good".to_owned(),
        };
        output::say(&format!("{class}: {days}"))?;
    }
    if answer.rules.is_empty() {
        output::note(&match of {
            Of::Service => format!("nothing is set: entries are kept for {DEFAULT_DAYS} days"),
            _ => "nothing is set of this log: it goes by what is set of all".to_owned(),
        });
    }
    Ok(())
}

#[derive(Serialize)]
struct Held {
    tenant: Option<String>,
    holds: Vec<HeldBy>,
}

#[derive(Serialize)]
struct HeldBy {
    name: String,
    since: String,
}

/// Shows the holds of a log, after it set or lifted one.
pub(super) async fn hold(
    audit: &Audit,
    of: &Of,
    name: Option<HoldName>,
    lift: bool,
    json: bool,
) -> Result<()> {
    match &name {
        Some(name) if lift => {
            let lifted = audit.lift(of, name).await?;
            if !lifted {
                return Err(Error::misuse(format!(
                    "{} is under no hold of that name: `keyward audit hold` with the tenant alone shows those there are",
                    of
                )));
            }
        }
        Some(name) => {
            audit.hold(of, name).await?;
        }
        None => {}
    }
    let shown = |hold: keyward_audit::Hold| HeldBy {
        name: hold.name.to_string(),
        since: rfc3339(hold.since),
    };
    let answer = Held {
        tenant: tenant_of(of).map(ToString::to_string),
        holds: audit.holds(of).await?.into_iter().map(shown).collect(),
    };
    if json {
        return output::json("keyward.audit.hold/1", &answer);
    }
    for hold in &answer.holds {
        output::say(&format!("{}  since {}", hold.name, hold.since))?;
    }
    if answer.holds.is_empty() {
        output::note(&format!("{} is under no legal hold", of));
    }
    Ok(())
}

/// Erases a tenant's log.
pub(super) async fn erase(
    audit: &Audit,
    tenant: Tenant,
    receipt: Option<PathBuf>,
    sure: bool,
    json: bool,
) -> Result<()> {
    let of = Of::Tenant(tenant.clone());
    if audit.head(&of).await?.is_none() {
        return Err(super::nothing_in(&of));
    }
    // Before anything goes: a receipt that cannot be written.
    let file = receipt.as_ref().map(new_file).transpose()?;
    let erased = async {
        if !sure {
            confirm(
                &format!("all entries of {} will be gone for good", of),
                tenant.as_str(),
            )?;
        }
        audit.erase(&of, &Rule::all()).await
    };
    let mut gone: Vec<Gone> = Vec::new();
    let mut erased = erased.await;
    for earlier in audit.earlier(&of).await? {
        if let Err(e) = erased {
            erased = Err(e);
            break;
        }
        match audit.erase(&earlier, &Rule::all()).await {
            Ok(more) => gone.extend(more.into_iter().flat_map(Gone::all_of(&of))),
            Err(e) => erased = Err(e),
        }
    }
    let left = |e: Error| {
        // What was made for it holds nothing.
        if let Some(path) = &receipt {
            let _left = std::fs::remove_file(path);
        }
        e
    };
    gone.extend(
        erased
            .map_err(left)?
            .into_iter()
            .flat_map(Gone::all_of(&of)),
    );
    let records = gone.iter().map(|one| one.record);
    let Some((record, last)) = records.clone().min().zip(records.max()) else {
        if let Some(path) = &receipt {
            let _left = std::fs::remove_file(path);
        }
        output::note(&format!("{} holds nothing that can be erased", of));
        return Ok(());
    };
    let count = gone.iter().map(|one| one.count);
    let count = count.fold(0_u64, u64::saturating_add);
    let after = last.saturating_add(1);
    if let Some(file) = file {
        let file = audit.export(&of, record..after, file, |_| ()).await?;
        file.sync_all().map_err(|e| {
            Error::unavailable(format!(
                "it is erased, and the receipt cannot be written: `keyward audit export --tenant {tenant} --from {record} --to {after}` writes it again"
            ))
            .with_source(e)
        })?;
    }
    if json {
        return output::json("keyward.audit.erase/2", &Asked { erased: gone });
    }
    let says = if gone.len() > 1 {
        format!("entries {record} to {last} say")
    } else {
        format!("entry {record} says")
    };
    output::note(&format!(
        "{} of {} erased, as {says}: `keyward audit export --tenant {tenant} --from {record} --to {after}` is the receipt",
        counted(count, "entry", "entries"),
        of,
    ));
    Ok(())
}

/// What a tenant asked for: each of it with its record.
#[derive(Serialize)]
struct Asked {
    erased: Vec<Gone>,
}

fn new_file(path: &PathBuf) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    made.map_err(|e| {
        Error::misuse(format!(
            "the receipt {} cannot be made: name a new file in a folder that is there",
            path.display()
        ))
        .with_source(e)
    })
}

/// Asks, if a person can answer. A script is not asked: it said what it wants.
pub(super) fn confirm(what: &str, word: &str) -> Result<()> {
    let input = io::stdin();
    if !input.is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    output::note(&format!("{what}; type {word} to go on"));
    let mut typed = String::new();
    input
        .lock()
        .read_line(&mut typed)
        .map_err(|e| Error::unavailable("the terminal cannot be read: try again").with_source(e))?;
    if typed.trim() == word {
        return Ok(());
    }
    Err(Error::misuse(
        "nothing was done, since another word was typed: run it again, or with --yes",
    ))
}
