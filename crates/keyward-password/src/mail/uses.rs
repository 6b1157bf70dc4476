//! Using a link that signs up or in: one conditional batch, so that of many at once one does.

use keyward_base::{
    Door, Error, Evidence, Method, Reason, Result, Revision, Subject, Tenant, Timestamp,
};
use keyward_store::Write;

use super::Mail;
use super::policy::LinkKind;
use crate::accounts::{Found, MAX_TRIES, contended};
use crate::credential::Credential;
use crate::device::DeviceToken;
use crate::identifier::Identifier;
use crate::people::NewPassword;
use crate::reason;
use crate::verified::Account;

/// An account that was made. He logs in with the password that he set.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedUp {
    /// The account.
    pub account: Account,
    /// Whose data he works with.
    pub organisation: Tenant,
    /// The address that was proved.
    pub address: Identifier,
    /// For a cookie of the browser that used the link.
    pub device: DeviceToken,
}

/// A link was used to sign in: evidence of the mailbox. It is of [`Method::LINK`], so that whoever
/// starts sessions tells it from a password.
#[derive(Debug)]
#[must_use = "what it proves is used by whoever it is moved to"]
pub struct UsedLink {
    account: Account,
    organisation: Tenant,
    revision: Revision,
    device: DeviceToken,
    at: Timestamp,
    is_factor_due: bool,
}

impl UsedLink {
    /// The account, in its realm.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The revision of its credential.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// For a cookie of the browser that used the link.
    #[must_use]
    pub const fn device(&self) -> &DeviceToken {
        &self.device
    }
}

impl Evidence for UsedLink {
    fn tenant(&self) -> &Tenant {
        &self.organisation
    }

    fn subject(&self) -> &Subject {
        &self.account.subject
    }

    fn method(&self) -> Method {
        Method::LINK
    }

    fn door(&self) -> Door {
        self.account.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        self.is_factor_due
    }
}

impl Mail {
    /// Uses a link of [`LinkKind::SignUp`] or [`LinkKind::Invite`]: makes the account, with its first
    /// password. `subject` is the application's id for him; `own` the organisation that is to be his,
    /// where the link names none. Before this there is neither a row nor a password of his, so that
    /// whoever asked for the link has nothing.
    ///
    /// # Errors
    /// `Rejected` for what is no such link, was used, has expired, or comes second: the address has an
    /// account. `Misuse` if the subject has a credential already. `Unavailable` if a store cannot be
    /// reached, or as [`Passwords::hash`](crate::Passwords::hash).
    pub async fn sign_up(
        &self,
        token: &str,
        password: NewPassword,
        subject: &Subject,
        own: &Tenant,
    ) -> Result<SignedUp> {
        let nothing = |_: &Tenant| Ok(Vec::new());
        self.sign_up_with(token, password, subject, own, nothing)
            .await
    }

    /// As [`Mail::sign_up`], and in the same step what the application writes of him, in the store of
    /// the accounts: a process that dies leaves both or neither. `more` is asked for it with the
    /// organisation that is his; its conditions have to hold whoever else signs up.
    ///
    /// # Errors
    /// As [`Mail::sign_up`], and what `more` gives. `Unavailable` too if a condition of `more` does not
    /// hold.
    pub async fn sign_up_with(
        &self,
        token: &str,
        password: NewPassword,
        subject: &Subject,
        own: &Tenant,
        more: impl Fn(&Tenant) -> Result<Vec<Write>> + Send,
    ) -> Result<SignedUp> {
        let kinds = [LinkKind::SignUp, LinkKind::Invite];
        let accounts = &self.0.accounts;
        let mut opened = self.open(&kinds, token).await?;
        let address = opened.body.address.clone();
        let address = address.ok_or_else(super::format::wrong)?;
        self.check_free(&address).await?;
        let realm = accounts.realm();
        let hash = accounts.passwords().hash(&realm.tenant, password).await?;
        let account = realm.account(subject.clone());
        for _ in 0..MAX_TRIES {
            let now = accounts.now().await?;
            let organisation = opened.body.organisation.as_ref().unwrap_or(own).clone();
            let credential = Credential::new(&hash, now)?;
            let credential = accounts.rows().in_first_revision(credential)?;
            let device = accounts.device(&account, &address, credential.revision())?;
            let directory = accounts.directory();
            let entering = directory.entering(realm, &address, subject, &organisation);
            let mut batch = entering.await?;
            batch.extend(accounts.rows().putting(&account, None, &credential).await?);
            batch.push(opened.used());
            batch.extend(more(&organisation)?);
            if accounts.apply(batch).await? {
                let made = "account.create";
                accounts.note(now, made, subject, &organisation).await;
                return Ok(SignedUp {
                    account,
                    organisation,
                    address,
                    device,
                });
            }
            // Another one came first, or something moved that changes nothing here.
            opened = self.open(&kinds, token).await?;
            self.check_free(&address).await?;
            if accounts.rows().exists(&account).await? {
                return Err(Error::misuse(
                    "the subject of a new account has a credential already",
                ));
            }
        }
        Err(contended())
    }

    /// Uses a link of [`LinkKind::SignIn`], once. If the account asks for a second factor, the evidence
    /// says so.
    ///
    /// # Errors
    /// `Rejected` for what is no such link, was used, has expired, or is void since password, address,
    /// factor or status were changed. `Unavailable` if a store cannot be reached.
    pub async fn sign_in(&self, token: &str) -> Result<UsedLink> {
        let accounts = &self.0.accounts;
        for _ in 0..MAX_TRIES {
            let opened = self.open(&[LinkKind::SignIn], token).await?;
            let address = opened.body.address.as_ref();
            let address = address.ok_or_else(super::format::wrong)?;
            let found = accounts.find(address).await?;
            opened.check_unchanged(found.as_ref())?;
            let Some(Found {
                entry,
                account,
                loaded,
            }) = found
            else {
                return Err(Error::rejected(reason::SPENT));
            };
            let revision = loaded.credential.revision();
            let device = accounts.device(&account, address, revision)?;
            let unchanged = accounts.rows().unchanged(&account, loaded.version);
            if accounts.apply(vec![unchanged, opened.used()]).await? {
                return Ok(UsedLink {
                    account,
                    organisation: entry.organisation,
                    revision,
                    device,
                    at: opened.read_at,
                    is_factor_due: loaded.credential.is_factor_due(),
                });
            }
        }
        Err(contended())
    }

    async fn check_free(&self, address: &Identifier) -> Result<()> {
        match self.0.accounts.find(address).await? {
            None => Ok(()),
            Some(_) => Err(Error::rejected(Reason::CONFLICT)),
        }
    }
}
