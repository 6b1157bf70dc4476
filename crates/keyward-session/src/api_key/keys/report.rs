//! What waits to be issued anew.

use std::collections::BTreeMap;

use keyward_base::{ErrorKind, KeyId, Result};
use keyward_store::Scan;

use super::ApiKeys;
use crate::api_key::info::{Reissue, ReissueReport};
use crate::api_key::row::{API_KEYS, Row};
use crate::format::is_of_record;
use crate::ground::epochs::Keys;

/// The most tenants that are named of one key.
const TENANTS: usize = 1_000;

impl ApiKeys {
    /// Which keys of the ring live on in API keys that were issued, of whatever prefix, and whose these
    /// are: the text of an API key cannot be made anew by us, so a ring's key goes only once each that
    /// it made was issued anew or has ended. It reads every row. Keys that were ended with others
    /// ([`ApiKeys::end`]) count until they are removed ([`ApiKeys::purge_ended`]), as they do for the
    /// ring.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring or clock cannot be relied on.
    pub async fn reissue_report(&self) -> Result<ReissueReport> {
        let (ground, now) = (&self.inner.ground, self.now()?);
        let active = ground.keyring.mac(&ground.purpose)?.id();
        let mut found: BTreeMap<KeyId, Reissue> = BTreeMap::new();
        let (mut keys, mut unavailable) = (Keys::default(), 0_u64);
        let mut pages = Scan::of(API_KEYS).owner("").pages(&*ground.store);
        while let Some(page) = pages.next().await? {
            for record in &page {
                match self.open_row(record, &mut keys).await {
                    Ok(row) if row.ends_at().is_some_and(|ends| now >= ends) => {}
                    Ok(row) => {
                        let id = row.token_key;
                        let entry = found.entry(id).or_insert_with(|| Reissue {
                            mac_key: id,
                            is_active: id == active,
                            keys: 0,
                            until: row.ends_at(),
                            tenants: BTreeMap::new(),
                        });
                        count(entry, &row);
                    }
                    Err(e) if !is_of_record(&e) => return Err(e),
                    Err(e) => {
                        let is_open = e.kind() == ErrorKind::Unavailable;
                        unavailable = unavailable.saturating_add(u64::from(is_open));
                    }
                }
            }
        }
        let mut all: Vec<Reissue> = found.into_values().collect();
        all.sort_by_key(|entry| !entry.is_active);
        Ok(ReissueReport {
            of: all,
            unavailable,
        })
    }
}

fn count(entry: &mut Reissue, row: &Row) {
    entry.keys = entry.keys.saturating_add(1);
    // None, which has no end, is the latest.
    entry.until = entry.until.zip(row.ends_at()).map(|(a, b)| a.max(b));
    if entry.tenants.len() < TENANTS || entry.tenants.contains_key(&row.tenant) {
        let of = entry.tenants.entry(row.tenant.clone()).or_insert(0);
        *of = of.saturating_add(1);
    }
}
