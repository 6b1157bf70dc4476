//! Batches over several stores.

use keyward_base::{Result, Timestamp};
use keyward_store::{
    Appended, Begun, BoxFuture, Claim, Committed, Finished, Refusal, Step, Stepped, StoreLimits,
    Stores,
};

use crate::store::SqliteStore;
use crate::writer::{Tx, Verdict};
use crate::{log, once, records};

impl Stores for SqliteStore {
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>> {
        Box::pin(async move {
            StoreLimits::check_steps(&steps)?;
            let logs = steps.iter().all(|step| matches!(step, Step::Append { .. }));
            let writer = if logs { &self.writer } else { self.durable()? };
            writer.write(move |tx| commit(tx, &steps)).await
        })
    }

    /// None: the file lies on this machine, whose clock the process reads itself.
    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        Box::pin(async { Ok(None) })
    }
}

fn commit(tx: &mut Tx<'_>, steps: &[Step]) -> rusqlite::Result<Verdict<Committed>> {
    let mut done = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        match one(tx, step)? {
            Ok(stepped) => done.push(stepped),
            Err(because) => return Ok(Verdict::Undo(Committed::Refused { index, because })),
        }
    }
    Ok(Verdict::Keep(Committed::Done(done)))
}

fn one(tx: &mut Tx<'_>, step: &Step) -> rusqlite::Result<Result<Stepped, Refusal>> {
    Ok(match step {
        Step::Append {
            log,
            expected,
            entries,
        } => match log::append(tx.conn, log, *expected, entries)?.of() {
            Appended::Done { head } => Ok(Stepped::Appended { head }),
            Appended::Conflict { head } => Err(Refusal::Append { head }),
            _ => return Err(unknown()),
        },
        Step::Begin { key, claim, now } => match once::begin(tx, key, *claim, *now)?.of() {
            Begun::Lease(token) => Ok(Stepped::Begun(token)),
            other => Err(Refusal::Begin(other)),
        },
        Step::Complete {
            key,
            digest,
            result,
            keep_until,
            now,
        } => {
            let claim = Claim::whole(*digest, *keep_until);
            match once::begin(tx, key, claim, *now)?.of() {
                Begun::Lease(token) => {
                    match once::finish(tx.conn, key, token, result, *keep_until)?.of() {
                        Finished::Recorded => Ok(Stepped::Finished),
                        _ => Err(Refusal::Finish),
                    }
                }
                other => Err(Refusal::Begin(other)),
            }
        }
        Step::EraseEntries {
            log,
            from,
            until,
            keep,
        } => {
            let count = log::erase(tx.conn, log, *from..*until, *keep)?;
            Ok(Stepped::Erased { count })
        }
        Step::Finish {
            key,
            token,
            result,
            keep_until,
        } => match once::finish(tx.conn, key, *token, result, *keep_until)?.of() {
            Finished::Recorded => Ok(Stepped::Finished),
            _ => Err(Refusal::Finish),
        },
        Step::Write(write) => {
            let written = records::write(tx, write)?;
            written.map(Stepped::Written).ok_or(Refusal::Write)
        }
        _ => return Err(unknown()),
    })
}

/// A step this release does not know must not be taken for one that was done.
const fn unknown() -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}
