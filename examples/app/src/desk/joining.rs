//! How somebody comes to have an account, and another password.

use std::sync::{Mutex, PoisonError};

use keyward_base::encoding::base64url;
use keyward_base::{Error, ErrorKind, Reason, Result, SecretBytes, Subject, Tenant};
use keyward_password::mail::{LinkKind, Looked};
use keyward_password::people::Words;
use keyward_password::{
    Credential, DeviceToken, Identifier, Judged, LoggedIn, NewPassword, Password, Prepared, Unfit,
};
use keyward_store::Write;

use super::{Desk, Entrance, Which, administrators};
use crate::organisation::{self, Organisation, new_tenant};
use crate::people::{self, Person, Role};

/// What came of a new password.
#[derive(Debug)]
pub(crate) enum Set {
    /// With what the browser is known by from now on, if it came by a link that was mailed.
    Done(Option<DeviceToken>),
    /// Another one is to be chosen, and why.
    Unfit(String),
}

/// The link by which the first administrator comes: of its token the digest is kept, in this process
/// alone.
#[derive(Debug, Default)]
pub(super) struct First(Mutex<Option<[u8; 32]>>);

/// Why a password is not taken, for who chose it.
fn why(unfit: Unfit) -> String {
    match unfit {
        Unfit::TooShort(least) => format!("It must have {least} characters at least."),
        Unfit::TooLong => "It is longer than 1024 bytes.".to_owned(),
        Unfit::ContextWords => {
            "It is little more than your address or the name of this service.".to_owned()
        }
        Unfit::Breached => "It is among passwords that were stolen elsewhere.".to_owned(),
        _ => "It would soon be guessed.".to_owned(),
    }
}

impl Desk {
    /// Whether a password may be chosen at that door.
    async fn judge(
        &self,
        door: &Entrance,
        typed: SecretBytes,
        address: &Identifier,
    ) -> Result<Result<NewPassword, String>> {
        let doors = self.doors();
        let words = Words::new().service("deploydesk").email(address.as_str());
        let Ok(password) = Password::new(typed) else {
            return Ok(Err(why(Unfit::TooLong)));
        };
        let tenant = &door.login.realm().tenant;
        let judged = doors
            .passwords
            .judge(tenant, password, &doors.rules, &words);
        Ok(match judged.await? {
            Judged::Fit(password) => Ok(password),
            Judged::Unfit(unfit) => Err(why(unfit)),
        })
    }

    /// Sets a password by a mailed link: makes the account, or ends the password there was and every
    /// session with it.
    pub(crate) async fn set_password(
        &self,
        which: Which,
        token: &str,
        typed: SecretBytes,
    ) -> Result<Set> {
        let door = self.doors().of(which);
        let looked = door.mail.look(token).await?;
        let judged = self.judge(door, typed, &looked.address).await?;
        let password = match judged {
            Ok(password) => password,
            Err(why) => return Ok(Set::Unfit(why)),
        };
        let device = match looked.kind {
            LinkKind::Reset => {
                let prepared = door.mail.reset(token, password).await?;
                self.commit(door, prepared).await?
            }
            LinkKind::SignUp | LinkKind::Invite => {
                self.join(door, token, &looked, password).await?
            }
            _ => return Err(Error::rejected(Reason::NOT_FOUND)),
        };
        Ok(Set::Done(Some(device)))
    }

    /// Ends all sessions, and then lets the new password in.
    async fn commit(&self, door: &Entrance, prepared: Prepared) -> Result<DeviceToken> {
        let (tenant, subject) = (prepared.organisation(), &prepared.account().subject);
        let ended = self.doors().sessions.end_all(tenant, subject).await?;
        let changed = door.mail.accounts().commit(prepared, ended).await?;
        Ok(changed.device)
    }

    /// Makes an account: into the organisation that invites, or with one of its own. Who belongs where
    /// is written first: an account that belongs nowhere could not be mended by whoever has it.
    async fn join(
        &self,
        door: &Entrance,
        token: &str,
        looked: &Looked,
        password: NewPassword,
    ) -> Result<DeviceToken> {
        let now = self.clock().now()?;
        let subject = self.new_subject()?;
        let own = new_tenant(self.crypto())?;
        let tenant = looked.organisation.as_ref().unwrap_or(&own);
        let role = match (door.which, &looked.organisation) {
            (Which::Admins, _) => Role::Administrator,
            (Which::Users, None) => Role::Owner,
            (Which::Users, Some(_)) => Role::Member,
        };
        let address = looked.address.as_str();
        let mut keys = vec![people::key(tenant, &subject)];
        let mut writes = vec![Person::new(address, role, now).insert(tenant, &subject)?];
        if looked.organisation.is_none() {
            let name = address.split('@').next().unwrap_or_default();
            keys.push(organisation::key(&own));
            writes.push(Organisation::new(name, now).insert(&own)?);
        }
        let _ = self.data().apply(writes).await?;
        let made = door.mail.sign_up(token, password, &subject, &own).await;
        // Where it is not known whether it was made, what belongs to it stays.
        if made
            .as_ref()
            .is_err_and(|e| e.kind() != ErrorKind::Unavailable)
        {
            self.take_back(&keys).await?;
        }
        Ok(made?.device)
    }

