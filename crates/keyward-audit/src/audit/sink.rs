//! The logs as what events are told.

use keyward_base::audit::Intent;
use keyward_base::{BoxFuture, Event, Result, Sink};
use keyward_store::{Record, Scan};

use super::{Audit, HEADS, Of, costs_itself};

impl Sink for Audit {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.left_out(event).await? {
                return Ok(());
            }
            self.append_event(event).await.map(|_| ())
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(async move {
            let (mut open, mut after) = (Vec::new(), None);
            loop {
                let page = self.0.store.scan(Scan::of(HEADS).after(after)).await?;
                for record in &page.items {
                    match self.open_by(record).await {
                        Ok(mut intents) => open.append(&mut intents),
                        // It costs its owner only: nothing is appended to it, and `verify` says so.
                        Err(e) if costs_itself(&e) => {}
                        Err(e) => return Err(e),
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            open.sort_by_key(|intent: &Intent| intent.at);
            Ok(open)
        })
    }
}

impl Audit {
    /// The logs there are, the service's first; without the root log, and without those that ended. A
    /// record that is the head of none costs none of them:
    /// [`Rooted::dropped`](super::Rooted::dropped) tells of it.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn logs(&self) -> Result<Vec<Of>> {
        let mut logs = self.all_logs(None).await?;
        logs.retain(|of| !matches!(of, Of::Root | Of::Earlier(_)));
        Ok(logs)
    }

    /// All logs, of one owner or of all: the root log, and those that ended, too.
    pub(super) async fn all_logs(&self, owner: Option<&str>) -> Result<Vec<Of>> {
        let (mut logs, mut after) = (Vec::new(), None);
        loop {
            // A head that cannot be given costs its log only: whatever needs that log refuses.
            let mut scan = Scan::of(HEADS).after(after);
            scan.owner = owner.map(str::to_owned);
            let page = self.0.store.scan(scan).await?;
            logs.extend(page.items.iter().filter_map(|record| Of::by(record).ok()));
            after = page.next;
            if after.is_none() {
                return Ok(logs);
            }
        }
    }

    /// The open intents of the log whose head that record is. Without another read where none can
    /// be open.
    async fn open_by(&self, record: &Record) -> Result<Vec<Intent>> {
        let of = Of::by(record)?;
        let head = self.known(&of, record).await?.head;
        if head.settled == head.size() {
            return Ok(Vec::new());
        }
        let (open, settled) = self.open_of(&of, &head).await?;
        // As well as can be: where it is not written, the same entries are read the next time.
        let _spared = self.settle_at(&of, &head, settled).await;
        Ok(open)
    }
}
