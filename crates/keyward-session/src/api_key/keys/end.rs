//! Keys end: one, or many at once.

use keyward_base::{Error, ErrorKind, Reason, Result, Tenant, Timestamp};
use keyward_store::{Applied, Write};

use super::ApiKeys;
use crate::api_key::id::ApiKeyId;
use crate::api_key::row::place;
use crate::epoch::Scope;
use crate::format::is_of_record;
use crate::ground::epochs::Keys;
use crate::ground::{MAX_TRIES, contended};

/// Which keys to end: those of a tenant, or all; all there are, or those that were made before a time.
/// It costs one write, however many there are.
#[derive(Clone, Debug)]
#[must_use = "it ends nothing by itself"]
pub struct End {
    pub(super) scope: Scope,
    pub(super) before: Option<Timestamp>,
}

impl End {
    /// Those of a tenant: when it is deleted, or when somebody took them.
    pub const fn tenant(tenant: Tenant) -> Self {
        Self {
            scope: Scope::Tenant(tenant),
            before: None,
        }
    }

    /// All there are.
    pub const fn everything() -> Self {
        Self {
            scope: Scope::All,
            before: None,
        }
    }

    /// Of these, only those that were made before `time`, which is not ahead. It goes by the clocks of
    /// the processes that made them; without it all end, whatever their clocks said.
    pub const fn before(mut self, time: Timestamp) -> Self {
        self.before = Some(time);
        self
    }
}

impl ApiKeys {
    /// Ends a key for good: its row is deleted, and nothing makes it again. Its successor goes on, and
    /// so does the key before it until the end of their overlap.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`](keyward_base::Reason::NOT_FOUND)) for a key that was revoked or
    /// is another tenant's; `Unavailable` if the store cannot be reached: it may or may not have ended
    /// then; `Corrupt` if the row is not what was written, and lets nobody in. A row that cannot be
    /// judged now, since its ring's key is disabled or a newer release wrote it, is deleted all the same,
    /// if the store has it under this tenant.
    pub async fn revoke(&self, tenant: &Tenant, id: ApiKeyId) -> Result<()> {
        let result = self.try_revoke(tenant, id).await;
        self.note_changed("api-key.revoke", tenant, id, &result)
            .await;
        result
    }

    async fn try_revoke(&self, tenant: &Tenant, id: ApiKeyId) -> Result<()> {
        match self.own_row(tenant, id, &mut Keys::default()).await {
            Ok(_) => {}
            // What it says of itself nobody can tell now. Who wrote it there could delete it too.
            Err(e) if e.kind() == ErrorKind::Unavailable && is_of_record(&e) => {
                let found = self.inner.ground.store.fetch(&place(id)).await?;
                let word = self.word(tenant)?;
                if found.is_none_or(|record| record.word != word) {
                    return Err(Error::rejected(Reason::NOT_FOUND));
                }
            }
            Err(e) => return Err(e),
        }
        self.delete(id).await.map(|_| ())
    }

    /// Deletes a row at whatever version it is. Whether it was this that did.
    pub(super) async fn delete(&self, id: ApiKeyId) -> Result<bool> {
        let store = &self.inner.ground.store;
        for _ in 0..MAX_TRIES {
            let Some(record) = store.fetch(&place(id)).await? else {
                return Ok(false);
            };
            let delete = Write::Delete {
                key: record.key,
                version: record.version,
            };
            if let Applied::Done(_) = store.apply(vec![delete]).await? {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// Ends keys at once: once this returned, no check that begins after it, in any process, finds one
    /// of them. It costs one write, whatever their number. Nobody makes a new one who showed who he is
    /// before it, so that a tenant which was deleted has none.
    ///
    /// # Errors
    /// `Misuse` for [`End::before`] a time that is ahead: whoever makes a key until then would lose it.
    /// `Unavailable` if store, keyring or clock cannot be relied on.
    pub async fn end(&self, end: &End) -> Result<()> {
        let result = self.try_end(end).await;
        self.note_end(end, &result).await;
        result
    }

    async fn try_end(&self, end: &End) -> Result<()> {
        let began = self.now()?;
        if end.before.is_some_and(|before| before > began) {
            return Err(Error::misuse(
                "API keys that were made before a time which is ahead cannot be ended: they would end those that are made until then",
            ));
        }
        let ground = &self.inner.ground;
        let moved = ground.move_epoch(
            &end.scope,
            |_| None,
            |epoch, now, stamp| epoch.end_of(|_| true, end.before, now, stamp),
        );
        moved.await.map(|_| ())
    }
}

/// Whether an error says that nobody has to try again.
pub(super) fn is_final(e: &Error) -> bool {
    e.kind() != ErrorKind::Unavailable
}
