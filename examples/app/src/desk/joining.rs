//! How somebody comes to have an account, and another password.

use keyward_base::encoding::base64url;
use keyward_base::{Error, Reason, Result, SecretBytes, Subject, Tenant};
use keyward_password::mail::{LinkKind, Looked};
use keyward_password::people::Words;
use keyward_password::{
    Credential, DeviceToken, Directory as _, Identifier, Judged, LoggedIn, NewPassword, Password,
    Prepared, Unfit,
};
use keyward_store::{Applied, Collection, Content, RecordKey, Version, Write};
use tokio::sync::Mutex;

use super::{Desk, Entrance, Which, administrators};
use crate::organisation::{Organisation, new_tenant};
use crate::people::{Person, Role};

const FIRST: Collection = Collection::named("deploydesk-first");

/// What came of a new password.
#[derive(Debug)]
pub(crate) enum Set {
    /// With what the browser is known by from now on, if it came by a link that was mailed.
    Done(Option<DeviceToken>),
    /// Another one is to be chosen, and why.
    Unfit(String),
}

/// Who is being made the first administrator.
#[derive(Debug, Default)]
pub(super) struct First(Mutex<()>);

/// Where the link lies by which the first administrator comes: the digest of its token. There is one
/// for all processes.
fn first() -> RecordKey {
    RecordKey {
        collection: FIRST,
        owner: String::new(),
        id: "link".to_owned(),
    }
}

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
    /// is written in the same step.
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
        let address = looked.address.as_str();
        let belongs = |tenant: &Tenant| {
            let role = match door.which {
                Which::Admins => Role::Administrator,
                Which::Users if *tenant == own => Role::Owner,
                Which::Users => Role::Member,
            };
            let mut writes = vec![Person::new(address, role, now).insert(tenant, &subject)?];
            if role == Role::Owner {
                let name = address.split('@').next().unwrap_or_default();
                writes.push(Organisation::new(name, now).insert(tenant)?);
            }
            Ok(writes)
        };
        let made = door
            .mail
            .sign_up_with(token, password, &subject, &own, belongs);
        Ok(made.await?.device)
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

    /// The token of a link that makes the first administrator, good until it is used, or the next one
    /// is made; none if there is an administrator.
    pub(crate) async fn first_link(&self) -> Result<Option<String>> {
        if self.has_administrator().await? {
            return Ok(None);
        }
        let token = base64url(self.crypto().random::<32>()?.expose());
        let digest = self.crypto().sha256(&[token.as_bytes()]);
        loop {
            let before = self.data().fetch(&first()).await?;
            let content = Content {
                data: digest.to_vec(),
                ..Content::default()
            };
            let put = Write::put(first(), before.map(|of| of.version), content);
            if let Applied::Done(_) = self.data().apply(vec![put]).await? {
                return Ok(Some(token));
            }
        }
    }

    async fn has_administrator(&self) -> Result<bool> {
        let all = Person::all(self.data(), &administrators()?, 1).await?;
        Ok(!all.is_empty())
    }

    /// The link for the first administrator, if the token is its, and there is none yet.
    async fn first(&self, token: &str) -> Result<Option<Version>> {
        let Some(link) = self.data().fetch(&first()).await? else {
            return Ok(None);
        };
        // Of the digests no comparison tells anything of the token.
        let is_it = link.data == self.crypto().sha256(&[token.as_bytes()]);
        Ok(match is_it && !self.has_administrator().await? {
            true => Some(link.version),
            false => None,
        })
    }

    /// Whether a token is that of the link for the first administrator.
    pub(crate) async fn is_first(&self, token: &str) -> Result<bool> {
        Ok(self.first(token).await?.is_some())
    }

    /// Makes the first administrator.
    pub(crate) async fn make_first(
        &self,
        token: &str,
        address: &Identifier,
        typed: SecretBytes,
    ) -> Result<Set> {
        // Of many at once in this process, one after the other; those of others have another link.
        let _one = self.first.0.lock().await;
        let spent = || Error::rejected(Reason::NOT_FOUND);
        let link = self.first(token).await?.ok_or_else(spent)?;
        let door = self.doors().of(Which::Admins);
        let password = match self.judge(door, typed, address).await? {
            Ok(password) => password,
            Err(why) => return Ok(Set::Unfit(why)),
        };
        let realm = door.login.realm();
        let hash = self.doors().passwords.hash(&realm.tenant, password).await?;
        let now = self.clock().now()?;
        let (tenant, subject) = (administrators()?, self.new_subject()?);
        // What a process left that was killed here: nobody can use it, and the address is free.
        if let Some(left) = door.directory.find(realm, address).await? {
            door.directory.remove(realm, &left).await?;
        }
        let account = realm.account(subject.clone());
        let credential = Credential::new(&hash, now)?;
        door.rows.insert(&account, credential).await?;
        let entered = door.directory.insert(realm, address, &subject, &tenant);
        if !entered.await? {
            return Err(spent());
        }
        // Only now is he one, if the link is still what it was.
        let person = Person::new(address.as_str(), Role::Administrator, now);
        let used = Write::Delete {
            key: first(),
            version: link,
        };
        let writes = vec![used, person.insert(&tenant, &subject)?];
        if let Applied::Done(_) = self.data().apply(writes).await? {
            return Ok(Set::Done(None));
        }
        // Another one came first: the address is to be free for him to invite.
        let left = door.directory.find(realm, address).await?;
        if let Some(left) = left.filter(|left| *left.subject() == subject) {
            door.directory.remove(realm, &left).await?;
        }
        Err(spent())
    }
}
