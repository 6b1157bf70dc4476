//! Weak imports among the rows, wrapped where they lie, with nobody logging in.

use keyward_base::{BoxFuture, ErrorKind, Result};
use keyward_store::Record;

use super::CredentialRows;
use super::format::{Facts, Held, owner_of, secret_of};
use super::walk::{Judged, Visit, walk};
use crate::context::Context;
use crate::passwords::{Passwords, Row};
use crate::verified::Account;
use crate::wrap::Wrap;

/// Rows whose hashes are made before they are written together: few, since a row that its user
/// changes meanwhile costs its hash anew.
const BATCH: usize = 16;

/// How a pass ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapped {
    /// Rows looked at.
    pub seen: u64,
    /// Rows wrapped.
    pub wrapped: u64,
    /// Rows that do not open, whose tenant's keys are damaged, or that others changed again and again. They are left as they are.
    pub bad: u64,
    /// Rows that the store cannot give.
    pub unreadable: u64,
}

struct Wraps<'a> {
    rows: &'a CredentialRows,
    passwords: &'a Passwords,
    context: &'a Context,
    takes_bare: bool,
}

impl Visit for Wraps<'_> {
    fn begin<'a>(&'a mut self) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.takes_bare = self.rows.takes_bare().await?;
            Ok(())
        })
    }

    fn row<'a>(&'a mut self, row: &'a Record, least: u64) -> BoxFuture<'a, Result<Judged>> {
        Box::pin(async move {
            let (Ok((tenant, subject)), Ok(_)) = (owner_of(&row.key), Held::parse(&row.content))
            else {
                return Ok(Judged::Bad);
            };
            let account = Account {
                door: self.rows.0.door,
                tenant,
                subject,
            };
            let opened = self.rows.opened(&account, row, self.takes_bare).await;
            let credential = match opened {
                Ok(credential) => credential,
                Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(Judged::Bad),
                Err(e) => return Err(e),
            };
            let Some(stored) = credential.stored() else {
                return Ok(Judged::Leave);
            };
            let answer = {
                let context = self.context.for_row(&credential);
                let mut row = Row::new(stored).context(&context);
                if let Some(label) = credential.labelled() {
                    row = row.label(label);
                }
                self.passwords.wrap(&account.tenant, &row)
            };
            let Wrap::Wrapped(text) = answer.await? else {
                return Ok(Judged::Leave);
            };
            let new = credential.wrapped(&text)?;
            let (facts, secret) = (Facts::of(&new), secret_of(&new)?);
            let content = self.rows.content(&account, facts, secret, least).await?;
            Ok(Judged::Write(content))
        })
    }
}

impl CredentialRows {
    /// Wraps every stored hash that is weaker than the policy's and can be wrapped
    /// ([`Passwords::wrap`]), each by compare-and-swap and with its revision kept: whoever changes a
    /// password meanwhile wins. It takes the turns of each row's tenant, one hash at a time, and may be
    /// killed at any moment and run again. `context` is what a scheme keeps outside of its strings for
    /// all accounts; `progress` is told how many rows were looked at.
    ///
    /// # Errors
    /// `Misuse` if the policy does not write Argon2id. `Unavailable` if a store cannot be reached, or
    /// if too much waits to be hashed ([`BUSY`](crate::reason::BUSY)): run it again.
    pub async fn wrap_all(
        &self,
        passwords: &Passwords,
        context: &Context,
        progress: impl FnMut(u64) + Send,
    ) -> Result<Wrapped> {
        let mut visit = Wraps {
            rows: self,
            passwords,
            context,
            takes_bare: false,
        };
        let walked = walk(self, BATCH, &mut visit, progress).await?;
        Ok(Wrapped {
            seen: walked.seen,
            wrapped: walked.written,
            bad: walked.bad,
            unreadable: walked.unreadable,
        })
    }
}
