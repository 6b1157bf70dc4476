//! The endpoints, and the way from a request to its secrets: one vault record for each endpoint.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    BoxFuture, Clock, Error, ErrorKind, Reason, RecordId, Result, Revision, Tenant, Timestamp,
};
use keyward_vault::AtPlace;
use keyward_webhook::{Endpoint, SecretSource, Secrets, Webhook, WholeBody};
use tokio::sync::Mutex;

use super::ring::Ring;
use super::{Name, Sender};

/// How long it is relied on which endpoints there are: a flood does not read the vault each time,
/// and what another process changed is known soon.
const LISTED: Duration = Duration::from_secs(5);

/// How long secrets that were opened are kept. After it their key may have been withdrawn.
const OPENED: Duration = Duration::from_secs(300);

/// Rows of one step of a list.
const PAGE: usize = 1000;

/// The endpoints of the organisation, and what was read of them lately.
#[derive(Debug)]
pub(crate) struct Endpoints {
    place: AtPlace,
    tenant: Tenant,
    clock: Arc<dyn Clock>,
    github: Webhook<WholeBody>,
    slack: Webhook<WholeBody>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    listed: Option<(Timestamp, BTreeMap<String, Revision>)>,
    opened: HashMap<String, Opened>,
}

#[derive(Debug)]
struct Opened {
    at: Timestamp,
    revision: Revision,
    secrets: Arc<Secrets>,
}

/// Whether what was read `at` that time still counts.
fn is_fresh(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    at <= now && now.saturating_since(at) < age
}

impl Endpoints {
    pub(crate) fn new(
        place: AtPlace,
        tenant: Tenant,
        clock: Arc<dyn Clock>,
        [github, slack]: [Webhook<WholeBody>; 2],
    ) -> Self {
        Self {
            place,
            tenant,
            clock,
            github,
            slack,
            held: Mutex::default(),
        }
    }

    pub(crate) const fn webhook(&self, sender: Sender) -> &Webhook<WholeBody> {
        match sender {
            Sender::GitHub => &self.github,
            Sender::Slack => &self.slack,
        }
    }

    /// The endpoint as a request names it.
    pub(crate) fn endpoint(&self, name: &Name) -> Endpoint {
        Endpoint {
            tenant: self.tenant.clone(),
            id: name.id.clone(),
        }
    }

    /// All there are, in the order of their names. Opens nothing.
    pub(crate) async fn all(&self) -> Result<Vec<(Name, Revision)>> {
        let mut held = self.held.lock().await;
        let listed = self.listed(&mut held).await?;
        let named = listed.iter();
        Ok(named
            .filter_map(|(id, revision)| Some((Name::parse(id).ok()?, *revision)))
            .collect())
    }

    /// After one was made, changed or deleted here.
    pub(crate) async fn changed(&self) {
        self.held.lock().await.listed = None;
    }

    /// The secrets of an endpoint, none if it is not there.
    pub(crate) async fn secrets(&self, name: &Name) -> Result<Option<Arc<Secrets>>> {
        let mut held = self.held.lock().await;
        let id = name.text();
        let Some(revision) = self.listed(&mut held).await?.get(&id).copied() else {
            held.opened.remove(&id);
            return Ok(None);
        };
        let now = self.clock.now()?;
        if let Some(opened) = held.opened.get(&id)
            && opened.revision == revision
            && is_fresh(opened.at, now, OPENED)
        {
            return Ok(Some(Arc::clone(&opened.secrets)));
        }
        let opened = match self.place.record(&id)?.open().await {
            Ok(opened) => opened,
            Err(e) if e.reason() == Some(Reason::NOT_FOUND) => return Ok(None),
            Err(e) => return Err(e),
        };
        let ring = Ring::parse(opened.bytes())?;
        let secrets = Arc::new(ring.secrets(self.webhook(name.sender))?);
        let kept = Opened {
            at: now,
            revision: opened.revision(),
            secrets: Arc::clone(&secrets),
        };
        held.opened.insert(id, kept);
        Ok(Some(secrets))
    }

    async fn listed<'a>(&self, held: &'a mut Held) -> Result<&'a BTreeMap<String, Revision>> {
        let now = self.clock.now()?;
        let known = held.listed.take();
        let fresh = known.filter(|(at, _)| is_fresh(*at, now, LISTED));
        let listed = match fresh {
            Some(listed) => listed,
            None => (now, self.read().await?),
        };
        Ok(&held.listed.insert(listed).1)
    }

    async fn read(&self) -> Result<BTreeMap<String, Revision>> {
        let mut all = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.place.list(after.as_ref(), PAGE).await?;
            let rows = page.items.into_iter();
            all.extend(rows.map(|row| (row.slot.record.as_str().to_owned(), row.revision)));
            let Some(next) = page.next else {
                return Ok(all);
            };
            after = Some(RecordId::new(&next)?);
        }
    }
}

/// Where the secrets of one sender's endpoints are.
#[derive(Debug)]
pub(crate) struct SecretsOf {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) sender: Sender,
}

impl SecretSource for SecretsOf {
    fn secrets<'a>(&'a self, of: &'a Endpoint) -> BoxFuture<'a, Result<Option<Arc<Secrets>>>> {
        Box::pin(async move {
            if of.tenant != self.endpoints.tenant {
                return Ok(None);
            }
            let name = Name {
                sender: self.sender,
                id: of.id.clone(),
            };
            // A sender can do nothing about it but to come again.
            self.endpoints
                .secrets(&name)
                .await
                .map_err(|e| match e.kind() {
                    ErrorKind::Unavailable => e,
                    _ => Error::unavailable("the secrets of an endpoint cannot be read")
                        .with_source(e),
                })
        })
    }
}
