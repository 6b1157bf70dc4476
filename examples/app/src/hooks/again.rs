//! What came more than once since the service started: a provider that sends again, or somebody
//! who captured a delivery. Nothing is written for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{RecordId, Tenant};
use keyward_webhook::Outcome;

use super::Sender;

/// The most deliveries that are remembered. Beyond it the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// An endpoint.
type Of<'a> = (&'a Tenant, Sender, &'a RecordId);

type Key = (Tenant, Sender, RecordId, [u8; 32]);

fn key((tenant, sender, endpoint): Of<'_>, body: [u8; 32]) -> Key {
    (tenant.clone(), sender, endpoint.clone(), body)
}

/// How often a delivery came again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// As it was.
    pub(crate) same: u64,
    /// Its body, under another id.
    pub(crate) renamed: u64,
}

/// What came again, by endpoint and digest of the body.
#[derive(Debug, Default)]
pub(crate) struct Again(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    counts: HashMap<Key, Count>,
    order: VecDeque<Key>,
}

impl Again {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a delivery that came.
    pub(crate) fn came(&self, of: Of<'_>, body: [u8; 32], how: Outcome) {
        let add: fn(&mut Count) = match how {
            Outcome::Done | Outcome::InFlight { .. } => |count| {
                count.same = count.same.saturating_add(1);
            },
            Outcome::Repeated => |count| count.renamed = count.renamed.saturating_add(1),
            _ => return,
        };
        let key = key(of, body);
        let mut held = self.held();
        if !held.counts.contains_key(&key) {
            held.order.push_back(key.clone());
            if held.order.len() > REMEMBERED
                && let Some(oldest) = held.order.pop_front()
            {
                held.counts.remove(&oldest);
            }
        }
        add(held.counts.entry(key).or_default());
    }

    pub(crate) fn of(&self, of: Of<'_>, body: [u8; 32]) -> Count {
        let key = key(of, body);
        self.held().counts.get(&key).copied().unwrap_or_default()
    }
}
