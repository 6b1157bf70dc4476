//! What is done to heads beside appending: moved up to the first intent that is open, so that
//! starting is not reading all logs, and MACed anew under the key that is Active, so that one before
//! it may go.

use std::collections::BTreeMap;

use keyward_base::audit::{Intent, RunId};
use keyward_base::{Error, ErrorKind, EventId, KeyId, Place, RecordId, Result, Tenant, Timestamp};
use keyward_store::{Applied, Record, Scan};

use super::append::put;
use super::lane::Known;
use super::read::{edited, is_of};
use super::{Audit, HEADS, Of, contended};
use crate::entry::Entry;
use crate::head::Head;

/// Entries of a page.
const PAGE: usize = 1024;

/// How often the write of a head is tried anew that an append was faster than.
const MAX_TRIES: u32 = 20;

/// What became of the heads of logs when they were MACed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// Heads that the Active key vouches for, and an older one did before.
    pub renewed: u64,
    /// Heads that are not what was written, or that are of no log: an older key may be
    /// needed for them still.
    pub damaged: u64,
}

impl Audit {
    /// MACs the head of each log anew that an older key than the Active one vouches for, so that
    /// the older one can be destroyed. A log that is appended to has its head MACed by that.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on, or others write without end:
    /// what was done stays done.
    pub async fn renew(&self) -> Result<Renewed> {
        let (mut done, mut after) = (Renewed::default(), None);
        loop {
            let page = self.0.store.scan(Scan::of(HEADS).after(after)).await?;
            for record in &page.items {
                let renewed = match of(record) {
                    Ok(of) => self.renew_one(&of, record).await,
                    Err(e) => Err(e),
                };
                match renewed {
                    Ok(renewed) => done.renewed = done.renewed.saturating_add(u64::from(renewed)),
                    Err(e) if e.kind() == ErrorKind::Corrupt => {
                        done.damaged = done.damaged.saturating_add(1);
                    }
                    Err(e) => return Err(e),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(done);
            }
        }
    }

    async fn renew_one(&self, of: &Of, record: &Record) -> Result<bool> {
        if record.content.mac_key == self.0.keyring.mac(&self.0.purpose)?.tag() {
            return Ok(false);
        }
        let known = self.known(of, record).await?;
        self.rewrite(of, known, |_| ()).await?;
        Ok(true)
    }

    /// Moves the head of a log up to the first of its intents that is open. Says how many entries
    /// are after it: so many are read when a process starts.
    ///
    /// # Errors
    /// As [`Audit::head`]; `Unavailable` also if others write without end.
    pub async fn settle(&self, of: &Of) -> Result<u64> {
        let Some(head) = self.head(of).await? else {
            return Ok(0);
        };
        let (_, settled) = self.open_of(of, &head).await?;
        self.settle_at(of, &head, settled).await?;
        Ok(head.size().saturating_sub(settled))
    }

    /// Writes that the entries before `settled` hold no open intent, if the head does not say so.
    pub(super) async fn settle_at(&self, of: &Of, head: &Head, settled: u64) -> Result<()> {
        if settled <= head.settled {
            return Ok(());
        }
        let known = self.read_head(of).await?;
        self.rewrite(of, known, |head| head.settle(Some(settled)))
            .await
    }

    /// Writes a head anew, as `change` makes it, whatever is appended meanwhile.
    async fn rewrite(
        &self,
        of: &Of,
        mut known: Known,
        change: impl Fn(&mut Head) + Send,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            change(&mut known.head);
            let barrier = self.barrier(true).await?;
            let mac = self.mac(&barrier).await?;
            let write = put(of, &known.head, known.version, &mac);
            let batch = vec![barrier.require(), write];
            if let Applied::Done(_) = self.0.store.apply(batch).await? {
                return Ok(());
            }
            known = self.read_head(of).await?;
            if known.version.is_none() {
                return Err(Error::corrupt("the head of an audit log is gone"));
            }
        }
        Err(contended())
    }

    /// The intents of a log that no outcome follows, and before which entry there is none.
    pub(super) async fn open_of(&self, of: &Of, head: &Head) -> Result<(Vec<Intent>, u64)> {
        let mut open: BTreeMap<String, (u64, Intent)> = BTreeMap::new();
        let (log, mut next) = (of.entries(head), head.settled);
        while next < head.size() {
            let left = head.size().saturating_sub(next);
            let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries_at(&log, next, limit).await?;
            for kept in &page.entries {
                let bad = || edited(next);
                if kept.seq != next || !is_of(&kept.leaf, &head.log) {
                    return Err(bad());
                }
                let entry = kept.entry().map_err(|e| bad().with_source(e))?;
                if let Some(entry) = entry
                    && let Some(id) = &entry.id
                {
                    open.remove(id);
                    if entry.is_intent() {
                        let intent = intent(&entry).map_err(|e| bad().with_source(e))?;
                        open.insert(id.clone(), (next, intent));
                    }
                }
                next = next.saturating_add(1);
            }
            if page.entries.is_empty() {
                return Err(edited(next));
            }
        }
        if let Of::Earlier(earlier) = of
            && !open.is_empty()
        {
            // What became of it since, stands where the log goes on.
            let whose = earlier.whose();
            let here = std::iter::once(whose.clone()).chain(self.earlier(whose).await?);
            for other in here.filter(|other| other != of) {
                self.closed_by(&other, &mut open).await?;
            }
        }
        let first = open.values().map(|(seq, _)| *seq).min();
        let intents = open.into_values().map(|(_, intent)| intent);
        Ok((intents.collect(), first.unwrap_or(head.size())))
    }
}

impl Audit {
    /// Takes those out of the open intents whose outcome is in that log.
    async fn closed_by(&self, of: &Of, open: &mut BTreeMap<String, (u64, Intent)>) -> Result<()> {
        let known = self.read_head(of).await?;
        let (log, mut next) = (of.entries(&known.head), Some(0));
        while let Some(from) = next.filter(|from| *from < known.head.size()) {
            let page = self.entries_at(&log, from, PAGE).await?;
            for kept in &page.entries {
                let entry = kept.entry().map_err(|e| edited(kept.seq).with_source(e))?;
                let outcome = entry.filter(|entry| !entry.is_intent());
                if let Some(id) = outcome.and_then(|entry| entry.id) {
                    open.remove(&id);
                }
            }
            next = page.next;
        }
        Ok(())
    }
}

/// [`Of::by`].
pub(super) fn of(record: &Record) -> Result<Of> {
    Of::by(record)
}

/// What is known of an intent by its entry.
fn intent(entry: &Entry) -> Result<Intent> {
    let id = entry.id.as_deref().unwrap_or_default();
    Ok(Intent {
        at: Timestamp::from_millis(entry.at.0),
        run: entry.run.as_deref().map(RunId::parse).transpose()?,
        id: EventId::parse(id)?,
        action: entry.action.clone(),
        tenant: entry.tenant.as_deref().map(Tenant::new).transpose()?,
        place: entry.place.as_deref().map(Place::new).transpose()?,
        record: entry.record.as_deref().map(RecordId::new).transpose()?,
        key: entry.key.as_deref().map(KeyId::parse).transpose()?,
        found: entry.found.map(|found| found.0),
    })
}
