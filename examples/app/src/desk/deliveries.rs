//! Deliveries: taken in, listed, replayed, forgotten, and handled by the worker.

use std::sync::Arc;
use std::time::Duration;

use keyward_audit::Given;
use keyward_base::audit::Outcome as Ended;
use keyward_base::{Error, Reason, Result};
use keyward_store::Records;
use keyward_webhook::inbox::{Counts, Listed, RowId};
use keyward_webhook::{Endpoint, Outcome, Taken, VerifiedWebhook, WholeBody, Worked};
use tokio::sync::watch;

use super::record::{DELIVERY, REQUEST};
use super::{Desk, Room};
use crate::hooks::effect::Effect;
use crate::hooks::{Name, Sender};
use crate::hookview::DeliveryRow;
use crate::log;

/// How often the worker looks by itself: for what another process took in, and what is due again.
const LOOK: Duration = Duration::from_secs(1);

/// Deliveries that one page shows of an endpoint.
const SHOWN: usize = 50;

impl Desk {
    /// Takes a verified delivery in. When this says that it is kept, it is on disk.
    pub(crate) async fn take_in(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, WholeBody>,
    ) -> Result<Outcome> {
        let sender = sender_of(hook.provider())?;
        let outcome = self.inbox.accept(endpoint, hook).await?.outcome();
        self.again.came(
            (&endpoint.tenant, sender, &endpoint.id),
            hook.body_digest(),
            outcome,
        );
        if outcome == Outcome::Stored {
            self.work.notify_one();
        }
        Ok(outcome)
    }

    pub(crate) fn data(&self) -> &dyn Records {
        self.home.data().as_ref()
    }

    /// Takes up the delivery that is due. No: there is none.
    async fn work_once(&self) -> Result<bool> {
        let Some(taken) = self.inbox.next().await? else {
            return Ok(false);
        };
        let (endpoint, row, hook) = (taken.endpoint().clone(), taken.row(), taken.hook());
        let handled = Taken::run(taken, async {
            let hook = hook.get();
            let sender = sender_of(hook.provider())?;
            let hook = hook.whole_body();
            let hook = hook.ok_or_else(|| Error::rejected(Reason::NOT_AUTHENTIC))?;
            self.handle(sender, &endpoint, row, &hook).await
        });
        if let Worked::Failed(error) = handled.await? {
            log::failure(&error);
        }
        Ok(true)
    }

    async fn handle(
        &self,
        sender: Sender,
        endpoint: &Endpoint,
        row: RowId,
        hook: &VerifiedWebhook<'_, WholeBody>,
    ) -> Result<()> {
        let effect = Effect::of(sender, hook);
        let now = self.home.keyring().clock().now()?;
        effect
            .record(self.data(), &endpoint.tenant, row, now)
            .await?;
        let action = match effect.deploy {
            true => REQUEST,
            false => DELIVERY,
        };
        let given = [("endpoint", Given::Id(endpoint.id.as_str()))];
        let of = Some(&endpoint.tenant);
        self.tell(of, action, Ended::Done, &given, None, None).await
    }
}

impl Room {
    /// The newest deliveries of an endpoint. Opens none.
    pub(crate) async fn deliveries(&self, name: &Name) -> Result<Vec<DeliveryRow>> {
        let endpoint = self.desk.endpoints.endpoint(&self.tenant, name);
        let mut listed = self.desk.inbox.newest(&endpoint, SHOWN).await?;
        // Another sender's endpoint may have the same name.
        listed.retain(|listed| listed.provider() == name.sender.word());
        let rows: Vec<_> = listed.iter().map(Listed::row).collect();
        let effects = Effect::of_all(self.desk.data(), &self.tenant, &rows).await?;
        let shown = listed.iter().zip(effects).map(|(listed, effect)| {
            let again = self
                .desk
                .again
                .of((&self.tenant, name.sender, &name.id), listed.body_digest());
            DeliveryRow::of(name, listed, again, effect)
        });
        Ok(shown.collect())
    }

    /// How many deliveries there are.
    pub(crate) async fn delivery_counts(&self) -> Result<Counts> {
        self.desk.inbox.counts(Some(&self.tenant)).await
    }

    /// Has a delivery handled again. No: it waits, or is being handled.
    pub(crate) async fn replay(&self, name: &Name, row: &str) -> Result<bool> {
        let inbox = self.desk.inbox.acting_as(self.who.clone());
        let endpoint = self.desk.endpoints.endpoint(&self.tenant, name);
        let replayed = inbox.replay(&endpoint, row_of(row)?).await?;
        self.desk.work.notify_one();
        Ok(replayed)
    }

    /// Forgets a delivery, so that it is taken in anew if its sender sends it again.
    pub(crate) async fn forget(&self, name: &Name, row: &str) -> Result<()> {
        let inbox = self.desk.inbox.acting_as(self.who.clone());
        match inbox
            .forget(
                &self.desk.endpoints.endpoint(&self.tenant, name),
                row_of(row)?,
            )
            .await?
        {
            true => Ok(()),
            false => Err(Error::rejected(Reason::NOT_FOUND)),
        }
    }
}

fn sender_of(provider: &str) -> Result<Sender> {
    Sender::of(provider).ok_or_else(|| Error::misuse("no webhooks of this provider are received"))
}

fn row_of(text: &str) -> Result<RowId> {
    RowId::parse(text).map_err(|_| Error::rejected(Reason::NOT_FOUND))
}

/// Handles what was taken in, one after the other. A failure is said once, and again when it is
/// another.
pub(crate) async fn work(desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let mut said = String::new();
    loop {
        let told = match desk.work_once().await {
            Ok(true) if !*stopping.borrow() => continue,
            Ok(_) => String::new(),
            Err(error) => log::told(&error),
        };
        if told != said {
            log::line(if told.is_empty() {
                "webhooks are handled again"
            } else {
                &told
            });
            said = told;
        }
        tokio::select! {
            () = desk.work.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}