    async fn take_back(&self, keys: &[keyward_store::RecordKey]) -> Result<()> {
        let found = self.data().fetch_many(keys).await?;
        let deleted = found.into_iter().flatten().map(|record| Write::Delete {
            key: record.key,
            version: record.version,
        });
        self.data().apply(deleted.collect()).await.map(drop)
    }

    /// Changes the password of who has just shown the one there is.
    pub(crate) async fn change_password(
        &self,
        which: Which,
        address: &Identifier,
        evidence: LoggedIn,
        typed: SecretBytes,
    ) -> Result<Set> {
        let door = self.doors().of(which);
        let password = match self.judge(door, typed, address).await? {
            Ok(password) => password,
            Err(why) => return Ok(Set::Unfit(why)),
        };
        let accounts = door.mail.accounts();
        let prepared = accounts
            .change_password(address, evidence, password)
            .await?;
        Ok(Set::Done(Some(self.commit(door, prepared).await?)))
    }

    /// Confirms a new address. Says so to the application's own records.
    pub(crate) async fn confirm_email(&self, which: Which, token: &str) -> Result<()> {
        let changed = self.doors().of(which).mail.confirm_email(token).await?;
        let (tenant, subject) = (&changed.organisation, &changed.account.subject);
        self.is_reached_at(tenant, subject, &changed.new).await
    }

    /// Keeps the address of somebody, who has shown that it is his.
    pub(crate) async fn is_reached_at(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        address: &Identifier,
    ) -> Result<()> {
        loop {
            let (mut person, version) = Person::fetch(self.data(), tenant, subject).await?;
            if person.email == address.as_str() {
                return Ok(());
            }
            address.as_str().clone_into(&mut person.email);
            match person.put(self.data(), tenant, subject, version).await {
                Err(e) if e.reason() == Some(Reason::CONFLICT) => {}
                done => return done,
            }
        }
    }

    /// The token of a link that makes the first administrator, good until it is used, or this process
    /// ends; none if there is one.
    pub(crate) async fn first_link(&self) -> Result<Option<String>> {
        if self.has_administrator().await? {
            return Ok(None);
        }
        let token = base64url(self.crypto().random::<32>()?.expose());
        *self.first() = Some(self.crypto().sha256(&[token.as_bytes()]));
        Ok(Some(token))
    }

    fn first(&self) -> std::sync::MutexGuard<'_, Option<[u8; 32]>> {
        self.first.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn has_administrator(&self) -> Result<bool> {
        let all = Person::all(self.data(), &administrators()?, 1).await?;
        Ok(!all.is_empty())
    }

    /// Whether a token is that of the link for the first administrator.
    pub(crate) fn is_first(&self, token: &str) -> bool {
        // Of the digests no comparison tells anything of the token.
        *self.first() == Some(self.crypto().sha256(&[token.as_bytes()]))
    }

    /// Makes the first administrator.
    pub(crate) async fn make_first(
        &self,
        token: &str,
        address: &Identifier,
        typed: SecretBytes,
    ) -> Result<Set> {
        let spent = || Error::rejected(Reason::NOT_FOUND);
        if !self.is_first(token) || self.has_administrator().await? {
            return Err(spent());
        }
        let door = self.doors().of(Which::Admins);
        let password = match self.judge(door, typed, address).await? {
            Ok(password) => password,
            Err(why) => return Ok(Set::Unfit(why)),
        };
        let realm = door.login.realm();
        let hash = self.doors().passwords.hash(&realm.tenant, password).await?;
        // Of many at once one goes on.
        let Some(held) = self
            .first()
            .take_if(|held| *held == self.crypto().sha256(&[token.as_bytes()]))
        else {
            return Err(spent());
        };
        let made = self.insert_first(door, address, &hash).await;
        if made.is_err() {
            *self.first() = Some(held);
        }
        made.map(|()| Set::Done(None))
    }

    async fn insert_first(&self, door: &Entrance, address: &Identifier, hash: &str) -> Result<()> {
        let now = self.clock().now()?;
        let (tenant, subject) = (administrators()?, self.new_subject()?);
        let realm = door.login.realm();
        let account = realm.account(subject.clone());
        let person = Person::new(address.as_str(), Role::Administrator, now);
        door.rows
            .insert(&account, Credential::new(hash, now)?)
            .await?;
        if !door
            .directory
            .insert(realm, address, &subject, &tenant)
            .await?
        {
            return Err(Error::rejected(Reason::CONFLICT));
        }
        self.data()
            .apply(vec![person.insert(&tenant, &subject)?])
            .await
            .map(drop)
    }
}
