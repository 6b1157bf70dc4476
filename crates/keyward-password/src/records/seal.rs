//! From bare rows to sealed ones: a pass, and the mark that ends the time in which both count.

use keyward_base::audit::{Event, Outcome};
use keyward_base::{BoxFuture, Error, ErrorKind, Reason, Result, Timestamp};
use keyward_store::Record;

use super::CredentialRows;
use super::format::{Held, owner_of, record_of};
use super::walk::{Judged, Visit, walk};
use crate::reason;
use crate::verified::Account;

/// Rows sealed in one transaction: writers wait for at most that long.
const BATCH: usize = 256;

/// How a pass ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealing {
    /// Rows looked at.
    pub seen: u64,
    /// Rows sealed.
    pub sealed: u64,
    /// Rows that are not sealed and stay so: they are not what was written, came after the mark, or the
    /// application says that none is to be taken, each of which is told as an event `password.seal`; or
    /// their tenant's keys are damaged.
    pub left: u64,
    /// Rows that the store cannot give.
    pub unreadable: u64,
    /// Since when a row that is not sealed is refused; none: rows of that sort are left, or cannot be
    /// read, and both sorts still count.
    pub since: Option<Timestamp>,
}

struct Seals<'a> {
    rows: &'a CredentialRows,
    takes_bare: bool,
}

impl Visit for Seals<'_> {
    /// Asked after the rows were read: what is bare among them was there before the mark.
    fn begin<'a>(&'a mut self) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.takes_bare = self.rows.takes_bare().await?;
            Ok(())
        })
    }

    fn row<'a>(&'a mut self, row: &'a Record, least: u64) -> BoxFuture<'a, Result<Judged>> {
        Box::pin(async move {
            let (held, owner) = match (Held::parse(&row.content), owner_of(&row.key)) {
                (Ok(held), Ok(owner)) => (held, owner),
                // What is sealed and damaged is no bare row. Nor does one of a newer release, or that
                // says so, keep the others from being sealed.
                _ if !row.sealed.is_empty() => return Ok(Judged::Leave),
                _ => return self.left(row, None).await,
            };
            let Held::Bare(facts, secret) = held else {
                return Ok(Judged::Leave);
            };
            if !self.takes_bare {
                return self.left(row, Some(reason::BARE)).await;
            }
            if super::format::credential(facts, secret.expose()).is_err() {
                return self.left(row, None).await;
            }
            let (tenant, subject) = owner;
            let account = Account {
                door: self.rows.0.door,
                tenant,
                subject,
            };
            let content = self.rows.content(&account, facts, secret, least).await?;
            Ok(Judged::Write(content))
        })
    }
}

impl Seals<'_> {
    /// Tells of a row that stays as it is.
    async fn left(&self, row: &Record, why: Option<Reason>) -> Result<Judged> {
        let outcome = Outcome::Failed(ErrorKind::Corrupt, why);
        let mut event = Event::new(self.rows.0.clock.now()?, "password.seal", outcome);
        if let Ok((tenant, subject)) = owner_of(&row.key) {
            event.record = record_of(&subject);
            event.tenant = Some(tenant);
        }
        self.rows.0.trail.note(event).await;
        Ok(Judged::Bad)
    }
}

impl CredentialRows {
    /// Seals every row that is not sealed yet, and then says so in the keyring, for good: from that
    /// moment a row that is not sealed is refused by every process that has the pepper, whatever it was
    /// told. One that was started without it and still runs goes on taking such rows: end it before. The
    /// pass may be killed at any moment and run again, beside live writers and beside itself. Rows that were
    /// planted before it are sealed with the rest; what comes after the mark is not. Nor is any, where
    /// [`CredentialRowsBuilder::takes_bare`](super::CredentialRowsBuilder::takes_bare) was not said.
    /// `progress` is told how many rows were looked at.
    ///
    /// # Errors
    /// `Misuse` without a pepper. `Unavailable` if a store cannot be reached: run it again.
    pub async fn seal_all(&self, progress: impl FnMut(u64) + Send) -> Result<Sealing> {
        let Some(pepper) = &self.0.pepper else {
            return Err(Error::misuse("there is no pepper to seal rows with"));
        };
        pepper.keyring.refresh().await?;
        let mut visit = Seals {
            rows: self,
            takes_bare: false,
        };
        // The barrier is up: nobody without a pepper writes any more, so one walk leaves none behind.
        pepper.barrier(self.0.store.as_ref()).await?;
        let walked = walk(self, BATCH, &mut visit, progress).await?;
        let mut sealing = Sealing {
            seen: walked.seen,
            sealed: walked.written,
            left: walked.bad,
            unreadable: walked.unreadable,
            since: self.since().await?,
        };
        if sealing.since.is_none() && sealing.left == 0 && sealing.unreadable == 0 {
            let now = self.0.clock.now()?;
            pepper.mark(now).await?;
            let event = Event::new(now, "password.seal", Outcome::Done);
            self.0.trail.note(event).await;
            sealing.since = self.since().await?;
        }
        Ok(sealing)
    }

    /// Since when a row that is not sealed is refused, by the keyring. The application's own word,
    /// [`CredentialRowsBuilder::takes_bare`](super::CredentialRowsBuilder::takes_bare), comes on top.
    ///
    /// # Errors
    /// `Unavailable` if the key store cannot be reached; `Corrupt` if its registry is not what was
    /// written.
    pub async fn since(&self) -> Result<Option<Timestamp>> {
        match &self.0.pepper {
            Some(pepper) => pepper.since().await,
            None => Ok(None),
        }
    }
}
