//! How many mails there are: for an address, and for who asks.

use std::sync::Arc;

use keyward_base::encoding::base64url;
use keyward_base::{AddressPrefix, Domain, Error, Result, Retry, Subject, Tenant, Timestamp};
use keyward_keys::Finder;
use keyward_store::limit::{Tallied, Tally};
use keyward_store::{Attempts, Collection, Level, RecordKey, StoreLimits, Window};

use super::{Mail, MailPolicy};
use crate::identifier::{Identifier, login_purpose};
use crate::reason;

/// Where there is no room a shared row admits what ten get: in a full table nobody's mailbox gets more
/// than these.
const TEN: u32 = 10;

const PREFIX: Domain<([u8; AddressPrefix::LEN],)> = Domain::new("keyward/v1/mail-prefix");
const NETWORK: Domain<([u8; AddressPrefix::LEN],)> = Domain::new("keyward/v1/mail-network");
const ORGANISATION: Domain<(&Tenant,)> = Domain::new("keyward/v1/mail-organisation");
const ACCOUNT: Domain<(&Tenant, &Subject)> = Domain::new("keyward/v1/mail-account");

/// Who asks for mail.
#[derive(Debug)]
pub(crate) enum Asker<'a> {
    /// A browser of nobody's.
    From(AddressPrefix),
    /// Whoever invites.
    Organisation(&'a Tenant),
    /// Who is to have another address.
    Account(&'a Tenant, &'a Subject),
}

impl Asker<'_> {
    fn name(&self, finder: &Finder) -> [u8; 32] {
        match self {
            Self::From(prefix) => finder.name(PREFIX, &(prefix.to_bytes(),)),
            Self::Organisation(tenant) => finder.name(ORGANISATION, &(*tenant,)),
            Self::Account(tenant, subject) => finder.name(ACCOUNT, &(*tenant, *subject)),
        }
    }

    /// With whom it is counted where there is no room: neighbours share, so that one network takes no
    /// room from all others.
    fn shares(&self, finder: &Finder) -> [u8; 32] {
        match self {
            Self::From(prefix) => finder.name(NETWORK, &(prefix.coarser(16, 32).to_bytes(),)),
            _ => self.name(finder),
        }
    }
}

/// What is counted, in rows of its own and in shared ones.
pub(super) struct Counts {
    tally: Tally,
    fine: Collection,
    shared: Collection,
    window: Window,
}

impl Counts {
    /// Mails that an address gets.
    pub(super) async fn of_addresses(
        attempts: Arc<dyn Attempts>,
        policy: &MailPolicy,
        now: Timestamp,
    ) -> Result<Self> {
        let named = (
            Collection::named("mail-address"),
            Collection::named("mail-address-shared"),
        );
        Self::new(attempts, named, policy.address_window()?, now).await
    }

    /// Mails that somebody asks for.
    pub(super) async fn of_askers(
        attempts: Arc<dyn Attempts>,
        policy: &MailPolicy,
        now: Timestamp,
    ) -> Result<Self> {
        let named = (
            Collection::named("mail-prefix"),
            Collection::named("mail-prefix-shared"),
        );
        Self::new(attempts, named, policy.prefix_window()?, now).await
    }

    async fn new(
        attempts: Arc<dyn Attempts>,
        (fine, shared): (Collection, Collection),
        window: Window,
        now: Timestamp,
    ) -> Result<Self> {
        let counts = Self {
            tally: Tally::new(attempts, fine.clone()),
            fine,
            shared,
            window,
        };
        let window = counts.shared_window()?;
        let rows = (0..Tally::SHARES).map(|share| (counts.shared_row(share), window));
        let rows: Vec<_> = rows.collect();
        counts.tally.make_shared(&rows, now).await?;
        Ok(counts)
    }

    fn shared_window(&self) -> Result<Window> {
        let most = self.window.most().saturating_mul(TEN);
        Window::new(most.min(StoreLimits::ATTEMPTS), self.window.span())
    }

    fn shared_row(&self, share: u8) -> RecordKey {
        RecordKey {
            collection: self.shared.clone(),
            owner: String::new(),
            id: share.to_string(),
        }
    }

    /// Counts one under each of these names, or nothing and says until when: in a row of its own, named
    /// by text, and where there is no room with those who share by what is beside it.
    async fn count(
        &self,
        owner: &Tenant,
        names: impl Iterator<Item = (String, [u8; 32])>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let mut levels = Vec::new();
        for (id, shares) in names.take(StoreLimits::WINDOWS) {
            let fine = RecordKey {
                collection: self.fine.clone(),
                owner: owner.as_str().to_owned(),
                id,
            };
            levels.push(Level {
                fine: (fine, self.window),
                shared: (
                    self.shared_row(Tally::share(&shares)),
                    self.shared_window()?,
                ),
            });
        }
        Ok(match self.tally.reserve(&levels, now).await? {
            Tallied::Admitted { ticket, .. } => {
                ticket.keep();
                None
            }
            Tallied::Refused { retry_at, .. } => Some(retry_at),
        })
    }

    pub(super) fn lacks(&self) -> usize {
        self.tally.lacks()
    }

    pub(super) async fn purge(&self, limit: usize, now: Timestamp) -> Result<u64> {
        self.tally.purge(limit, now).await
    }
}

impl Mail {
    /// Counts one that he asks for.
    ///
    /// # Errors
    /// `Rejected` ([`LIMITED`](reason::LIMITED)), with when to try again: it is told, since it is of
    /// who asks and of nobody else.
    pub(crate) async fn count_asker(&self, asker: Asker<'_>, now: Timestamp) -> Result<()> {
        let finders = self.keyring().finders(&login_purpose()?)?;
        let names = finders
            .iter()
            .map(|finder| (base64url(&asker.name(finder)), asker.shares(finder)));
        let owner = &self.0.accounts.realm().tenant;
        match self.0.of_askers.count(owner, names, now).await? {
            None => Ok(()),
            Some(retry_at) => Err(Error::rejected(reason::LIMITED).retry(Retry::At(retry_at))),
        }
    }

    /// Whether one more may go to that address. What is refused is not counted.
    pub(super) async fn count_mail(&self, to: &Identifier, now: Timestamp) -> Result<bool> {
        let accounts = &self.0.accounts;
        let hashes = accounts.directory().hasher().all(accounts.realm(), to)?;
        let names = hashes.iter().map(|hash| (hash.text(), *hash.as_bytes()));
        let owner = &accounts.realm().tenant;
        Ok(self
            .0
            .of_addresses
            .count(owner, names, now)
            .await?
            .is_none())
    }
}
