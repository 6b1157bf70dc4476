//! What masks the values of an organisation in its logs and prompts: a redactor for each, so that no
//! log tells what another one's value is called, or that it has it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Event, OpenObserver, OpenedSecret, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_redact::{Policy, Redactor, Warning, What};

/// The most memory that the values of one organisation take: about 15,000 tokens of 40 characters.
const EACH: usize = 8 * 1024 * 1024;

/// How many organisations' values are known at once. Beyond it those go that were longest not
/// asked for; a deployment that runs keeps what masks it, and the next one opens its set anew.
const MOST: usize = 32;

/// The redactors, by organisation.
#[derive(Debug)]
pub(crate) struct Masks {
    crypto: Provider,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by: HashMap<Tenant, One>,
    asked: u64,
}

#[derive(Debug)]
struct One {
    redactor: Redactor,
    asked: u64,
    /// What the record has of each action.
    told: BTreeMap<&'static str, u64>,
}

impl One {
    /// What is not masked as one may expect and not on record yet: action and number.
    fn news(&mut self) -> Vec<(&'static str, u64)> {
        let bare = |warning: &&Warning| matches!(warning.what, What::CommonWord | What::TooShort);
        let bare = self.redactor.warnings().iter().filter(bare).count();
        let now = [
            ("redact.evict", self.redactor.counts().evicted),
            ("redact.unmasked", u64::try_from(bare).unwrap_or(u64::MAX)),
        ];
        let mut news = Vec::new();
        for (action, number) in now {
            let told = self.told.insert(action, number).unwrap_or(0);
            if number > told {
                news.push((action, number));
            }
        }
        news
    }
}

impl Masks {
    pub(crate) fn new(crypto: Provider) -> Self {
        Self {
            crypto,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What masks the values of that organisation.
    pub(crate) fn of(&self, tenant: &Tenant) -> Result<Redactor> {
        let mut held = self.held();
        held.asked = held.asked.saturating_add(1);
        let asked = held.asked;
        if let Some(one) = held.by.get_mut(tenant) {
            one.asked = asked;
            return Ok(one.redactor.clone());
        }
        let mut policy = Policy::default();
        policy.budget = EACH;
        let crypto = self.crypto;
        let redactor = Redactor::with_policy(policy, move |bytes| crypto.fill(bytes))?;
        if held.by.len() >= MOST {
            let oldest = held.by.iter().min_by_key(|(_, one)| one.asked);
            if let Some(oldest) = oldest.map(|(tenant, _)| tenant.clone()) {
                held.by.remove(&oldest);
            }
        }
        let one = One {
            redactor: redactor.clone(),
            asked,
            told: BTreeMap::new(),
        };
        held.by.insert(tenant.clone(), one);
        Ok(redactor)
    }

    /// What is to be told, each in the log of its organisation.
    pub(crate) fn news(&self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        for (tenant, one) in &mut self.held().by {
            for (action, number) in one.news() {
                let mut event = Event::new(now, action, Outcome::Done);
                event.tenant = Some(tenant.clone());
                event.detail = Detail::none().with("number", Value::Number(number));
                events.push(event);
            }
        }
        events
    }
}

impl OpenObserver for Masks {
    fn opened(&self, secret: &OpenedSecret<'_>) -> Result<()> {
        self.of(secret.tenant)?.opened(secret)
    }

    fn knows_parts(&self, whole: &OpenedSecret<'_>) -> bool {
        self.of(whole.tenant)
            .is_ok_and(|redactor| redactor.knows_parts(whole))
    }

    fn opened_parts(&self, whole: &OpenedSecret<'_>, parts: &[OpenedSecret<'_>]) -> Result<()> {
        self.of(whole.tenant)?.opened_parts(whole, parts)
    }
}
