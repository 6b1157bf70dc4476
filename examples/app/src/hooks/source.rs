//! The endpoints, and the way from a request to its secrets: one vault record for each endpoint.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_base::{
    BoxFuture, Clock, Error, ErrorKind, Reason, RecordId, Result, Revision, Tenant, Timestamp,
};
use keyward_store::Records;
use keyward_vault::{AtPlace, Vault};
use keyward_webhook::{Endpoint, SecretSource, Secrets, Webhook, WholeBody};
use tokio::sync::Mutex as Waited;

use super::ring::Ring;
use super::{Name, Sender};
use crate::organisation::Organisation;

/// How long it is relied on which endpoints there are: a flood does not read the vault each time,
/// and what another process changed is known soon.
const LISTED: Duration = Duration::from_secs(5);

/// How long secrets that were opened are kept. After it their key may have been withdrawn.
const OPENED: Duration = Duration::from_secs(300);

/// Rows of one step of a list.
const PAGE: usize = 1000;

/// Where the secrets of webhook endpoints lie in the vault.
pub(crate) const WEBHOOK_SECRETS: &str = "webhook.secret";

/// How many organisations are remembered. Beyond it the oldest are forgotten, and read anew.
const REMEMBERED: usize = 1024;

/// The endpoints of all organisations, and what was read of them lately.
#[derive(Debug)]
pub(crate) struct Endpoints {
    /// In whose name the service opens secrets to verify.
    verifier: Vault,
    store: Arc<dyn Records>,
    clock: Arc<dyn Clock>,
    github: Webhook<WholeBody>,
    slack: Webhook<WholeBody>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    of: HashMap<Tenant, Arc<Waited<Held>>>,
    order: VecDeque<Tenant>,
}

/// What was read of one organisation's. Who waits for it keeps nobody of another from theirs.
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
        verifier: Vault,
        store: Arc<dyn Records>,
        clock: Arc<dyn Clock>,
        [github, slack]: [Webhook<WholeBody>; 2],
    ) -> Self {
        Self {
            verifier,
            store,
            clock,
            github,
            slack,
            known: Mutex::default(),
        }
    }

    fn remembered(&self, tenant: &Tenant) -> Option<Arc<Waited<Held>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.of.get(tenant).cloned()
    }

    /// What is held of an organisation; none if there is no such organisation. Of what an outsider
    /// makes up, nothing is remembered.
    async fn held(&self, tenant: &Tenant) -> Result<Option<Arc<Waited<Held>>>> {
        if let Some(held) = self.remembered(tenant) {
            return Ok(Some(held));
        }
        if !Organisation::is_there(self.store.as_ref(), tenant).await? {
            return Ok(None);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = known.of.get(tenant) {
            return Ok(Some(Arc::clone(held)));
        }
        if known.order.len() >= REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.of.remove(&oldest);
        }
        known.order.push_back(tenant.clone());
        let held = Arc::<Waited<Held>>::default();
        known.of.insert(tenant.clone(), Arc::clone(&held));
        Ok(Some(held))
    }

    fn place(&self, tenant: &Tenant) -> Result<AtPlace> {
        self.verifier
            .tenant(tenant.as_str())?
            .place(WEBHOOK_SECRETS)
    }

    pub(crate) const fn webhook(&self, sender: Sender) -> &Webhook<WholeBody> {
        match sender {
            Sender::GitHub => &self.github,
            Sender::Slack => &self.slack,
        }
    }

    /// The endpoint as a request names it.
    pub(crate) fn endpoint(&self, tenant: &Tenant, name: &Name) -> Endpoint {
        Endpoint {
            tenant: tenant.clone(),
            id: name.id.clone(),
        }
    }

    /// All there are, in the order of their names. Opens nothing.
    pub(crate) async fn all(&self, tenant: &Tenant) -> Result<Vec<(Name, Revision)>> {
        let Some(held) = self.held(tenant).await? else {
            return Ok(Vec::new());
        };
        let mut held = held.lock().await;
        let listed = self.listed(tenant, &mut held).await?;
        let named = listed.iter();
        Ok(named
            .filter_map(|(id, revision)| Some((Name::parse(id).ok()?, *revision)))
            .collect())
    }

    /// After one was made, changed or deleted here.
    pub(crate) async fn changed(&self, tenant: &Tenant) {
        if let Some(held) = self.remembered(tenant) {
            held.lock().await.listed = None;
        }
    }

    /// The secrets of an endpoint, none if it is not there.
    pub(crate) async fn secrets(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<Arc<Secrets>>> {
        let Some(held) = self.held(tenant).await? else {
            return Ok(None);
        };
        let mut held = held.lock().await;
        let id = name.text();
        let Some(revision) = self.listed(tenant, &mut held).await?.get(&id).copied() else {
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
        let opened = match self.place(tenant)?.record(&id)?.open().await {
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

    async fn listed<'a>(
        &self,
        tenant: &Tenant,
        held: &'a mut Held,
    ) -> Result<&'a BTreeMap<String, Revision>> {
        let now = self.clock.now()?;
        let known = held.listed.take();
        let fresh = known.filter(|(at, _)| is_fresh(*at, now, LISTED));
        let listed = match fresh {
            Some(listed) => listed,
            None => (now, self.read(tenant).await?),
        };
        Ok(&held.listed.insert(listed).1)
    }

    async fn read(&self, tenant: &Tenant) -> Result<BTreeMap<String, Revision>> {
        let place = self.place(tenant)?;
        let mut all = BTreeMap::new();
        let mut after = None;
        loop {
            let page = place.list(after.as_ref(), PAGE).await?;
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
            let name = Name {
                sender: self.sender,
                id: of.id.clone(),
            };
            // A sender can do nothing about it but to come again.
            self.endpoints
                .secrets(&of.tenant, &name)
                .await
                .map_err(|e| match e.kind() {
                    ErrorKind::Unavailable => e,
                    _ => Error::unavailable("the secrets of an endpoint cannot be read")
                        .with_source(e),
                })
        })
    }
}
