//! Changes beside the password, each one batch that begins another revision: links and tokens of the
//! one before are void.

use keyward_base::{Error, Evidence, Reason, Result, Subject, Tenant, Timestamp};

use super::evidence::Shown;
use super::reset::check_first;
use crate::accounts::{Accounts, Found, MAX_TRIES, contended};
use crate::credential::{Credential, Status};
use crate::device::DeviceToken;
use crate::identifier::Identifier;
use crate::mail::{Asker, Body, Letter, LinkKind, Mail, Message, Reply, already_here};
use crate::reason;
use crate::verified::Account;

/// An address was replaced by another one.
#[derive(Debug)]
#[non_exhaustive]
pub struct EmailChanged {
    /// Whose, in the realm.
    pub account: Account,
    /// Whose data he works with.
    pub organisation: Tenant,
    /// The address before, which was told.
    pub old: Identifier,
    /// The address now, which was proved.
    pub new: Identifier,
    /// For a cookie of the browser that used the link.
    pub device: DeviceToken,
}

/// An account was disabled: nobody logs in to it from here on, and its sessions are to be ended now.
#[derive(Clone, Debug)]
#[must_use = "its sessions go on until they are ended"]
#[non_exhaustive]
pub struct SessionsDue {
    /// The tenant that they are of.
    pub organisation: Tenant,
    /// Whose they are.
    pub subject: Subject,
}

impl Mail {
    /// Mails a link to `new` by which it takes the place of `current`. `evidence` is that of a log-in,
    /// at most five minutes old, and moved here. If `new` is of an account, it is told so; who asks is
    /// not.
    ///
    /// # Errors
    /// As [`Accounts::change_password`], the hashing aside; and `Rejected`
    /// ([`LIMITED`](reason::LIMITED)) if this account asks for too many, with when to try again.
    pub async fn change_email(
        &self,
        current: &Identifier,
        new: &Identifier,
        evidence: impl Evidence,
    ) -> Result<()> {
        let shown = Shown::of(evidence);
        let now = self.accounts().now().await?;
        let Found { entry, loaded, .. } = self.accounts().his(current, &shown).await?;
        let asker = Asker::Account(&entry.organisation, &entry.subject);
        self.count_asker(asker, now).await?;
        let body = Body {
            is_changing: false,
            revision: Some(loaded.credential.revision()),
            address: Some(new.clone()),
            replaces: Some(current.clone()),
            subject: Some(entry.subject),
            organisation: Some(entry.organisation),
        };
        self.reply(LinkKind::NewEmail, new, now, |taken| match taken {
            Some(found) => already_here(new, found),
            None => Reply::Link(body),
        })
        .await
    }

    /// Uses a link of [`LinkKind::NewEmail`]: the address is replaced, and the old one told. The
    /// password and the sessions stay.
    ///
    /// # Errors
    /// `Rejected` for what is no such link, was used, has expired or is void, or if the new address
    /// has become another account's. `Unavailable` if a store cannot be reached.
    pub async fn confirm_email(&self, token: &str) -> Result<EmailChanged> {
        let accounts = self.accounts();
        for _ in 0..MAX_TRIES {
            let opened = self.open(&[LinkKind::NewEmail], token).await?;
            let both = opened
                .body
                .replaces
                .clone()
                .zip(opened.body.address.clone());
            let (old, new) = both.ok_or_else(|| Error::rejected(reason::SPENT))?;
            let found = accounts.find(&old).await?;
            opened.check_unchanged(found.as_ref())?;
            let found = found.ok_or_else(|| Error::rejected(reason::SPENT))?;
            if accounts.find(&new).await?.is_some() {
                return Err(Error::rejected(Reason::CONFLICT));
            }
            let now = accounts.now().await?;
            let realm = accounts.realm();
            let renaming = accounts.directory().renaming(realm, &found.entry, &new);
            let mut others = renaming.await?;
            others.push(opened.used());
            let (entry, account) = (found.entry.clone(), found.account.clone());
            let revision = found.loaded.credential.revision().next()?;
            let device = accounts.device(&account, &new, revision)?;
            if accounts.move_on(found, now, others, |c| c).await? {
                let what = "account.email";
                accounts
                    .note(now, what, &entry.subject, &entry.organisation)
                    .await;
                accounts.outbox().tell(Letter {
                    to: old.clone(),
                    message: Message::EmailChanged { at: now },
                });
                return Ok(EmailChanged {
                    account,
                    organisation: entry.organisation,
                    old,
                    new,
                    device,
                });
            }
        }
        Err(contended())
    }
}

