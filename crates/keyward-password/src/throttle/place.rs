//! Where tries are counted: a window for each thing that is counted, and where it is counted when the
//! table has no room for it.

use keyward_base::encoding::base64url;
use keyward_base::{Domain, Result, Tenant};
use keyward_keys::Finder;
use keyward_store::limit::Tally;
use keyward_store::{Collection, Level, RecordKey, Window};

use super::Who;
use super::limits::{Limits, month, quarter};

/// What is counted by itself.
pub(super) const FINE: Collection = Collection::named("login-attempt");
/// What is counted together where there is no room. Its rows are there from the beginning.
pub(super) const SHARED: Collection = Collection::named("login-attempt-shared");

/// Tries in a shared row: as many as a window can count (`StoreLimits::ATTEMPTS`), and of an account
/// those of ten.
const OF_SHARED: u32 = 1024;
const OF_SHARED_ACCOUNT: u32 = 300;

/// What is counted, the door, the tenant of the realm, the identifier, and from where.
type Fields<'a> = (&'a str, &'a str, &'a Tenant, &'a [u8], &'a [u8]);

const TRY: Domain<Fields<'_>> = Domain::new("keyward/v1/login-attempt");

/// Each thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// An account from all unknown devices, in 30 days.
    Month,
    /// An account from one prefix.
    Pair,
    /// An account from all unknown devices.
    Account,
    /// A prefix at all accounts.
    Prefix,
    /// A known device at its account, in 30 days.
    DeviceMonth,
    /// A known device at its account.
    Device,
}

impl Sort {
    pub(super) const ALL: [Self; 6] = [
        Self::Month,
        Self::Pair,
        Self::Account,
        Self::Prefix,
        Self::DeviceMonth,
        Self::Device,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Pair => "pair",
            Self::Account => "account",
            Self::Prefix => "prefix",
            Self::DeviceMonth => "device-month",
            Self::Device => "device",
        }
    }

    /// Whether waiting is of no use for a person.
    pub(super) const fn is_long(self) -> bool {
        matches!(self, Self::Month | Self::DeviceMonth)
    }

    pub(super) fn shared_window(self) -> Result<Window> {
        match self {
            Self::Month | Self::DeviceMonth => month(OF_SHARED),
            Self::Account => quarter(OF_SHARED_ACCOUNT),
            Self::Pair | Self::Prefix | Self::Device => quarter(OF_SHARED),
        }
    }

    pub(super) fn shared(self, share: u8) -> RecordKey {
        RecordKey {
            collection: SHARED,
            owner: String::new(),
            id: format!("{}/{share}", self.word()),
        }
    }
}

/// One window, and where it is counted: as fine as there is room.
pub(super) struct Place {
    pub(super) sort: Sort,
    pub(super) level: Level,
}

/// What is counted of a try of `who`, under each of these keys.
pub(super) fn places(limits: &Limits, finders: &[Finder], who: &Who<'_>) -> Result<Vec<Place>> {
    let mut all = Vec::new();
    for finder in finders {
        let counted = Counted {
            limits,
            finder,
            who,
        };
        match who.device {
            Some(device) => {
                all.push(counted.device(Sort::DeviceMonth, device)?);
                all.push(counted.device(Sort::Device, device)?);
            }
            None => {
                all.push(counted.account(Sort::Month)?);
                all.push(counted.prefixed(Sort::Pair)?);
                all.push(counted.account(Sort::Account)?);
                all.push(counted.prefixed(Sort::Prefix)?);
            }
        }
    }
    // The long ones first: who is told to wait is told of the longest wait.
    all.sort_by_key(|place| !place.sort.is_long());
    Ok(all)
}

/// By which a try of `who` is told in events: the first 8 bytes of a name of its account.
pub(super) fn fingerprint(finder: &Finder, who: &Who<'_>) -> u64 {
    let name = name(finder, who, "fingerprint", who.identifier, &[]);
    name.first_chunk::<8>()
        .map_or(0, |front| u64::from_be_bytes(*front))
}

fn name(finder: &Finder, who: &Who<'_>, word: &str, identifier: &[u8], from: &[u8]) -> [u8; 32] {
    let realm = who.realm;
    let fields = (word, realm.door.as_str(), &realm.tenant, identifier, from);
    finder.name(TRY, &fields)
}

struct Counted<'a> {
    limits: &'a Limits,
    finder: &'a Finder,
    who: &'a Who<'a>,
}

impl Counted<'_> {
    fn name(&self, sort: Sort, identifier: &[u8], from: &[u8]) -> [u8; 32] {
        name(self.finder, self.who, sort.word(), identifier, from)
    }

    fn account(&self, sort: Sort) -> Result<Place> {
        let window = match sort {
            Sort::Month => month(self.limits.of_month)?,
            _ => quarter(self.limits.from_all)?,
        };
        let name = self.name(sort, self.who.identifier, &[]);
        self.place(sort, (name, window), name)
    }

    fn device(&self, sort: Sort, device: &[u8; 16]) -> Result<Place> {
        let window = match sort {
            Sort::DeviceMonth => month(self.limits.of_month)?,
            _ => quarter(self.limits.from_one)?,
        };
        let name = self.name(sort, self.who.identifier, device);
        self.place(sort, (name, window), name)
    }

    fn prefixed(&self, sort: Sort) -> Result<Place> {
        let most = match sort {
            Sort::Pair => self.limits.from_one,
            _ => self.limits.of_prefix,
        };
        let identifier = match sort {
            Sort::Pair => self.who.identifier,
            _ => &[],
        };
        let most = quarter(most)?;
        let name = self.name(sort, identifier, &self.who.prefix.to_bytes());
        // Neighbours share: one network takes no room from all others.
        let network = self.who.prefix.coarser(16, 32).to_bytes();
        self.place(sort, (name, most), self.name(sort, &[], &network))
    }

    /// `shares` says with whom it is counted where there is no room.
    fn place(
        &self,
        sort: Sort,
        (name, window): ([u8; 32], Window),
        shares: [u8; 32],
    ) -> Result<Place> {
        let fine = RecordKey {
            collection: FINE,
            owner: String::new(),
            id: base64url(&name),
        };
        let share = Tally::share(&shares);
        let level = Level {
            fine: (fine, window),
            shared: (sort.shared(share), sort.shared_window()?),
        };
        Ok(Place { sort, level })
    }
}
