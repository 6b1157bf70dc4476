//! A change of a password that was prepared, and its commit.

use keyward_base::{Error, Reason, Result, Revision, SessionsEnded, Tenant, Timestamp};
use keyward_store::{RecordKey, Version, Write};

use crate::accounts::{Accounts, MAX_TRIES, contended};
use crate::credential::{Credential, Credentials as _, Status};
use crate::device::DeviceToken;
use crate::identifier::Identifier;
use crate::mail::{Letter, Message};
use crate::verified::Account;

/// The old password has ended, durably; the new one lets nobody in yet. End all sessions of
/// [`Prepared::subject`](Prepared::account) in [`Prepared::organisation`], then [`Accounts::commit`].
#[derive(Debug)]
#[must_use = "the account has no password that lets in until the change is committed"]
pub struct Prepared {
    pub(super) account: Account,
    pub(super) organisation: Tenant,
    pub(super) address: Identifier,
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
    /// The link that it was begun by.
    pub(super) link: Option<RecordKey>,
}

/// A password was changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Changed {
    /// Whose, in the realm.
    pub account: Account,
    /// Whose data he works with.
    pub organisation: Tenant,
    /// His address.
    pub address: Identifier,
    /// The revision of the credential now: what is issued from now on is bound to it.
    pub revision: Revision,
    /// For a cookie of the browser that changed it.
    pub device: DeviceToken,
}

impl Prepared {
    /// Whose password it is, in the realm.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The tenant that his sessions are of.
    #[must_use]
    pub const fn organisation(&self) -> &Tenant {
        &self.organisation
    }

    /// A moment after the old password had ended, by the store's clock where it has one: sessions that
    /// were ended before it do not count.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

impl Accounts {
    /// Writes a new password so that it lets nobody in yet, together with `others`. No: something
    /// that was read has changed.
    pub(super) async fn prepare(
        &self,
        found: &crate::accounts::Found,
        hash: &str,
        now: Timestamp,
        others: Vec<Write>,
    ) -> Result<Option<Revision>> {
        let old = &found.loaded.credential;
        let new = Credential::new(hash, now)?
            .factor_due(old.is_factor_due())
            .at_revision(old.revision(), old.changed())
            .next_revision(now.max(old.changed()))?
            .status(Status::Changing);
        let mut batch = others;
        let version = Some(found.loaded.version);
        batch.extend(self.rows().putting(&found.account, version, &new).await?);
        Ok(self.apply(batch).await?.then_some(new.revision()))
    }

    /// Lets the new password in. `ended` proves that all sessions of the account ended after the old
    /// one had. The owner is told by mail.
    ///
    /// # Errors
    /// `Misuse` if the sessions are of somebody else, or ended before [`Prepared::at`]: end them and
    /// begin anew. `Rejected` ([`Reason::CONFLICT`]) if another change came in between: that one
    /// stands. `Unavailable` if the store cannot be reached: it may or may not be done.
    pub async fn commit(&self, prepared: Prepared, ended: impl SessionsEnded) -> Result<Changed> {
        let is_his = *ended.tenant() == prepared.organisation
            && *ended.subject() == prepared.account.subject;
        if !is_his {
            return Err(Error::misuse(
                "the sessions that ended are of somebody else",
            ));
        }
        if ended.at() < prepared.at {
            return Err(Error::misuse(
                "the sessions ended before the old password had: end them after the change was prepared",
            ));
        }
        let device = self.device(&prepared.account, &prepared.address, prepared.revision)?;
        for _ in 0..MAX_TRIES {
            let loaded = self.rows().load(&prepared.account).await?;
            let ours = loaded.filter(|loaded| {
                let credential = &loaded.credential;
                credential.revision() == prepared.revision && credential.is() == Status::Changing
            });
            let ours = ours.ok_or_else(|| Error::rejected(Reason::CONFLICT))?;
            // Evidence of the old password is older than this, whenever it was read.
            let now = self.now().await?.max(prepared.at);
            let new = ours
                .credential
                .status(Status::Active)
                .at_revision(prepared.revision, now);
            let putting = self
                .rows()
                .putting(&prepared.account, Some(ours.version), &new);
            let mut batch = Vec::from(putting.await?);
            if let Some((key, version)) = self.link_of(&prepared).await? {
                batch.push(Write::Delete { key, version });
            }
            if self.apply(batch).await? {
                let subject = &prepared.account.subject;
                let what = "password.change";
                self.note(now, what, subject, &prepared.organisation).await;
                self.outbox().tell(Letter {
                    to: prepared.address.clone(),
                    message: Message::PasswordChanged { at: now },
                });
                return Ok(Changed {
                    account: prepared.account,
                    organisation: prepared.organisation,
                    address: prepared.address,
                    revision: prepared.revision,
                    device,
                });
            }
        }
        Err(contended())
    }

    /// The link that began it, if it is still there: its revision is of no use in any case.
    async fn link_of(&self, prepared: &Prepared) -> Result<Option<(RecordKey, Version)>> {
        let Some(place) = &prepared.link else {
            return Ok(None);
        };
        let found = self.store().fetch(place).await?;
        Ok(found.map(|row| (row.key, row.version)))
    }
}
