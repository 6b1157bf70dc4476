//! Key ids that are not known: remembered for a moment, and looked for within a budget.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, KeyId, Purpose, Result, Tenant, Timestamp};

use crate::policy::Policy;
use crate::reason;

/// The most ids remembered; when full, all are forgotten and may be looked for once more.
const MAX_IDS: usize = 4096;

/// The most tenants whose own budgets are kept; beyond, they share the one for all.
const MAX_TENANTS: usize = 4096;

/// Key ids that were looked for in vain a moment ago, and what was spent on it.
#[derive(Debug, Default)]
pub(crate) struct UnknownIdBudget {
    ids: Mutex<HashMap<(Purpose, Tenant, KeyId), Timestamp>>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    since: Option<Timestamp>,
    /// Look-ups beyond the first of each tenant.
    overall: u32,
    by_tenant: HashMap<Tenant, u32>,
}

impl UnknownIdBudget {
    /// Takes one look-up out of the budget of `tenant`, and, but for its first, out of the one of
    /// all: so that no flood of some keeps the key of another from being found.
    ///
    /// # Errors
    /// `Unavailable` when it is spent: a genuine value may be opened a moment later, so that it is
    /// not said to be rejected.
    pub(crate) fn spend(&self, tenant: &Tenant, now: Timestamp, policy: &Policy) -> Result<()> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if !spent
            .since
            .is_some_and(|since| is_recent(since, now, policy))
        {
            *spent = Spent {
                since: Some(now),
                ..Spent::default()
            };
        }
        let used = spent.by_tenant.get(tenant).copied().unwrap_or_default();
        let first = used == 0 && spent.by_tenant.len() < MAX_TENANTS;
        if used >= policy.unknown_lookups_tenant
            || (!first && spent.overall >= policy.unknown_lookups)
        {
            return Err(Error::unavailable(
                "too many values name keys that are not known: try again in a moment",
            )
            .because(reason::UNKNOWN_KEY));
        }
        if first {
            spent.by_tenant.insert(tenant.clone(), 1);
            return Ok(());
        }
        spent.overall = spent.overall.saturating_add(1);
        if let Some(used) = spent.by_tenant.get_mut(tenant) {
            *used = used.saturating_add(1);
        }
        Ok(())
    }

    /// Whether it was looked for in vain a moment ago.
    pub(crate) fn has(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        now: Timestamp,
        policy: &Policy,
    ) -> bool {
        let held = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&(purpose.clone(), tenant.clone(), id))
            .is_some_and(|at| is_recent(*at, now, policy))
    }

    pub(crate) fn insert(&self, purpose: &Purpose, tenant: &Tenant, id: KeyId, now: Timestamp) {
        let mut held = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_IDS {
            held.clear();
        }
        held.insert((purpose.clone(), tenant.clone(), id), now);
    }
}

fn is_recent(at: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    at <= now && now.saturating_since(at) < policy.unknown_refresh
}
