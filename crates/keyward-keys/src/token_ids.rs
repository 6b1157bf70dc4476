//! Key ids in tokens that are not known: remembered for a moment, and looked for within a budget
//! of their own, so that forged tokens take nothing from what sealed values need.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};

use crate::policy::Policy;
use crate::reason;

/// The most ids remembered; when full, all are forgotten and may be looked for once more.
const MAX_IDS: usize = 4096;

/// What was looked for in vain a moment ago, and what was spent on it.
#[derive(Debug, Default)]
pub(crate) struct TokenIds {
    ids: Mutex<HashMap<(Purpose, KeyId), Timestamp>>,
    spent: Mutex<(Option<Timestamp>, u32)>,
}

impl TokenIds {
    /// Takes one reading of the ring out of the budget.
    ///
    /// # Errors
    /// `Unavailable` when it is spent: a genuine token may be verified a moment later.
    pub(crate) fn spend(&self, now: Timestamp, policy: &Policy) -> Result<()> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, used) = &mut *spent;
        if !since.is_some_and(|since| is_recent(since, now, policy)) {
            (*since, *used) = (Some(now), 0);
        }
        if *used >= policy.token_lookups {
            return Err(Error::unavailable(
                "too many tokens name keys that are not known: try again in a moment",
            )
            .because(reason::UNKNOWN_KEY));
        }
        *used = used.saturating_add(1);
        Ok(())
    }

    /// Whether it was looked for in vain a moment ago.
    pub(crate) fn has(
        &self,
        purpose: &Purpose,
        id: KeyId,
        now: Timestamp,
        policy: &Policy,
    ) -> bool {
        let held = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&(purpose.clone(), id))
            .is_some_and(|at| is_recent(*at, now, policy))
    }

    pub(crate) fn insert(&self, purpose: &Purpose, id: KeyId, now: Timestamp) {
        let mut held = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_IDS {
            held.clear();
        }
        held.insert((purpose.clone(), id), now);
    }
}

fn is_recent(at: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    at <= now && now.saturating_since(at) < policy.unknown_refresh
}
