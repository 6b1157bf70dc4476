//! Tenant keys kept in memory: bounded by number, time and uses, wiped when they leave.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use keyward_base::{KeyId, Purpose, Reason, Tenant, Timestamp};

use crate::policy::Policy;
use crate::tenant::TenantKey;

/// One key of a cached tenant. Without material, its ring key did not open when it was read.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: KeyId,
    pub(crate) seq: u64,
    pub(crate) wrapped_by: KeyId,
    pub(crate) key: Option<TenantKey>,
}

/// All keys of one tenant and purpose, in the order they were made.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) slots: Vec<Slot>,
    loaded: Timestamp,
    uses: AtomicU64,
}

impl Cached {
    pub(crate) const fn new(slots: Vec<Slot>, loaded: Timestamp) -> Self {
        Self {
            slots,
            loaded,
            uses: AtomicU64::new(0),
        }
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.id == id)
    }

    /// Usable at `now`: not outlived, not from the future, not used up.
    fn is_fresh(&self, now: Timestamp, policy: &Policy) -> bool {
        self.loaded <= now
            && now.saturating_since(self.loaded) < policy.cache_for
            && self.uses.fetch_add(1, Ordering::Relaxed) < policy.cache_uses
    }
}

#[derive(Debug, Default)]
struct Held {
    by_purpose: HashMap<Purpose, HashMap<Tenant, Arc<Cached>>>,
    /// In the order they came in; may name tenants that have left since.
    order: VecDeque<(Purpose, Tenant)>,
    len: usize,
}

/// A bounded map of tenants to their keys. When it is full the oldest leaves.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<Held>);

impl Cache {
    pub(crate) fn find(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        now: Timestamp,
        policy: &Policy,
    ) -> Option<Arc<Cached>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = held.by_purpose.get(purpose)?.get(tenant)?;
        found.is_fresh(now, policy).then(|| Arc::clone(found))
    }

    pub(crate) fn insert(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        cached: Arc<Cached>,
        policy: &Policy,
    ) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let tenants = held.by_purpose.entry(purpose.clone()).or_default();
        if tenants.insert(tenant.clone(), cached).is_none() {
            held.len = held.len.saturating_add(1);
            held.order.push_back((purpose.clone(), tenant.clone()));
        }
        while held.len > policy.cache_tenants {
            let Some((purpose, tenant)) = held.order.pop_front() else {
                break;
            };
            let removed = held
                .by_purpose
                .get_mut(&purpose)
                .and_then(|tenants| tenants.remove(&tenant));
            if removed.is_some() {
                held.len = held.len.saturating_sub(1);
            }
        }
    }

    /// Forgets the tenants that have a key wrapped by one of `ring_keys`.
    pub(crate) fn forget_wrapped_by(&self, ring_keys: &HashSet<KeyId>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for tenants in held.by_purpose.values_mut() {
            tenants.retain(|_, cached| {
                !cached
                    .slots
                    .iter()
                    .any(|slot| ring_keys.contains(&slot.wrapped_by))
            });
        }
        let left: HashSet<(Purpose, Tenant)> = held
            .by_purpose
            .iter()
            .flat_map(|(purpose, tenants)| {
                tenants
                    .keys()
                    .map(|tenant| (purpose.clone(), tenant.clone()))
            })
            .collect();
        held.order.retain(|name| left.contains(name));
        held.len = left.len();
    }
}

/// Key ids that were looked for in vain a moment ago, and why, so that they are not looked for
/// again.
#[derive(Debug, Default)]
pub(crate) struct Unknown(std::sync::Mutex<HashMap<(Tenant, KeyId), (Timestamp, Reason)>>);

/// The most ids remembered; when full, all are forgotten and may cost a read once more.
const MAX_UNKNOWN: usize = 4096;

impl Unknown {
    pub(crate) fn find(
        &self,
        tenant: &Tenant,
        id: KeyId,
        now: Timestamp,
        policy: &Policy,
    ) -> Option<Reason> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, reason) = held.get(&(tenant.clone(), id))?;
        let fresh = *at <= now && now.saturating_since(*at) < policy.unknown_refresh;
        fresh.then_some(*reason)
    }

    pub(crate) fn insert(&self, tenant: &Tenant, id: KeyId, now: Timestamp, reason: Reason) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_UNKNOWN {
            held.clear();
        }
        held.insert((tenant.clone(), id), (now, reason));
    }
}
