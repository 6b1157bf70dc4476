//! How many mails there are: for an address, and for who asks.

use keyward_base::{AddressPrefix, Domain, Error, Result, Retry, Subject, Tenant, Timestamp};
use keyward_keys::Finder;
use keyward_store::{Collection, RecordKey, Reserved, StoreLimits, Window};

use super::Mail;
use crate::identifier::{Identifier, login_purpose};
use crate::reason;

pub(super) const OF_ADDRESS: Collection = Collection::named("mail-address");
pub(super) const OF_PREFIX: Collection = Collection::named("mail-prefix");

const PREFIX: Domain<([u8; AddressPrefix::LEN],)> = Domain::new("keyward/v1/mail-prefix");
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
            .map(|finder| keyward_base::encoding::base64url(&asker.name(finder)));
        let window = self.0.policy.prefix_window()?;
        let windows = self.windows(&OF_PREFIX, names, window);
        match self.0.attempts.reserve(&windows, now).await? {
            Reserved::Admitted { ticket, .. } => {
                ticket.keep();
                Ok(())
            }
            Reserved::Refused { retry_at, .. } => {
                Err(Error::rejected(reason::LIMITED).retry(Retry::At(retry_at)))
            }
            _ => Err(Error::unavailable("the store of attempts gave no answer")),
        }
    }

    /// Whether one more may go to that address. What is refused is not counted.
    pub(super) async fn count_mail(&self, to: &Identifier, now: Timestamp) -> Result<bool> {
        let accounts = &self.0.accounts;
        let hashes = accounts.directory().hasher().all(accounts.realm(), to)?;
        let names = hashes.iter().map(|hash| hash.text());
        let window = self.0.policy.address_window()?;
        let windows = self.windows(&OF_ADDRESS, names, window);
        match self.0.attempts.reserve(&windows, now).await? {
            Reserved::Admitted { ticket, .. } => {
                ticket.keep();
                Ok(true)
            }
            Reserved::Refused { .. } => Ok(false),
            _ => Err(Error::unavailable("the store of attempts gave no answer")),
        }
    }

    /// Under every key, so that a rotation of the keys lets no more through.
    fn windows(
        &self,
        collection: &Collection,
        names: impl Iterator<Item = String>,
        window: Window,
    ) -> Vec<(RecordKey, Window)> {
        let key = |id| RecordKey {
            collection: collection.clone(),
            owner: self.0.accounts.realm().tenant.as_str().to_owned(),
            id,
        };
        names
            .take(StoreLimits::WINDOWS)
            .map(|name| (key(name), window))
            .collect()
    }
}
