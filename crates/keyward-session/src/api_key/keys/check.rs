//! Whether a key lives, and may be used from where it is.

use std::net::IpAddr;

use keyward_base::{Error, ErrorKind, KeyId, Reason, Result, Tenant, Timestamp};
use keyward_crypto::equal;
use keyward_keys::MacVerifier;
use keyward_store::{Record, RecordKey, Version, Write};

use super::ApiKeys;
use crate::api_key::format::ROW;
use crate::api_key::id::ApiKeyId;
use crate::api_key::live::LiveKey;
use crate::api_key::row::{DAMAGED, Row, place};
use crate::api_key::text;
use crate::epoch::{KEY_EPOCHS, Scope};
use crate::format::damaged;
use crate::ground::epochs::{Found, Keys};
use crate::policy::MAX_SKEW;
use crate::reason;

/// What decides beside the rows of a tenant: read after them, and in one step.
pub(super) struct Beside {
    of_all: Found<1>,
    of_tenant: Found<1>,
}

impl Beside {
    /// The conditions that none of it has changed.
    pub(super) fn requires(&self) -> [Write; 2] {
        [self.of_all.require(), self.of_tenant.require()]
    }

    /// Whether a key was ended with all of its tenant, or with all there were.
    pub(super) fn has_ended(&self, row: &Row) -> bool {
        !(self.of_all.epoch.has_key(row.of_all, row.created)
            && self.of_tenant.epoch.has_key(row.of_tenant, row.created))
    }

    /// Whether a key lives at `now`, by all that was read.
    pub(super) fn judge(&self, row: &Row, now: Timestamp) -> Result<()> {
        check_time(row, now)?;
        if self.has_ended(row) {
            return Err(Error::rejected(reason::KEY_ENDED));
        }
        Ok(())
    }
}

/// Of all, of the tenant.
pub(super) fn scopes(tenant: &Tenant) -> [Scope; 2] {
    [Scope::All, Scope::Tenant(tenant.clone())]
}

