//! Sessions end: one, or many at once.

use std::time::Duration;

use keyward_base::{Error, Result, Subject, Tenant, Timestamp};
use keyward_store::{Applied, Write};

use super::{MAX_TRIES, Sessions, contended};
use crate::epoch::Epoch;
use crate::id::SessionId;
use crate::kind::Kind;
use crate::live::AnyLive;
use crate::revoke::{Ended, Revoke};
use crate::row::place;

/// The record of a revoke outlives all evidence from before it, whatever the clocks.
const LEAST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl Sessions {
    /// Ends a session for good: its row is deleted, and nothing makes it again. One that has ended
    /// already stays so.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached: it may or may not have ended then.
    pub async fn end(&self, live: &AnyLive) -> Result<()> {
        let result = self.delete(live.id()).await;
        self.note_end(live, live, &result).await;
        result
    }

    /// Deletes a row at whatever version it is.
    pub(super) async fn delete(&self, id: SessionId) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let Some(record) = self.0.ground.store.fetch(&place(id)).await? else {
                return Ok(());
            };
            let delete = Write::Delete {
                key: record.key,
                version: record.version,
            };
            if let Applied::Done(_) = self.0.ground.store.apply(vec![delete]).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Ends sessions at once: once this returned, no check that begins after it, in any process,
    /// finds one of them. It costs one write, whatever their number. Evidence from before it starts
    /// nothing that it is about.
    ///
    /// # Errors
    /// `Misuse` for [`Revoke::before`] a time that is ahead: whoever logs in until then would be
    /// thrown out. `Unavailable` if store, keyring or clock cannot be relied on.
    pub async fn revoke(&self, revoke: Revoke) -> Result<()> {
        let moved = self.move_epoch(&revoke).await;
        self.note_revoke(&revoke, &moved).await;
        moved.map(|_| ())
    }

    /// Ends all sessions of a subject, of every kind, those of staff who act for him too, and proves
    /// it: see [`Sessions::revoke`]. Who changes a password asks for the proof.
    ///
    /// # Errors
    /// As [`Sessions::revoke`].
    pub async fn end_all(&self, tenant: &Tenant, subject: &Subject) -> Result<Ended> {
        let revoke = Revoke::user(tenant.clone(), subject.clone());
        let moved = self.move_epoch(&revoke).await;
        self.note_revoke(&revoke, &moved).await;
        Ok(Ended {
            tenant: tenant.clone(),
            subject: subject.clone(),
            at: moved?,
        })
    }

    /// Moves the epoch of a scope, and says when that began.
    async fn move_epoch(&self, revoke: &Revoke) -> Result<Timestamp> {
        let began = self.now()?;
        if revoke.before.is_some_and(|before| before > began) {
            return Err(Error::misuse(
                "sessions that began before a time which is ahead cannot be ended: they would end those of who logs in until then",
            ));
        }
        let until = |now: Timestamp| Some(now.saturating_add(LEAST_LIFE));
        let end = |epoch: &mut Epoch<{ Kind::COUNT }>, now, stamp| {
            epoch.end(revoke.kind, revoke.before, now, stamp);
        };
        let ground = &self.0.ground;
        ground.move_epoch(&revoke.scope, until, end).await?;
        Ok(began)
    }
}
