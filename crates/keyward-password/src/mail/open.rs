//! A link that was presented, with its row.

use keyward_base::{Error, Reason, Result, Revision, Timestamp};
use keyward_store::{Content, RecordKey, Version, Write};

use super::Mail;
use super::format::{Body, Row};
use super::mail_purpose;
use super::policy::LinkKind;
use super::token::Token;
use crate::accounts::Found;
use crate::credential::Status;
use crate::reason;

/// A link that is genuine and has not expired. What it is good for is judged by what it is used for.
#[derive(Debug)]
pub(crate) struct Opened {
    token: Token,
    pub(crate) body: Body,
    pub(crate) made: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) place: RecordKey,
    pub(crate) version: Version,
    /// A moment before its row was read.
    pub(crate) read_at: Timestamp,
}

impl Opened {
    pub(crate) const fn kind(&self) -> LinkKind {
        self.token.kind
    }

    /// The write that uses it up.
    pub(crate) fn used(&self) -> Write {
        Write::Delete {
            key: self.place.clone(),
            version: self.version,
        }
    }

    /// Whether the account is as it was when the link was mailed.
    ///
    /// # Errors
    /// `Rejected` ([`SPENT`](reason::SPENT)) if it is another, or password, address, factor or status
    /// were changed since.
    pub(crate) fn check_unchanged(&self, found: Option<&Found>) -> Result<()> {
        let is_unchanged = found.is_some_and(|found| {
            let credential = &found.loaded.credential;
            let status = if self.body.is_changing {
                Status::Changing
            } else {
                Status::Active
            };
            self.body.subject.as_ref() == Some(&found.entry.subject)
                && self.body.organisation.as_ref() == Some(&found.entry.organisation)
                && self.body.revision == Some(credential.revision())
                && credential.is() == status
        });
        if is_unchanged {
            return Ok(());
        }
        Err(Error::rejected(reason::SPENT))
    }
}

impl Mail {
    /// Reads a link of one of `kinds`. Nothing is written.
    ///
    /// # Errors
    /// `Rejected` for what is not such a link, was used or has expired; `Unavailable` if a store
    /// cannot be reached, or the clock is behind the link's; `Corrupt` if its row was altered.
    pub(crate) async fn open(&self, kinds: &[LinkKind], text: &str) -> Result<Opened> {
        let realm = self.0.accounts.realm();
        let token = Token::read(self.keyring(), realm, kinds, text).await?;
        let read_at = self.0.accounts.now().await?;
        let place = self.place(&token.id);
        let found = self.0.accounts.store().fetch(&place).await?;
        let found = found.ok_or_else(|| Error::rejected(reason::SPENT))?;
        let row = Row::parse(&found.data)?;
        let altered = |e: Error| match e.reason() {
            Some(why @ (Reason::NOT_AUTHENTIC | keyward_keys::reason::UNKNOWN_KEY)) => {
                super::format::wrong().because(why)
            }
            _ => e,
        };
        let key = self.keyring().find_mac(&mail_purpose()?, row.key).await;
        let key = key.map_err(altered)?;
        let body = row.open(&self.0.provider, &key, realm, &token)?;
        // No grace: at its last moment it has expired.
        let now = self.now().await?;
        if now >= row.expires {
            return Err(Error::rejected(Reason::EXPIRED));
        }
        if now < row.made {
            return Err(Error::unavailable(
                "the clock is behind a link that was mailed: set it",
            ));
        }
        if body.address.is_none() {
            return Err(Error::rejected(reason::SPENT));
        }
        Ok(Opened {
            token,
            body,
            made: row.made,
            expires: row.expires,
            place,
            version: found.version,
            read_at,
        })
    }

    /// The writes that leave a link to finish a change of the password that has begun, which is of
    /// `revision` now. The first is the barrier's.
    pub(crate) async fn carrying_on(
        &self,
        opened: &Opened,
        revision: Revision,
    ) -> Result<Vec<Write>> {
        let body = Body {
            is_changing: true,
            revision: Some(revision),
            address: opened.body.address.clone(),
            replaces: None,
            subject: opened.body.subject.clone(),
            organisation: opened.body.organisation.clone(),
        };
        let times = (opened.made, opened.expires);
        let (require, content) = self.row(&opened.token, times, &body).await?;
        let swap = Write::Swap {
            key: opened.place.clone(),
            version: opened.version,
            content,
        };
        Ok(vec![require, swap])
    }

    /// What is written of a link, and the barrier that it requires.
    pub(super) async fn row(
        &self,
        token: &Token,
        times: (Timestamp, Timestamp),
        body: &Body,
    ) -> Result<(Write, Content)> {
        let (require, key) = self.writing_key().await?;
        let realm = self.0.accounts.realm();
        let row = Row::seal(&self.0.provider, &key, realm, token, times, body)?;
        let content = Content {
            data: row.to_bytes(),
            expires: Some(row.expires),
            mac_key: key.tag(),
            token_key: keyward_base::key_tag::key_tag(token.key),
            ..Content::default()
        };
        Ok((require, content))
    }
}
