//! A key may do less from now on. It takes no secret of the key, and makes nothing more.

use keyward_base::{Error, Result, Tenant};

use super::ApiKeys;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::KeyInfo;
use crate::api_key::new::Narrow;
use crate::api_key::row::Row;
use crate::ground::epochs::Keys;
use crate::ground::{MAX_TRIES, contended};
use crate::reason;

impl ApiKeys {
    /// Takes scopes, ranges or time from a key. Whether whoever asks may, for this tenant, the
    /// application decides before. A check that begins after this returned goes by it.
    ///
    /// # Errors
    /// `Rejected`: [`reason::WIDER`] for a scope that the key does not have, a range that is not within
    /// one that it has, or a later end; [`Reason::NOT_FOUND`](keyward_base::Reason::NOT_FOUND) for a key
    /// that was revoked or is another tenant's. `Unavailable` if the store, the keyring or the clock
    /// cannot be relied on. `Corrupt` if the row is not what was written.
    pub async fn narrow(&self, tenant: &Tenant, id: ApiKeyId, to: &Narrow) -> Result<KeyInfo> {
        let result = self.try_narrow(tenant, id, to).await;
        self.note_changed("api-key.narrow", tenant, id, &result)
            .await;
        result
    }

    async fn try_narrow(&self, tenant: &Tenant, id: ApiKeyId, to: &Narrow) -> Result<KeyInfo> {
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let (row, version) = self.own_row(tenant, id, &mut Keys::default()).await?;
            let mut narrowed = narrowed(&row, to)?;
            narrowed.changed = now.max(row.changed);
            let shown = self.shown(narrowed.clone(), now).await?;
            if self.swap_row(&narrowed, version, Vec::new()).await? {
                return Ok(shown);
            }
        }
        Err(contended())
    }
}

fn narrowed(row: &Row, to: &Narrow) -> Result<Row> {
    let mut out = row.clone();
    let wider = || Error::rejected(reason::WIDER);
    if let Some(scopes) = &to.scopes {
        if !scopes.is_within(&row.scopes) {
            return Err(wider());
        }
        out.scopes = scopes.clone();
    }
    if let Some(ranges) = &to.ranges {
        if !ranges.is_within(&row.ranges) {
            return Err(wider());
        }
        out.ranges = ranges.clone();
    }
    if let Some(expires) = to.expires {
        if row.expires.is_some_and(|before| expires > before) {
            return Err(wider());
        }
        // Not before it was made: it has ended either way.
        out.expires = Some(expires.max(row.created));
    }
    Ok(out)
}
