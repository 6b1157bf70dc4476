//! Links that are mailed: a password set anew, a mailbox proved at sign-up, a sign-in, a new address.
//!
//! A link is a token of 256 random bits, of which the store keeps a keyed hash. What is asked for at a
//! form is answered alike whoever exists: the same rows are written and as much is read, and what is
//! mailed differs. Looking at a link's page uses nothing up; its form does, in one conditional batch.
//! `docs/formats/mailed-link.md` has the bytes.
//!
//! | file | what it holds |
//! |---|---|
//! | [`Outbox`], [`Courier`] | letters, and the way to the application's [`Mailer`] in the background |
//! | [`Message`] | what a letter says |
//! | [`MailPolicy`] | lives of links and limits of mails, with their sources |
//! | [`Mail::ask`] | what a form asks for |
//! | [`Mail::look`] | what a link's page shows |
//! | [`Mail::sign_up`], [`Mail::sign_in`] | using a link; those that change something are in [`crate::change`] |

mod ask;
mod caps;
mod courier;
mod format;
mod look;
mod message;
mod open;
mod policy;
mod token;
mod uses;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::{Clock, Error, Purpose, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{Barrier, Keyring, MacHandle, RecordColumn};
use keyward_store::{Attempts, Collection, RecordKey, Records, Write};

pub use ask::Ask;
pub use courier::{Courier, Mailer, Outbox};
pub use format::{reread, reread_body};
pub use look::Looked;
pub use message::{Letter, Link, Message};
pub use policy::{LinkKind, MailPolicy};
pub use token::shape;
pub use uses::{SignedUp, UsedLink};

use crate::accounts::Accounts;

pub(crate) use ask::{Reply, already_here};
use caps::Counts;

pub(crate) use caps::Asker;
pub(crate) use format::Body;
pub(crate) use open::Opened;

const MAIL: Collection = Collection::named("mail");

/// Headers of every page whose address holds a link's token: it is in no cache, and in no `Referer`
/// (RFC 9111, 5.2.2.5; W3C Referrer Policy). Such a page loads nothing from elsewhere.
pub const PAGE_HEADERS: [(&str, &str); 2] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
];

/// Mailed links of the accounts of one realm. Clones are the same.
#[derive(Clone)]
pub struct Mail(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    of_addresses: Counts,
    of_askers: Counts,
    policy: MailPolicy,
    provider: Provider,
    barrier: Mutex<Option<Barrier>>,
}

/// What [`Mail`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct MailBuilder {
    accounts: Accounts,
    attempts: Arc<dyn Attempts>,
    policy: MailPolicy,
    provider: Provider,
}

impl MailBuilder {
    /// How long links live and how many are mailed.
    pub const fn policy(mut self, policy: MailPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes the random bits of links from this provider.
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// Makes it, and registers the links with the keyring.
    ///
    /// # Errors
    /// `Misuse` if the ring has no purpose `mail` that MACs, or one whose longest life is below a
    /// link's; `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<Mail> {
        let keyring = self.accounts.directory().keyring().clone();
        let purpose = mail_purpose()?;
        let longest = keyring.mac(&purpose)?.longest_life();
        if longest.is_some_and(|longest| longest < self.policy.longest()) {
            return Err(Error::misuse(
                "a link lives longer than what the ring's purpose mail authenticates: raise that",
            ));
        }
        let records: Arc<dyn Records> = self.accounts.store().clone();
        let column = RecordColumn::of_macs(records, MAIL, purpose)?;
        keyring.cover(Arc::new(column)).await?;
        let now = keyring.clock().now()?;
        let attempts = self.attempts;
        let of_addresses = Counts::of_addresses(Arc::clone(&attempts), &self.policy, now).await?;
        let of_askers = Counts::of_askers(attempts, &self.policy, now).await?;
        Ok(Mail(Arc::new(Inner {
            accounts: self.accounts,
            of_addresses,
            of_askers,
            policy: self.policy,
            provider: self.provider,
            barrier: Mutex::default(),
        })))
    }
}

impl Mail {
    /// Links for `accounts`, counted in `attempts`: a table of its own, or that of the throttle and of
    /// limits. While it is full, mails are counted in rows that many share, and each of these admits
    /// what ten get: so a full table stops nobody who sets his password anew.
    pub fn builder(accounts: Accounts, attempts: Arc<dyn Attempts>) -> MailBuilder {
        MailBuilder {
            accounts,
            attempts,
            policy: MailPolicy::default(),
            provider: Provider::default(),
        }
    }

    /// The accounts that it is for.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// How many of the 128 rows in which is counted what finds no room found none themselves: above 0,
    /// the table's quota is too small, or it was full when this was made first. They are made as soon as
    /// there is room; until then no mail goes out for what would be counted in one of them
    /// (`Unavailable`). Say so to the operator.
    #[must_use]
    pub fn lacks(&self) -> usize {
        let all = [&self.0.of_addresses, &self.0.of_askers].map(Counts::lacks);
        all.iter().fold(0, |all, one| all.saturating_add(*one))
    }

    /// Removes links that have expired and counts that have left their windows, at most `limit` of
    /// each, and says how many: call it now and then.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached.
    pub async fn sweep(&self, limit: usize) -> Result<u64> {
        let now = self.now().await?;
        let mut gone = self.0.accounts.store().purge(&MAIL, now, limit).await?;
        for counts in [&self.0.of_addresses, &self.0.of_askers] {
            gone = gone.saturating_add(counts.purge(limit, now).await?);
        }
        Ok(gone)
    }

    fn keyring(&self) -> &Keyring {
        self.0.accounts.directory().keyring()
    }

    /// The later of the process's clock and the store's, where that has one.
    async fn now(&self) -> Result<Timestamp> {
        let clock: &dyn Clock = self.keyring().clock().as_ref();
        Ok(self.0.accounts.now().await?.max(clock.now()?))
    }

    fn place(&self, id: &[u8; 16]) -> RecordKey {
        RecordKey {
            collection: MAIL,
            owner: self.0.accounts.realm().tenant.as_str().to_owned(),
            id: keyward_base::encoding::base64url(id),
        }
    }

    fn barrier(&self) -> MutexGuard<'_, Option<Barrier>> {
        self.0
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget_barrier(&self) {
        *self.barrier() = None;
    }

    /// The key in use, and that it still may write.
    async fn writing_key(&self) -> Result<(Write, MacHandle)> {
        let purpose = mail_purpose()?;
        let held = self.barrier().clone();
        let barrier = match held {
            Some(barrier) => barrier,
            None => {
                let store: &dyn Records = self.0.accounts.store().as_ref();
                let barrier = Barrier::claim_macs(store, &MAIL, &purpose).await?;
                *self.barrier() = Some(barrier.clone());
                barrier
            }
        };
        let mut key = self.keyring().mac(&purpose)?;
        if key.promoted_epoch() < barrier.promoted_epoch() {
            self.keyring().refresh().await?;
            key = self.keyring().mac(&purpose)?;
        }
        if key.promoted_epoch() < barrier.promoted_epoch() {
            return Err(Error::unavailable(
                "this process knows no key that may write links: refresh its keyring",
            ));
        }
        Ok((barrier.require(), key))
    }
}

pub(crate) fn mail_purpose() -> Result<Purpose> {
    Purpose::new("mail")
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("accounts", &self.0.accounts)
            .finish_non_exhaustive()
    }
}
