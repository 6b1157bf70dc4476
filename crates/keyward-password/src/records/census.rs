//! What the rows of a door hold, counted where they lie.

use keyward_base::{Error, ErrorKind, Result};
use keyward_crypto::sealed::Header;
use keyward_keys::reason::DAMAGED_KEYS;
use keyward_store::{Record, Scan};

use super::CredentialRows;
use super::format::{Held, owner_of};
use super::walk::{BYTES, plus};
use crate::census::Census;
use crate::context::Context;
use crate::credential::Credential;
use crate::passwords::Row;
use crate::verified::Account;

/// Rows that are read at once.
const BATCH: usize = 256;

/// How a count ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowsCounted {
    /// Rows looked at: those of the census, those without a password and the bad ones.
    pub seen: u64,
    /// Rows that are sealed and were opened.
    pub opened: u64,
    /// Rows that hold no password. They are not in the census.
    pub without_password: u64,
    /// Rows that do not open, whose tenant's keys are damaged, that are not sealed and should be, or
    /// that say they are of a newer release. They are not in the census.
    pub bad: u64,
    /// Rows that the store cannot give.
    pub unreadable: u64,
}

impl CredentialRows {
    /// Counts every stored hash of the door, those that are sealed with the id of the key that they
    /// are sealed under. Nothing is hashed or written. Each seal that is opened is counted in the
    /// ledger, and no more than a page of rows is held at once, of which one is open. A row that is
    /// written meanwhile is counted as it was or as it is. `context` is what a scheme keeps outside of
    /// its strings for all accounts; `progress` is told how many rows were looked at.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached, or the keyring cannot be read: the census is not
    /// whole then. No row is a reason to end.
    pub async fn count(
        &self,
        census: &mut Census,
        context: &Context,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<RowsCounted> {
        let mut counted = RowsCounted::default();
        let mut after = None;
        loop {
            let scan = Scan::of(self.0.collection.clone())
                .after(after)
                .limit(BATCH)
                .bytes(BYTES);
            let page = self.0.store.scan(scan).await?;
            counted.unreadable = plus(counted.unreadable, page.damaged.len());
            if !page.items.is_empty() {
                // After the rows were read.
                let takes_bare = self.takes_bare().await?;
                for row in &page.items {
                    let Some((credential, key)) = self.to_count(row, takes_bare).await? else {
                        counted.bad = plus(counted.bad, 1);
                        continue;
                    };
                    // Until the next row nothing waits: no hash lies in a future.
                    counted.opened = plus(counted.opened, usize::from(key.is_some()));
                    if !add(census, context, &credential, key.as_deref()) {
                        counted.without_password = plus(counted.without_password, 1);
                    }
                }
                counted.seen = plus(counted.seen, page.items.len());
                progress(counted.seen);
            }
            after = page.next;
            if after.is_none() {
                return Ok(counted);
            }
        }
    }

    /// What a row holds and the key that it is sealed under, if it is; none: it is bad.
    async fn to_count(
        &self,
        row: &Record,
        takes_bare: bool,
    ) -> Result<Option<(Credential, Option<String>)>> {
        let (Ok((tenant, subject)), Ok(_)) = (owner_of(&row.key), Held::parse(&row.content)) else {
            return Ok(None);
        };
        let account = Account {
            door: self.0.door,
            tenant,
            subject,
        };
        let credential = match self.opened(&account, row, takes_bare).await {
            Ok(credential) => credential,
            Err(e) if is_the_rows(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let header = Header::peek(&row.sealed).ok();
        Ok(Some((
            credential,
            header.map(|header| header.key.to_string()),
        )))
    }
}

/// Its own fault, its tenant's keys', or that it is sealed where there is no pepper.
fn is_the_rows(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Misuse) || e.reason() == Some(DAMAGED_KEYS)
}

/// No: it holds no password.
fn add(census: &mut Census, context: &Context, credential: &Credential, key: Option<&str>) -> bool {
    let Some(stored) = credential.stored() else {
        return false;
    };
    let context = context.for_row(credential);
    let mut row = Row::new(stored).context(&context);
    if let Some(label) = credential.labelled() {
        row = row.label(label);
    }
    match key {
        Some(key) => census.add_sealed(&row, key),
        None => census.add(&row),
    }
    true
}
