//! How much there is, against the limits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{Error, Result, Retry, Tenant, Timestamp};
use keyward_store::{Records, Scan};

use super::policy::InboxPolicy;
use super::row::{Head, INBOX, Place};

/// Rows and bytes of bodies, by tenant, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<Option<Counts>>);

#[derive(Debug)]
struct Counts {
    at: Timestamp,
    all: Size,
    tenants: HashMap<Tenant, Size>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    rows: u64,
    bytes: u64,
}

impl Size {
    const fn add(&mut self, rows: u64, bytes: u64) {
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    const fn take(&mut self, rows: u64, bytes: u64) {
        self.rows = self.rows.saturating_sub(rows);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    const fn fits(&self, bytes: u64, most_rows: u64, most_bytes: u64) -> bool {
        self.rows < most_rows && self.bytes.saturating_add(bytes) <= most_bytes
    }
}

impl Usage {
    fn held(&self) -> MutexGuard<'_, Option<Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_older(&self, now: Timestamp, policy: &InboxPolicy) -> bool {
        let held = self.held();
        held.as_ref()
            .is_none_or(|counts| now.saturating_since(counts.at) >= policy.recount)
    }

    /// Counts all rows.
    pub(super) async fn recount(&self, store: &dyn Records, now: Timestamp) -> Result<()> {
        let mut counts = Counts {
            at: now,
            all: Size::default(),
            tenants: HashMap::new(),
        };
        let mut pages = Scan::of(INBOX).pages(store);
        while let Some(page) = pages.next_outlines(0).await? {
            for outline in page {
                // What cannot be read takes room too.
                let known = Place::of(&outline.key);
                let (rows, bytes) = match known.as_ref().map(|place| place.piece) {
                    Ok(0) => match Head::parse(&outline.data) {
                        Ok(head) => (1, head.facts.body_len),
                        Err(_) => (1, 0),
                    },
                    Ok(_) => (0, 0),
                    Err(_) => (1, 0),
                };
                counts.all.add(rows, bytes);
                if let Ok(place) = known {
                    let tenant = counts.tenants.entry(place.endpoint.tenant);
                    tenant.or_default().add(rows, bytes);
                }
            }
        }
        let damaged = u64::try_from(pages.damaged().len()).unwrap_or(u64::MAX);
        counts.all.add(damaged, 0);
        *self.held() = Some(counts);
        Ok(())
    }

    /// Whether a delivery of so many bytes fits.
    pub(super) fn admit(&self, tenant: &Tenant, bytes: u64, policy: &InboxPolicy) -> Result<()> {
        let held = self.held();
        let Some(counts) = held.as_ref() else {
            return Ok(());
        };
        let own = counts.tenants.get(tenant).copied().unwrap_or_default();
        if own.fits(bytes, policy.tenant_rows, policy.tenant_bytes)
            && counts.all.fits(bytes, policy.rows, policy.bytes)
        {
            return Ok(());
        }
        Err(Error::unavailable(
            "the webhook inbox is full: see to its workers, or to its dead letters",
        )
        .retry(Retry::After(policy.recount)))
    }

    pub(super) fn add(&self, tenant: &Tenant, bytes: u64) {
        if let Some(counts) = self.held().as_mut() {
            counts.all.add(1, bytes);
            let own = counts.tenants.entry(tenant.clone());
            own.or_default().add(1, bytes);
        }
    }

    pub(super) fn take(&self, tenant: &Tenant, bytes: u64) {
        if let Some(counts) = self.held().as_mut() {
            counts.all.take(1, bytes);
            if let Some(own) = counts.tenants.get_mut(tenant) {
                own.take(1, bytes);
            }
        }
    }
}