impl Accounts {
    /// Says whether a second factor is due after the password from now on: for whoever keeps factors.
    /// The owner is told.
    ///
    /// # Errors
    /// As [`Accounts::change_password`], the hashing aside; and `Misuse` if a factor is to be taken
    /// away on evidence for which it is still due.
    pub async fn set_factor(
        &self,
        address: &Identifier,
        evidence: impl Evidence,
        is_due: bool,
    ) -> Result<()> {
        if !is_due && evidence.is_factor_due() {
            return Err(Error::misuse(
                "a second factor is not taken away without being shown",
            ));
        }
        let shown = Shown::of(evidence);
        let mut found = self.his(address, &shown).await?;
        let first = found.loaded.credential.revision();
        for _ in 0..MAX_TRIES {
            let now = self.now().await?;
            let entry = found.entry.clone();
            let change = |credential: Credential| credential.factor_due(is_due);
            if self.move_on(found, now, Vec::new(), change).await? {
                let what = "account.factor";
                self.note(now, what, &entry.subject, &entry.organisation)
                    .await;
                self.outbox().tell(Letter {
                    to: address.clone(),
                    message: Message::FactorChanged { at: now, is_due },
                });
                return Ok(());
            }
            found = self.his(address, &shown).await?;
            check_first(&found, first)?;
        }
        Err(contended())
    }

    /// Disables an account: its password lets nobody in, and links that were mailed are void. Whoever
    /// calls it asked whether he who does it may.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`]) if the address is nobody's; `Unavailable` if the store cannot
    /// be reached.
    pub async fn disable(&self, address: &Identifier) -> Result<SessionsDue> {
        let found = self.to_status(address, Status::Disabled).await?;
        Ok(SessionsDue {
            organisation: found.1,
            subject: found.0,
        })
    }

    /// Enables an account that was disabled. Its password is the one that it had; it has none if a
    /// change of it was under way when it was disabled, and gets one by a mailed link.
    ///
    /// # Errors
    /// As [`Accounts::disable`].
    pub async fn enable(&self, address: &Identifier) -> Result<()> {
        self.to_status(address, Status::Active).await.map(|_| ())
    }

    async fn to_status(&self, address: &Identifier, to: Status) -> Result<(Subject, Tenant)> {
        for _ in 0..MAX_TRIES {
            let found = self.find(address).await?;
            let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
            let (subject, organisation) = (
                found.entry.subject.clone(),
                found.entry.organisation.clone(),
            );
            let is = found.loaded.credential.is();
            // One whose change was cut short is not made active by being enabled.
            if is == to || (to == Status::Active && is != Status::Disabled) {
                return Ok((subject, organisation));
            }
            let now = self.now().await?;
            let change = |credential: Credential| match is {
                // Nobody proved that its sessions ended: it is not to let in when this is taken back.
                Status::Changing => Credential::without_password(now)
                    .factor_due(credential.is_factor_due())
                    .at_revision(credential.revision(), credential.changed())
                    .status(to),
                _ => credential.status(to),
            };
            if self.move_on(found, now, Vec::new(), change).await? {
                let what = if to == Status::Disabled {
                    "account.disable"
                } else {
                    "account.enable"
                };
                self.note(now, what, &subject, &organisation).await;
                return Ok((subject, organisation));
            }
        }
        Err(contended())
    }

    /// Begins another revision of the credential that was found, changed so, together with `others`.
    /// No: something that was read has changed.
    async fn move_on(
        &self,
        found: Found,
        now: Timestamp,
        others: Vec<keyward_store::Write>,
        change: impl FnOnce(Credential) -> Credential,
    ) -> Result<bool> {
        let now = now.max(found.loaded.credential.changed());
        let new = change(found.loaded.credential).next_revision(now)?;
        let mut batch = others;
        let version = Some(found.loaded.version);
        batch.extend(self.rows().putting(&found.account, version, &new).await?);
        self.apply(batch).await
    }
}
