//! What the owners of an organisation are mailed of its API keys.

use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::audit::{Intent, Outcome};
use keyward_base::{BoxFuture, Clock, Event, Result, Sink, Tenant};
use keyward_crypto::Provider;
use keyward_session::api_key::{ApiKeyId, ApiKeys, Notice};
use keyward_store::Records;

use crate::apikeyview::path_of;
use crate::log;
use crate::mail::{Mail, Post};
use crate::people::Person;
use crate::view::minute;

/// How many letters wait that could not be sent. Beyond it they are in the record alone.
const WAITING: usize = 1_000;

/// The event of a key that a scanner reported.
const LEAKED: &str = "api-key.leaked";

/// What the owners of an organisation are to hear.
#[derive(Debug)]
pub(super) struct Letter {
    tenant: Tenant,
    subject: &'static str,
    text: String,
    link: String,
}

/// Mails owners. What could not be sent waits for the next round, since nothing tells it again.
#[derive(Debug)]
pub(super) struct Owners {
    pub(super) store: Arc<dyn Records>,
    pub(super) post: Arc<Post>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) crypto: Provider,
    /// The start of the addresses that are mailed.
    pub(super) base: String,
    pub(super) waiting: Mutex<Vec<Letter>>,
}

impl Owners {
    /// That a key ends soon.
    pub(super) async fn ends(&self, notice: &Notice) -> Result<()> {
        let key = &notice.key;
        let ends = key.expires.map_or_else(String::new, minute);
        let link = format!("{}{}", self.base, path_of(&key.id.to_string()));
        let text = format!(
            "The key \"{}\" ends at {ends} UTC. If a program needs it still, rotate it before:\n\n\
             {link}\n",
            key.name
        );
        let letter = Letter {
            tenant: key.tenant.clone(),
            subject: "An API key ends soon",
            text,
            link,
        };
        self.tell(letter).await
    }

    /// That a key was found where it may not be, and is at its end.
    async fn leaked(&self, tenant: &Tenant, key: &str) -> Result<()> {
        let link = format!("{}/api-keys", self.base);
        let text = format!(
            "The key {key} stood where others read it: a scanner of published texts found it whole. \
             It is revoked. Look at Audit for what was done with it, and if a program needs one \
             still, make another:\n\n{link}\n"
        );
        let letter = Letter {
            tenant: tenant.clone(),
            subject: "An API key was published, and is revoked",
            text,
            link,
        };
        self.tell(letter).await
    }

    /// Sends once more what could not be sent.
    pub(super) async fn again(&self) -> Result<()> {
        let mut result = Ok(());
        let waiting = std::mem::take(&mut *self.waiting());
        for letter in waiting {
            result = result.and(self.tell(letter).await);
        }
        result
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Letter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(&self, letter: Letter) -> Result<()> {
        let sent = self.send(&letter).await;
        if sent.is_err() {
            let mut waiting = self.waiting();
            if waiting.len() < WAITING {
                waiting.push(letter);
            }
        }
        sent
    }

    async fn send(&self, letter: &Letter) -> Result<()> {
        let now = self.clock.now()?;
        for owner in Person::owners(self.store.as_ref(), &letter.tenant).await? {
            let mail = Mail {
                to: owner.email,
                subject: letter.subject.to_owned(),
                text: letter.text.clone(),
                links: vec![letter.link.clone()],
            };
            self.post.send(mail, now, &self.crypto)?;
        }
        Ok(())
    }
}

/// The record, whose events of keys that were reported are mailed to their owners too.
#[derive(Debug)]
pub(super) struct TellLeaks {
    pub(super) to: Arc<dyn Sink>,
    pub(super) owners: Arc<Owners>,
    /// To say a key's name while it is there.
    pub(super) keys: ApiKeys,
}

impl TellLeaks {
    /// Before the key is gone: afterwards nobody would tell it again.
    async fn told(&self, event: &Event) -> Result<()> {
        let (Some(tenant), Some(record)) = (&event.tenant, &event.record) else {
            return Ok(());
        };
        if event.action != LEAKED || event.outcome != Outcome::Granted {
            return Ok(());
        }
        let id = ApiKeyId::parse(record.as_str())?;
        let key = match self.keys.info(tenant, id).await {
            Ok(key) => format!("\"{}\" ({id})", key.name),
            Err(_) => id.to_string(),
        };
        self.owners.leaked(tenant, &key).await
    }
}

impl Sink for TellLeaks {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if let Err(error) = self.told(event).await {
                log::failure(&error);
            }
            self.to.record(event).await
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        self.to.open_intents()
    }
}
