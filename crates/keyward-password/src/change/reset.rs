//! A password set anew: by a mailed link, or by who is signed in.

use keyward_base::{Error, Evidence, Reason, Result, Revision};

use super::evidence::Shown;
use super::prepared::Prepared;
use crate::accounts::{Accounts, Found, MAX_TRIES, contended};
use crate::identifier::Identifier;
use crate::mail::{LinkKind, Mail, Opened};
use crate::people::NewPassword;
use crate::reason;

impl Mail {
    /// Uses a link of [`LinkKind::Reset`]: prepares the new password. The use is the swap of the
    /// credential, so that of many at once one is committed, and every other link is void. Until the
    /// commit the same link may begin it anew, in case that is never reached. It starts no session.
    ///
    /// # Errors
    /// `Rejected` for what is no such link, was used, has expired, is void, or lost to another at the
    /// same time. `Unavailable` if a store cannot be reached, and as
    /// [`Passwords::hash`](crate::Passwords::hash).
    pub async fn reset(&self, token: &str, password: NewPassword) -> Result<Prepared> {
        let accounts = self.accounts();
        let (mut opened, mut found) = self.opened_reset(token).await?;
        let first = found.loaded.credential.revision();
        let hash = accounts
            .passwords()
            .hash(&accounts.realm().tenant, password)
            .await?;
        for _ in 0..MAX_TRIES {
            let now = accounts.now().await?;
            let next = first.next()?;
            let carrying_on = self.carrying_on(&opened, next).await?;
            if let Some(revision) = accounts.prepare(&found, &hash, now, carrying_on).await? {
                let link = Some(opened.place);
                return accounts
                    .prepared(found, revision, opened.body.address, link)
                    .await;
            }
            self.forget_barrier();
            (opened, found) = self.opened_reset(token).await?;
            check_first(&found, first)?;
        }
        Err(contended())
    }

    async fn opened_reset(&self, token: &str) -> Result<(Opened, Found)> {
        let opened = self.open(&[LinkKind::Reset], token).await?;
        let spent = || Error::rejected(reason::SPENT);
        let address = opened.body.address.as_ref().ok_or_else(spent)?;
        let found = self.accounts().find(address).await?;
        opened.check_unchanged(found.as_ref())?;
        Ok((opened, found.ok_or_else(spent)?))
    }
}

impl Accounts {
    /// Prepares another password for who is signed in. `evidence` is that of a log-in, by which the
    /// current password was asked once more: at most five minutes old, and moved here.
    ///
    /// # Errors
    /// `Misuse` for evidence of somebody else or of another method than a password. `Rejected` if the
    /// address is nobody's, the evidence too old ([`STALE`](reason::STALE)), the account not active,
    /// or another change came first. `Unavailable` if a store cannot be reached, and as
    /// [`Passwords::hash`](crate::Passwords::hash).
    pub async fn change_password(
        &self,
        address: &Identifier,
        evidence: impl Evidence,
        password: NewPassword,
    ) -> Result<Prepared> {
        let shown = Shown::of(evidence);
        let mut found = self.his(address, &shown).await?;
        let first = found.loaded.credential.revision();
        let hash = self
            .passwords()
            .hash(&self.realm().tenant, password)
            .await?;
        for _ in 0..MAX_TRIES {
            let now = self.now().await?;
            if let Some(revision) = self.prepare(&found, &hash, now, Vec::new()).await? {
                return self
                    .prepared(found, revision, Some(address.clone()), None)
                    .await;
            }
            found = self.his(address, &shown).await?;
            check_first(&found, first)?;
        }
        Err(contended())
    }

    /// Whose address it is, if the evidence is his.
    pub(super) async fn his(&self, address: &Identifier, shown: &Shown) -> Result<Found> {
        let found = self.find(address).await?;
        let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        shown.check(&found, self.now().await?)?;
        Ok(found)
    }

    async fn prepared(
        &self,
        found: Found,
        revision: Revision,
        address: Option<Identifier>,
        link: Option<keyward_store::RecordKey>,
    ) -> Result<Prepared> {
        let address = address.ok_or_else(|| Error::rejected(reason::SPENT))?;
        Ok(Prepared {
            account: found.account,
            organisation: found.entry.organisation,
            address,
            revision,
            // After the old password had ended.
            at: self.now().await?,
            link,
        })
    }
}

/// Whoever lost to another change does not go on from that one.
pub(super) fn check_first(found: &Found, first: Revision) -> Result<()> {
    if found.loaded.credential.revision() == first {
        return Ok(());
    }
    Err(Error::rejected(Reason::CONFLICT))
}
