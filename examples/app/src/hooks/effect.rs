//! What a delivery has done: one record for each, so that it is done once however often a worker
//! begins.

use std::time::Duration;

use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_store::{Collection, Content, RecordKey, Records, Write};
use keyward_webhook::inbox::RowId;
use keyward_webhook::{VerifiedWebhook, WholeBody};
use serde::{Deserialize, Serialize};

use super::Sender;

const EFFECTS: Collection = Collection::named("deploydesk-effects");

/// For how long it stays on record: a quarter of a year.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// How many that are over are removed at once.
const PURGED: usize = 1000;

/// The longest text in characters.
const LONGEST: usize = 200;

/// What was done.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Effect {
    /// Whether a deployment was requested.
    pub(crate) deploy: bool,
    /// In a person's words.
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    of: String,
    after: String,
    #[serde(default)]
    deleted: bool,
    repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct SlackEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    event: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "type")]
    kind: String,
}

impl Effect {
    /// What that delivery asks for. It goes by the body, which is signed: the name of the event
    /// beside it is not.
    pub(crate) fn of(sender: Sender, hook: &VerifiedWebhook<'_, WholeBody>) -> Self {
        let (deploy, text) = match sender {
            Sender::GitHub => match serde_json::from_slice::<Push>(hook.body()) {
                Ok(push) if !push.deleted => {
                    let commit: String = push.after.chars().take(12).collect();
                    let (repository, of) = (push.repository.full_name, push.of);
                    (
                        true,
                        format!("Deployment of {repository} requested: {of} at {commit}"),
                    )
                }
                Ok(push) => (false, format!("{} was deleted: nothing to deploy", push.of)),
                Err(_) if hook.body().starts_with(b"payload=") => (
                    false,
                    "A form, which is not read here: choose the content type application/json at \
                     GitHub, and have it sent again. Nothing was deployed"
                        .to_owned(),
                ),
                Err(_) => (false, "No push: nothing to deploy".to_owned()),
            },
            Sender::Slack => match serde_json::from_slice::<SlackEvent>(hook.body()) {
                Ok(event) => {
                    let kind = event.event.map_or(event.kind, |inner| inner.kind);
                    (false, format!("Event {kind} recorded"))
                }
                Err(_) => (false, "A form, recorded".to_owned()),
            },
        };
        let shown = text.chars().filter(|c| !c.is_control()).take(LONGEST);
        Self {
            deploy,
            text: shown.collect(),
        }
    }

    /// Records it, unless it is.
    pub(crate) async fn record(
        &self,
        store: &dyn Records,
        tenant: &Tenant,
        row: RowId,
        now: Timestamp,
    ) -> Result<()> {
        let data = serde_json::to_vec(self)
            .map_err(|e| Error::unavailable("an effect cannot be written").with_source(e))?;
        let insert = Write::Insert {
            key: place(tenant, row),
            content: Content {
                data,
                expires: Some(now.saturating_add(KEPT)),
                ..Content::default()
            },
        };
        // A conflict: an earlier attempt recorded it.
        store.apply(vec![insert]).await.map(drop)
    }

    /// Those of several deliveries, in their order.
    pub(crate) async fn of_all(
        store: &dyn Records,
        tenant: &Tenant,
        rows: &[RowId],
    ) -> Result<Vec<Option<Self>>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = rows.iter().map(|row| place(tenant, *row)).collect();
        let found = store.fetch_many(&keys).await?;
        let read =
            |record: Option<keyward_store::Record>| serde_json::from_slice(&record?.data).ok();
        Ok(found.into_iter().map(read).collect())
    }

    /// Removes what is over.
    pub(crate) async fn tidy(store: &dyn Records, now: Timestamp) -> Result<()> {
        store.purge(&EFFECTS, now, PURGED).await.map(drop)
    }
}

fn place(tenant: &Tenant, row: RowId) -> RecordKey {
    RecordKey {
        collection: EFFECTS,
        owner: tenant.as_str().to_owned(),
        id: row.to_string(),
    }
}