impl ApiKeys {
    /// The key of a text, if it lives and may be used from there: two reads of the store.
    ///
    /// `from` is the address of the client as far as it is known
    /// ([`Ranges`](crate::api_key::Ranges)). What is malformed or was made up is refused without asking
    /// the store. Once a revoke or an end returned, in any process, no check that begins after it finds
    /// the key. That it was used is noted in memory, and written down by [`ApiKeys::upkeep`].
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`], [`Reason::TOO_LONG`], [`Reason::NOT_AUTHENTIC`] for what is
    /// no key of ours; [`Reason::EXPIRED`] once its time is over, or its overlap with its successor;
    /// [`reason::KEY_ENDED`] once it was ended, or the record of what has ended is not there;
    /// [`reason::ADDRESS`] from elsewhere than its ranges, which the trail is told once an hour and
    /// neighbourhood, of 64 of them, since somebody has the key. `Corrupt` if what is stored is not what
    /// was written. `Unavailable` if the store, the keyring or the clock cannot be relied on, with
    /// [`reason::NEWER`] if a newer release wrote it; [`reason::CLOCK`] if the clock is behind the one
    /// by which the key was made or changed.
    pub async fn check(&self, text: &str, from: Option<IpAddr>) -> Result<LiveKey> {
        let passed = self.pass(text).await?;
        let now = self.now()?;
        let mut keys = Keys::with(passed.key);
        let (row, _) = self.read_row(passed.id, &mut keys).await?;
        if row.id != passed.id || !equal(&row.proof, &passed.proof) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        self.beside(&row.tenant, &mut keys)
            .await?
            .judge(&row, now)?;
        if !row.ranges.allow(from) {
            if self.inner.used.is_news(&row, from, now) {
                Box::pin(self.note_elsewhere(&row)).await;
            }
            return Err(Error::rejected(reason::ADDRESS));
        }
        self.inner.used.note(&row, from, now);
        Ok(LiveKey { row })
    }

    /// What a text names, if it is ours.
    pub(super) async fn pass(&self, text: &str) -> Result<text::Passed> {
        let kind = &self.inner.kind;
        let pass = |key: &dyn Fn(KeyId) -> Result<MacVerifier>| text::pass(kind, text, key);
        let ground = &self.inner.ground;
        ground.pass(|| text::key_of(kind, text), pass).await
    }

    /// Reads a row, and nothing of whether the key lives.
    ///
    /// # Errors
    /// `Rejected` ([`reason::KEY_ENDED`]) if there is none; `Corrupt` if it is not what was written.
    pub(super) async fn read_row(
        &self,
        id: ApiKeyId,
        keys: &mut Keys,
    ) -> Result<(Box<Row>, Version)> {
        let found = self.inner.ground.store.fetch(&place(id)).await?;
        let record = found.ok_or_else(|| Error::rejected(reason::KEY_ENDED))?;
        let row = self.open_row(&record, keys).await?;
        Ok((row, record.version))
    }

    /// The row of a key of that tenant, and of this prefix.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`]) if there is none; `Corrupt` if it is not what was written.
    pub(super) async fn own_row(
        &self,
        tenant: &Tenant,
        id: ApiKeyId,
        keys: &mut Keys,
    ) -> Result<(Box<Row>, Version)> {
        let not_found = || Error::rejected(Reason::NOT_FOUND);
        match self.read_row(id, keys).await {
            Ok((row, version)) if self.is_own(&row) && row.tenant == *tenant => Ok((row, version)),
            Ok(_) => Err(not_found()),
            Err(e) if e.reason() == Some(reason::KEY_ENDED) => Err(not_found()),
            Err(e) => Err(e),
        }
    }

    /// Whether a row is of a key with this prefix.
    pub(super) fn is_own(&self, row: &Row) -> bool {
        row.prefix == self.prefix()
    }

    /// A row that is authentic and lies where it should.
    pub(super) async fn open_row(&self, record: &Record, keys: &mut Keys) -> Result<Box<Row>> {
        let opened = self.try_open_row(record, keys).await;
        if let Err(e) = &opened
            && e.kind() == ErrorKind::Corrupt
        {
            Box::pin(self.inner.ground.note_damaged(record)).await;
        }
        opened
    }

    async fn try_open_row(&self, record: &Record, keys: &mut Keys) -> Result<Box<Row>> {
        let ground = &self.inner.ground;
        let bytes = ground.verified_bytes(ROW, record, keys, DAMAGED).await?;
        let (row, _) = Row::parse(bytes)?;
        if !row.lies_at(&record.key) {
            return Err(damaged(DAMAGED));
        }
        Ok(Box::new(row))
    }

    /// Reads what decides beside the rows of a tenant, in one step after them: what ended before this
    /// began is seen, and no row is judged by an epoch of before it.
    pub(super) async fn beside(&self, tenant: &Tenant, keys: &mut Keys) -> Result<Beside> {
        let ground = &self.inner.ground;
        let scopes = scopes(tenant);
        let places: [RecordKey; 2] = scopes.each_ref().map(|scope| scope.place(&KEY_EPOCHS));
        let mut found = ground.store.fetch_many(&places).await?.into_iter();
        // One that is missing ends, and never begins at zero.
        let ended = || Error::rejected(reason::KEY_ENDED);
        let [all, tenant] = &scopes;
        let of_all = ground.read_epoch(all, found.next().flatten(), keys).await?;
        let of_tenant = ground
            .read_epoch(tenant, found.next().flatten(), keys)
            .await?;
        Ok(Beside {
            of_all: of_all.ok_or_else(ended)?,
            of_tenant: of_tenant.ok_or_else(ended)?,
        })
    }
}

/// Whether a key's time is not over.
fn check_time(row: &Row, now: Timestamp) -> Result<()> {
    if now.saturating_add(MAX_SKEW) < row.changed {
        return Err(Error::unavailable(
            "the clock is behind the one by which an API key was made or changed: set it right",
        )
        .because(reason::CLOCK));
    }
    // The later of the two.
    let now = now.max(row.changed);
    if row.ends_at().is_some_and(|ends| now >= ends) {
        return Err(Error::rejected(Reason::EXPIRED));
    }
    Ok(())
}
