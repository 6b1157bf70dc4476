//! The logs as what events are told.

use keyward_base::audit::{Intent, RunId};
use keyward_base::{
    BoxFuture, Error, Event, EventId, KeyId, Place, RecordId, Result, Sink, Tenant, Timestamp,
};
use keyward_store::Scan;

use super::{Audit, HEADS, Of};
use crate::entry::Entry;

/// Entries, and heads, of a page.
const PAGE: usize = 1024;

impl Sink for Audit {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.append(event.clone()).await.map(|_| ()) })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(async move {
            let mut open = Vec::new();
            for of in self.logs().await? {
                self.open_of(&of, &mut open).await?;
            }
            open.sort_by_key(|intent: &Intent| intent.at);
            Ok(open)
        })
    }
}

impl Audit {
    /// The logs there are, the service's first.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached; `Corrupt` for the head of an owner that is no
    /// tenant.
    pub async fn logs(&self) -> Result<Vec<Of>> {
        let (mut logs, mut after) = (Vec::new(), None);
        loop {
            // A head that cannot be given costs its log only: whatever needs that log refuses.
            let page = self.0.store.scan(Scan::of(HEADS).after(after)).await?;
            for record in page.items {
                logs.push(if record.key.owner.is_empty() {
                    Of::Service
                } else {
                    let tenant = Tenant::new(&record.key.owner);
                    Of::Tenant(tenant.map_err(|_| {
                        Error::corrupt("an audit log is of an owner that is no tenant")
                    })?)
                });
            }
            after = page.next;
            if after.is_none() {
                return Ok(logs);
            }
        }
    }

    /// Adds the intents of a log that no outcome follows.
    async fn open_of(&self, of: &Of, open: &mut Vec<Intent>) -> Result<()> {
        let Some(head) = self.head(of).await? else {
            return Ok(());
        };
        let mut intents: Vec<Intent> = Vec::new();
        let mut from = Some(head.settled);
        while let Some(at) = from {
            let page = self.entries(of, at, PAGE).await?;
            for kept in &page.entries {
                let entry = kept.entry()?;
                let Some(entry) = entry.filter(|entry| entry.id.is_some()) else {
                    continue;
                };
                intents.retain(|intent| Some(intent.id.to_string()) != entry.id);
                if entry.outcome == "intended" {
                    intents.push(intent(&entry)?);
                }
            }
            from = page.next;
        }
        open.append(&mut intents);
        Ok(())
    }
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
