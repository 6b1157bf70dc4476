//! Tenants' key records that cannot be read, and the way out.

use keyward_base::encoding::hex;
use keyward_base::{Error, Result};
use keyward_store::{Applied, DamagedRow, RecordKey, StoreLimits, Write};

use super::Admin;
use crate::records::{COVERAGE, KEYRING, SET_ASIDE, TENANT_KEYS, pages};
use crate::usage::DamagedRecord;

/// The longest id to which `-` and a version, 20 digits at most, can be added.
#[allow(clippy::arithmetic_side_effects)] // Constants.
const LONGEST: usize = StoreLimits::ID - 21;

impl Admin {
    /// Tenants' key records that cannot be read. Everything else goes on; the values of these
    /// tenants do not open, and no ring key of the purpose is destroyed, until the records are
    /// restored or given up ([`Admin::set_aside`]).
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn damaged(&self) -> Result<Vec<DamagedRecord>> {
        self.keyring.each_tenant_key(None, &[], |_| {}).await
    }

    /// Gives up the key records of `owner` that cannot be read, and says how many: they are moved
    /// to the collection `set-aside` of the key store, where they stay. The owner begins anew with
    /// new keys; what was sealed before does not open, unless a record is restored later.
    ///
    /// # Errors
    /// `Misuse` if `owner` has no such record; `Unavailable` if store or audit cannot be reached.
    pub async fn set_aside(&self, owner: &str) -> Result<u64> {
        self.audited("keys.set-aside", None, self.try_set_aside(owner))
            .await
    }

    /// Gives up a row of the key store that cannot be read, by its place
    /// ([`DamagedRecord::row`], [`Records::damaged`](keyward_store::Records::damaged)): what stands
    /// in it is kept in the collection `set-aside`.
    ///
    /// # Errors
    /// `Misuse` if there is no such row, it can be read, or it is of the ring or of the registry of
    /// columns, which every tenant needs; `Unavailable` if store or audit cannot
    /// be reached.
    pub async fn set_aside_row(&self, place: &str) -> Result<DamagedRow> {
        self.audited("keys.set-aside", None, self.try_set_aside_row(place))
            .await
    }

    async fn try_set_aside_row(&self, place: &str) -> Result<DamagedRow> {
        let store = self.keyring.0.store.as_ref();
        let rows = store.damaged().await?;
        // One that is not named is not judged, and not given up.
        let row = rows.iter().find(|row| row.place == place);
        let row = row.ok_or_else(DamagedRow::none)?;
        if [KEYRING, COVERAGE].map(Some).contains(&row.collection) {
            return Err(Error::misuse(
                "the row is one that every tenant needs: restore the key store from a backup",
            ));
        }
        store.set_aside(place).await
    }

    async fn try_set_aside(&self, owner: &str) -> Result<u64> {
        self.keyring.refresh().await?;
        let store = self.keyring.0.store.as_ref();
        let mut moved = 0_u64;
        let mut found = pages(store, TENANT_KEYS, Some(owner));
        while let Some(page) = found.next().await? {
            for record in page {
                if self.keyring.read_record(&record).await?.is_ok() {
                    continue;
                }
                // The version makes the name one that no other record was set aside under. A purpose
                // is short; what is longer was written by somebody else, and only told apart.
                let was = match record.key.id.len() {
                    0..=LONGEST => record.key.id.clone(),
                    _ => hex(&self.keyring.0.provider.sha256(&[record.key.id.as_bytes()])),
                };
                let id = format!("{was}-{}", record.version.number());
                let kept = RecordKey {
                    collection: SET_ASIDE,
                    owner: record.key.owner.clone(),
                    id,
                };
                let batch = vec![
                    self.keyring.snapshot().require(),
                    Write::Insert {
                        key: kept,
                        content: record.content,
                    },
                    Write::Delete {
                        key: record.key,
                        version: record.version,
                    },
                ];
                match store.apply(batch).await? {
                    Applied::Done(_) => moved = moved.saturating_add(1),
                    _ => {
                        return Err(Error::unavailable(
                            "the record or the keyring was written this moment: try again",
                        ));
                    }
                }
            }
        }
        for row in found.damaged() {
            drop(store.set_aside(&row.place).await?);
            moved = moved.saturating_add(1);
        }
        if moved == 0 {
            return Err(Error::misuse(
                "the tenant has no key record that cannot be read: nothing was set aside",
            ));
        }
        Ok(moved)
    }
}
