//! What people are told by mail, in words, and the pages that its links lead to.

use std::sync::Arc;

use keyward_base::{BoxFuture, Clock, Error, Result};
use keyward_crypto::Provider;
use keyward_password::mail::{Letter, LinkKind, Mailer, Message};
use secrecy::ExposeSecret as _;

use crate::desk::Which;
use crate::log;
use crate::mail::{Mail, Post};
use crate::view::minute;

/// Words letters for those who come in at one door, and posts them.
#[derive(Debug)]
pub(crate) struct Letters {
    /// The start of all addresses, from the settings.
    pub(crate) base: String,
    pub(crate) which: Which,
    pub(crate) post: Arc<Post>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) crypto: Provider,
}

impl Letters {
    fn worded(&self, letter: &Letter) -> Result<Mail> {
        let mut links = Vec::new();
        let base = &self.base;
        let (login, forgot) = (self.which.login(), self.which.forgot());
        let (subject, text) = match &letter.message {
            Message::Link {
                kind, link, life, ..
            } => {
                let page = format!("{base}{}", self.which.page_of(*kind));
                let address = link.on(&page)?;
                let address = address.expose_secret().to_owned();
                let minutes = life.as_secs().div_ceil(60);
                let (subject, why) = of_link(*kind)?;
                let text = format!(
                    "{why}\n\n{address}\n\nThe link is good for {minutes} minutes, and once. If you \
                     did not ask for it, leave it: nothing has changed.\n"
                );
                links.push(address);
                (subject, text)
            }
            Message::AlreadyHere { link, life } => {
                let page = format!("{base}{}", self.which.page_of(LinkKind::Reset));
                let address = link.on(&page)?;
                let address = address.expose_secret().to_owned();
                let minutes = life.as_secs().div_ceil(60);
                let text = format!(
                    "Somebody asked for an account with this address, and there is one. Log in at \
                     {base}{login}, or choose another password:\n\n{address}\n\nThe link is good \
                     for {minutes} minutes, and once. If you did not ask for it, leave it: nothing \
                     has changed.\n"
                );
                links.push(address);
                ("You have an account already", text)
            }
            Message::NoAccount => (
                "There is no account with this address",
                "Somebody asked for a link with this address, and there is no account of it. If it \
                 was you, think of the address that you signed up with.\n"
                    .to_owned(),
            ),
            Message::Disabled => (
                "Your account is disabled",
                "Somebody asked for a link to it. It is disabled, so that there is none.\n".to_owned(),
            ),
            Message::EmailChanged { at } => (
                "The e-mail of your account was changed",
                format!(
                    "It is another one since {} UTC, and this one does not log in any more. If that \
                     was not you, tell whoever runs the service.\n",
                    minute(*at)
                ),
            ),
            Message::PasswordChanged { at } => (
                "Your password was changed",
                format!(
                    "It is another one since {} UTC, and every session has ended. If that was not \
                     you, choose another one at {base}{forgot}.\n",
                    minute(*at)
                ),
            ),
            Message::NewDevice { at, client, .. } => (
                "A new device logged in to your account",
                format!(
                    "At {} UTC, {}. If that was not you, choose another password at {base}{forgot}: \
                     it ends every session.\n",
                    minute(*at),
                    if client.is_empty() {
                        "with a browser that is not known"
                    } else {
                        client
                    }
                ),
            ),
            _ => (
                "Your account was changed",
                format!("Look at it: {base}{login}\n"),
            ),
        };
        Ok(Mail {
            to: letter.to.as_str().to_owned(),
            subject: subject.to_owned(),
            text,
            links,
        })
    }
}

fn of_link(kind: LinkKind) -> Result<(&'static str, &'static str)> {
    Ok(match kind {
        LinkKind::SignUp => (
            "Your account at Deploydesk",
            "Choose a password, and it is yours:",
        ),
        LinkKind::Invite => (
            "An invitation to Deploydesk",
            "Somebody invites you to work with what his organisation has connected. Choose a \
             password to join it:",
        ),
        LinkKind::Reset => ("Another password", "Choose it here:"),
        LinkKind::SignIn => ("Log in to Deploydesk", "Log in without a password here:"),
        LinkKind::NewEmail => (
            "The new e-mail of your account",
            "Confirm that it is yours here:",
        ),
        _ => return Err(Error::misuse("there are no words for this link")),
    })
}

impl Mailer for Letters {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<()>> {
        let sent = self.worded(&letter).and_then(|mail| {
            let now = self.clock.now()?;
            self.post.send(mail, now, &self.crypto)
        });
        if let Err(error) = &sent {
            log::failure(error);
        }
        Box::pin(std::future::ready(sent))
    }
}
