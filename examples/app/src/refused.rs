//! What was refused of webhooks since the start, counted on its way to the record.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use keyward_audit::Audit;
use keyward_base::audit::{Intent, Value};
use keyward_base::{BoxFuture, Event, Result, Sink};

/// What an event of refused webhooks is called.
const REFUSE: &str = "webhook.refuse";

/// The record, with sums of what is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    to: Audit,
    sums: Mutex<BTreeMap<&'static str, u64>>,
}

impl Refused {
    pub(crate) fn new(to: Audit) -> Self {
        Self {
            to,
            sums: Mutex::default(),
        }
    }

    /// How many requests of webhooks were refused, by reason.
    pub(crate) fn sums(&self) -> BTreeMap<&'static str, u64> {
        let sums = self.sums.lock();
        sums.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds up what events of refusals tell: each is a sum itself.
    fn add_up(&self, event: &Event) {
        if event.action != REFUSE {
            return;
        }
        let sums = self.sums.lock();
        let mut sums = sums.unwrap_or_else(PoisonError::into_inner);
        for (word, value) in event.detail.iter() {
            if let Value::Number(more) = value {
                let count = sums.entry(word).or_default();
                *count = count.saturating_add(more);
            }
        }
    }
}

impl Sink for Refused {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        self.add_up(event);
        self.to.record(event)
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        self.to.open_intents()
    }
}
