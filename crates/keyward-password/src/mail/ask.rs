//! What a form asks to be mailed. Whoever exists: as much is read, the same is written, and the answer
//! is the same.

use keyward_base::{AddressPrefix, Result, Tenant, Timestamp};
use keyward_store::Write;

use super::Mail;
use super::caps::Asker;
use super::courier::Posted;
use super::format::Body;
use super::message::{Letter, Link, Message};
use super::policy::LinkKind;
use super::token::Token;
use crate::accounts::{Found, MAX_TRIES, contended};
use crate::credential::Status;
use crate::identifier::Identifier;
use crate::login::is_of_the_row;
use crate::reason;

/// What anybody may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// A password of his is to be set anew.
    Reset,
    /// To sign in without a password.
    SignIn,
    /// An account of his own.
    SignUp,
}

/// What is to be mailed.
pub(crate) enum Reply {
    /// Another account was asked for: word that there is one, with a link that sets its password anew.
    AlreadyHere(Body),
    Link(Body),
    Message(Message),
    Nothing(keyward_base::Reason),
}

impl Mail {
    /// What a form asks for: a link, or word that there is none, to `address`, from a browser at
    /// `from`. `Ok` says nothing of what is mailed.
    ///
    /// # Errors
    /// `Rejected` ([`LIMITED`](reason::LIMITED)) if too much is asked from there, with when to try
    /// again; `Unavailable` if a store or the ring cannot be reached, for any address alike.
    pub async fn ask(&self, what: Ask, address: &Identifier, from: AddressPrefix) -> Result<()> {
        let kind = match what {
            Ask::Reset => LinkKind::Reset,
            Ask::SignIn => LinkKind::SignIn,
            Ask::SignUp => LinkKind::SignUp,
        };
        let now = self.now().await?;
        self.writing_key().await?;
        self.count_asker(Asker::From(from), now).await?;
        self.reply(kind, address, now, |found| match what {
            Ask::SignUp => join(address, None, found),
            Ask::Reset => reset(address, found),
            Ask::SignIn => sign_in(address, found),
        })
        .await
    }

    /// Mails a link by which whoever has `address` joins `organisation` with an account of his own.
    /// Whoever calls it asked whether the person who invites may.
    ///
    /// # Errors
    /// `Rejected` ([`LIMITED`](reason::LIMITED)) if that organisation invites too many, with when to
    /// try again: anybody may have one, and mail strangers by it. `Unavailable` if a store or the ring
    /// cannot be reached.
    pub async fn invite(&self, address: &Identifier, organisation: &Tenant) -> Result<()> {
        let now = self.now().await?;
        self.count_asker(Asker::Organisation(organisation), now)
            .await?;
        self.reply(LinkKind::Invite, address, now, |found| {
            join(address, Some(organisation.clone()), found)
        })
        .await
    }

    /// Looks the address up, writes a row and posts what is mailed.
    pub(crate) async fn reply(
        &self,
        kind: LinkKind,
        address: &Identifier,
        now: Timestamp,
        judge: impl FnOnce(Option<&Found>) -> Reply + Send,
    ) -> Result<()> {
        let may_mail = self.count_mail(address, now).await?;
        let reply = match self.0.accounts.find(address).await {
            Ok(found) => judge(found.as_ref()),
            // Of this account alone: who asks is told nothing of it.
            Err(e) if e.reason() == Some(reason::NEWER) => Reply::Nothing(reason::NEWER),
            Err(e) if is_of_the_row(&e) => Reply::Nothing(reason::DAMAGED),
            Err(e) => return Err(e),
        };
        let reply = if may_mail {
            reply
        } else {
            Reply::Nothing(reason::CAPPED)
        };
        let (kind, body) = match &reply {
            Reply::AlreadyHere(body) => (LinkKind::Reset, body),
            Reply::Link(body) => (kind, body),
            Reply::Message(_) | Reply::Nothing(_) => (kind, &Body::of_nobody()),
        };
        let life = self.0.policy.life_of(kind);
        let token = self
            .write(kind, (now, now.saturating_add(life)), body)
            .await?;
        let link = Link::new(token.text()?);
        let message = match reply {
            Reply::Nothing(why) => {
                self.0.accounts.outbox().post(Posted::Nothing(why));
                return Ok(());
            }
            Reply::Message(message) => message,
            Reply::AlreadyHere(_) => Message::AlreadyHere { link, life },
            Reply::Link(body) => Message::Link {
                kind,
                link,
                life,
                organisation: body.organisation,
            },
        };
        let to = address.clone();
        self.0
            .accounts
            .outbox()
            .post(Posted::Letter(Letter { to, message }));
        Ok(())
    }

    async fn write(
        &self,
        kind: LinkKind,
        times: (Timestamp, Timestamp),
        body: &Body,
    ) -> Result<Token> {
        let mut id = [0; 16];
        self.0.provider.fill(&mut id)?;
        let secret = self.0.provider.random::<32>()?;
        let (_, key) = self.writing_key().await?;
        let token = Token::new(&key, self.0.accounts.realm(), kind, id, secret);
        for _ in 0..MAX_TRIES {
            let (require, content) = self.row(&token, times, body).await?;
            let insert = Write::Insert {
                key: self.place(&token.id),
                content,
            };
            if self.0.accounts.apply(vec![require, insert]).await? {
                return Ok(token);
            }
            self.forget_barrier();
        }
        Err(contended())
    }
}

/// For who has no account yet; into an organisation that was told, or one of his own.
fn join(address: &Identifier, organisation: Option<Tenant>, found: Option<&Found>) -> Reply {
    match found {
        Some(found) => already_here(address, found),
        None => Reply::Link(Body {
            address: Some(address.clone()),
            organisation,
            ..Body::of_nobody()
        }),
    }
}

/// For who has an account, and was to get another one. What is mailed to an address is capped, and
/// strangers may use that up: so each letter that they cause has a link by which the owner comes in.
pub(crate) fn already_here(address: &Identifier, found: &Found) -> Reply {
    match reset(address, Some(found)) {
        Reply::Link(body) => Reply::AlreadyHere(body),
        other => other,
    }
}

fn reset(address: &Identifier, found: Option<&Found>) -> Reply {
    let Some(found) = found else {
        return Reply::Message(Message::NoAccount);
    };
    match found.loaded.credential.is() {
        Status::Disabled => Reply::Message(Message::Disabled),
        Status::Active => Reply::Link(of(address, found, false)),
        // It was cut short: this one finishes it.
        Status::Changing => Reply::Link(of(address, found, true)),
    }
}

fn sign_in(address: &Identifier, found: Option<&Found>) -> Reply {
    let Some(found) = found else {
        return Reply::Message(Message::NoAccount);
    };
    match found.loaded.credential.is() {
        Status::Disabled => Reply::Message(Message::Disabled),
        Status::Active => Reply::Link(of(address, found, false)),
        Status::Changing => Reply::Nothing(reason::CHANGING),
    }
}

fn of(address: &Identifier, found: &Found, is_changing: bool) -> Body {
    Body {
        is_changing,
        revision: Some(found.loaded.credential.revision()),
        address: Some(address.clone()),
        replaces: None,
        subject: Some(found.entry.subject.clone()),
        organisation: Some(found.entry.organisation.clone()),
    }
}
