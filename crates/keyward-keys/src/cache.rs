//! Tenant keys kept in memory: bounded by number, time and uses, wiped when they leave.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use keyward_base::{KeyId, Purpose, Tenant, Timestamp};

use crate::policy::Policy;
use crate::tenant::Slot;

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

    /// Usable at `now`: not outlived, not from the future.
    fn is_fresh(&self, now: Timestamp, policy: &Policy) -> bool {
        self.loaded <= now && now.saturating_since(self.loaded) < policy.cache_for
    }

    /// Usable once more at `now`: fresh, and not used up.
    fn take_use(&self, now: Timestamp, policy: &Policy) -> bool {
        self.is_fresh(now, policy) && self.uses.fetch_add(1, Ordering::Relaxed) < policy.cache_uses
    }
}

#[derive(Debug, Default)]
struct Held {
    by_purpose: HashMap<Purpose, HashMap<Tenant, Arc<Cached>>>,
    /// In the order they came in: the same tenants.
    order: VecDeque<(Purpose, Tenant)>,
    /// How many keys, of all tenants together.
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
        found.take_use(now, policy).then(|| Arc::clone(found))
    }

    /// Whether the keys of a tenant were read a while ago and are still held: a key that is not
    /// among them was made since, or does not exist.
    pub(crate) fn holds(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        now: Timestamp,
        policy: &Policy,
    ) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let tenants = held.by_purpose.get(purpose);
        tenants
            .and_then(|tenants| tenants.get(tenant))
            .is_some_and(|found| found.is_fresh(now, policy))
    }

    pub(crate) fn insert(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        cached: Arc<Cached>,
        policy: &Policy,
    ) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.len = held.len.saturating_add(cached.slots.len());
        let tenants = held.by_purpose.entry(purpose.clone()).or_default();
        match tenants.insert(tenant.clone(), cached) {
            Some(before) => held.len = held.len.saturating_sub(before.slots.len()),
            None => held.order.push_back((purpose.clone(), tenant.clone())),
        }
        while held.len > policy.cache_keys || held.order.len() > policy.cache_tenants {
            let Some((purpose, tenant)) = held.order.pop_front() else {
                break;
            };
            let removed = held
                .by_purpose
                .get_mut(&purpose)
                .and_then(|tenants| tenants.remove(&tenant));
            if let Some(removed) = removed {
                held.len = held.len.saturating_sub(removed.slots.len());
            }
        }
    }

    /// Forgets a tenant, if `cached` is what is held of it.
    pub(crate) fn forget(&self, purpose: &Purpose, tenant: &Tenant, cached: &Arc<Cached>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let tenants = held.by_purpose.get_mut(purpose);
        let same = |held: &&mut Arc<Cached>| Arc::ptr_eq(held, cached);
        let Some(tenants) = tenants else { return };
        if tenants.get_mut(tenant).filter(same).is_none() {
            return;
        }
        tenants.remove(tenant);
        held.len = held.len.saturating_sub(cached.slots.len());
        held.order.retain(|(p, t)| p != purpose || t != tenant);
    }

    /// Forgets the tenants that have a key wrapped by one of `ring_keys`, or one that did not open:
    /// it may have been wrapped anew in a state of the ring that this process did not see.
    pub(crate) fn forget_wrapped_by(&self, ring_keys: &HashSet<KeyId>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for tenants in held.by_purpose.values_mut() {
            tenants.retain(|_, cached| {
                !cached
                    .slots
                    .iter()
                    .any(|slot| slot.key.is_none() || ring_keys.contains(&slot.wrapped_by))
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
        held.len = held
            .by_purpose
            .values()
            .flat_map(HashMap::values)
            .map(|cached| cached.slots.len())
            .sum();
    }
}
