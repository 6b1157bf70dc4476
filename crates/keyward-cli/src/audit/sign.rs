//! `keyward audit head`, `key` and `prove`: what is signed, and by which key.

use keyward_audit::leaf::origin;
use keyward_audit::{Audit, Of};
use keyward_base::encoding::base64;
use keyward_base::{Error, Result};
use serde::Serialize;

use super::{nothing_in, tenant_of};
use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Heads {
    checkpoints: Vec<Head>,
}

#[derive(Serialize)]
struct Head {
    tenant: Option<String>,
    /// Whether it is that of the root log.
    root: bool,
    checkpoint: String,
}

/// Signs the heads of all logs, and writes them.
///
/// # Errors
/// `Corrupt` if a log cannot be vouched for, after the others are written.
pub(super) async fn head(audit: &Audit, json: bool) -> Result<()> {
    let progress = Progress::count("logs");
    let signed = audit.checkpoints(progress.counter()).await?;
    progress.end();
    let head = |(of, checkpoint): (Of, String)| Head {
        tenant: tenant_of(&of).map(ToString::to_string),
        root: of == Of::Root,
        checkpoint,
    };
    let bad = signed.bad;
    let checkpoints: Vec<Head> = signed.checkpoints.into_iter().map(head).collect();
    if json {
        output::json("keyward.audit.head/2", &Heads { checkpoints })?;
    } else {
        if checkpoints.is_empty() {
            output::note("nothing was recorded yet");
        }
        let notes: Vec<String> = checkpoints.into_iter().map(|of| of.checkpoint).collect();
        output::put(notes.join("\n").as_bytes())?;
    }
    let many = bad.len() as u64;
    match bad.into_iter().next() {
        None => Ok(()),
        Some((of, e)) => Err(Error::corrupt(format!(
            "{} not signed, the first of which is {of}: {e}",
            counted(many, "log was", "logs were")
        ))
        .with_source(e)),
    }
}

#[derive(Serialize)]
struct Key {
    tenant: Option<String>,
    key: String,
    /// The log that it goes on from, which ended when an older database was accepted.
    goes_on_from: Option<Before>,
}

#[derive(Serialize)]
struct Before {
    log: String,
    size: u64,
    root: String,
}

/// Writes the key of a log.
pub(super) async fn key(audit: &Audit, of: &Of, json: bool) -> Result<()> {
    let key = audit.key(of).await?.ok_or_else(|| nothing_in(of))?;
    let before = audit.before(of).await?;
    let before = before.map(|before| {
        Ok::<_, Error>(Before {
            log: origin(&before.log)?.to_string(),
            size: before.size,
            root: base64(&before.root),
        })
    });
    let answer = Key {
        tenant: tenant_of(of).map(ToString::to_string),
        key: key.to_string(),
        goes_on_from: before.transpose()?,
    };
    if json {
        return output::json("keyward.audit.key/2", &answer);
    }
    if let Some(Before { log, size, .. }) = &answer.goes_on_from {
        output::note(&format!(
            "it goes on from {log}, which ended at {} when an older database was accepted: whoever pinned that one pins this one beside it (`--earlier {log}` shows the key of that one)",
            counted(*size, "entry", "entries")
        ));
    }
    output::say(&answer.key)
}

#[derive(Serialize)]
struct Proof {
    tenant: Option<String>,
    seq: u64,
    leaf: String,
    proof: String,
}

/// Writes a proof that an entry is in its log.
pub(super) async fn prove(audit: &Audit, of: &Of, seq: u64, json: bool) -> Result<()> {
    audit.tile(of).await?;
    let proof = audit.prove(of, seq).await?.text();
    if !json {
        return output::put(proof.as_bytes());
    }
    let page = audit.entries(of, seq, 1).await?;
    let kept = page.entries.first().filter(|kept| kept.seq == seq);
    let kept = kept.ok_or_else(|| Error::corrupt(format!("entry {seq} is missing")))?;
    let answer = Proof {
        tenant: tenant_of(of).map(ToString::to_string),
        seq,
        leaf: base64(&kept.leaf.bytes()),
        proof,
    };
    output::json("keyward.audit.prove/1", &answer)
}
