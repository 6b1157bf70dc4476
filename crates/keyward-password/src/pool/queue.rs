//! What waits: each tenant's work in the order it came, and the tenants by turns.

use std::collections::{HashMap, VecDeque};

use keyward_base::{Tenant, Timestamp};

use super::job::Job;

/// The tenants that have something waiting stand in a ring. Whoever is at its front gives one piece of
/// work and goes to the back, so that a tenant with a thousand waiting delays another by one.
#[derive(Default)]
pub(super) struct Queue {
    ring: VecDeque<Tenant>,
    lanes: HashMap<Tenant, VecDeque<Job>>,
    len: usize,
}

impl Queue {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len_of(&self, tenant: &Tenant) -> usize {
        self.lanes.get(tenant).map_or(0, VecDeque::len)
    }

    pub(super) fn push(&mut self, tenant: &Tenant, job: Job) {
        if let Some(lane) = self.lanes.get_mut(tenant) {
            lane.push_back(job);
        } else {
            self.lanes.insert(tenant.clone(), VecDeque::from([job]));
            self.ring.push_back(tenant.clone());
        }
        self.len = self.len.saturating_add(1);
    }

    /// What is next. It is not passed over where it does not fit yet: smaller ones would keep it
    /// waiting for good.
    pub(super) fn next(&self) -> Option<&Job> {
        self.lanes.get(self.ring.front()?)?.front()
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let tenant = self.ring.pop_front()?;
        let lane = self.lanes.get_mut(&tenant)?;
        let job = lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&tenant);
        } else {
            self.ring.push_back(tenant);
        }
        self.len = self.len.saturating_sub(usize::from(job.is_some()));
        job
    }

    /// Takes out one whose caller no longer waits, if it has not begun.
    pub(super) fn remove(&mut self, tenant: &Tenant, id: u64) -> Option<Job> {
        let lane = self.lanes.get_mut(tenant)?;
        // Ids rise within a lane.
        let at = lane.binary_search_by_key(&id, |job| job.id).ok()?;
        let job = lane.remove(at);
        self.len = self.len.saturating_sub(usize::from(job.is_some()));
        self.forget_if_empty(tenant);
        job
    }

    /// Takes out the newest of the tenant that has most waiting, if that is more than `tenant` will have
    /// with one more: a line that a few tenants have filled is no reason to turn away all others.
    pub(super) fn make_room(&mut self, tenant: &Tenant) -> Option<Job> {
        let longest = self.ring.iter().max_by_key(|other| self.len_of(other))?;
        let longest = longest.clone();
        if self.len_of(tenant).saturating_add(1) >= self.len_of(&longest) {
            return None;
        }
        let job = self.lanes.get_mut(&longest)?.pop_back();
        self.len = self.len.saturating_sub(usize::from(job.is_some()));
        job
    }

    /// Takes out all whose deadline has passed. All wait equally long, so that within a lane the
    /// first ones are the first to be late.
    pub(super) fn take_late(&mut self, now: Timestamp) -> Vec<Job> {
        let is_late = |lane: &VecDeque<Job>| lane.front().is_some_and(|job| job.until <= now);
        let late: Vec<Tenant> = self
            .ring
            .iter()
            .filter(|tenant| self.lanes.get(tenant).is_some_and(is_late))
            .cloned()
            .collect();
        let mut taken = Vec::new();
        for tenant in late {
            if let Some(lane) = self.lanes.get_mut(&tenant) {
                while is_late(lane) {
                    taken.extend(lane.pop_front());
                }
            }
            self.forget_if_empty(&tenant);
        }
        self.len = self.len.saturating_sub(taken.len());
        taken
    }

    pub(super) fn first_deadline(&self) -> Option<Timestamp> {
        let firsts = self.lanes.values().filter_map(|lane| lane.front());
        firsts.map(|job| job.until).min()
    }

    pub(super) fn take_all(&mut self) -> Vec<Job> {
        self.ring.clear();
        self.len = 0;
        self.lanes.drain().flat_map(|(_, lane)| lane).collect()
    }

    fn forget_if_empty(&mut self, tenant: &Tenant) {
        if self.lanes.get(tenant).is_some_and(VecDeque::is_empty) {
            self.lanes.remove(tenant);
            self.ring.retain(|other| other != tenant);
        }
    }
}
