//! How long API keys live, with the reason for each number.

use std::time::Duration;

use keyward_base::{Error, Result};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long both keys work after a rotation unless told: a day, in which whatever holds the old one is
/// given the new.
pub const OVERLAP: Duration = DAY;

/// The longest that both may: 30 days, the length of a careful roll-out. What is not exchanged by then
/// is not being exchanged.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How exactly the last use of a key is kept: to the hour, so that a key in steady use costs a write
/// an hour.
pub const USED_STEP: Duration = HOUR;

/// The longest that any key with an end lives: ten years.
const LONGEST: Duration = Duration::from_secs(3_653 * 24 * 60 * 60);

/// The most notices of an expiry.
const MOST_NOTICES: usize = 8;

/// How long API keys live, and how many a tenant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    pub(crate) life: Duration,
    pub(crate) longest: Duration,
    pub(crate) is_endless: bool,
    /// From the longest on.
    pub(crate) notices: Vec<Duration>,
    pub(crate) most: u64,
}

impl Default for KeyPolicy {
    /// - a key lives 90 days unless it is asked otherwise, and 366 at most: what GitHub sets for the
    ///   fine-grained tokens of an organisation by default (its changelog, 18 October 2024);
    /// - its owner is told 30, 7 and 1 day before;
    /// - a tenant has 1,000 at most: a list that a person can still read, and no way to fill a store.
    fn default() -> Self {
        Self {
            life: DAY.saturating_mul(90),
            longest: DAY.saturating_mul(366),
            is_endless: false,
            notices: [30, 7, 1].map(|days| DAY.saturating_mul(days)).to_vec(),
            most: 1_000,
        }
    }
}

impl KeyPolicy {
    /// How long a key lives that does not say, and at most. The ring's keys live as long; a longest
    /// that was installed before stays.
    ///
    /// # Errors
    /// `Misuse` for less than a minute, a first that is longer than the second, or more than ten
    /// years.
    pub fn life(mut self, life: Duration, longest: Duration) -> Result<Self> {
        if life < MINUTE || life > longest || longest > LONGEST {
            return Err(Error::misuse(
                "an API key lives a minute at least, as it is asked no longer than at most, and ten years at most: what has no end says so (`endless`)",
            ));
        }
        (self.life, self.longest) = (life, longest);
        Ok(self)
    }

    /// The widest there is whose keys live at most so long; none: without an end too.
    pub(crate) fn within(longest: Option<Duration>) -> Self {
        let own = Self::default();
        Self {
            life: longest.map_or(own.life, |longest| longest.min(own.life)),
            longest: longest.unwrap_or(LONGEST).min(LONGEST),
            is_endless: longest.is_none(),
            ..own
        }
    }

    /// A key may be asked to have no end ([`NewKey::endless`](super::NewKey::endless)): then nothing
    /// but a person ends one that was lost, and the ring's key that it needs stays until it is issued
    /// anew ([`ApiKeys::reissue_report`](super::ApiKeys::reissue_report)). Once installed so, for
    /// good.
    #[must_use]
    pub const fn allow_endless(mut self) -> Self {
        self.is_endless = true;
        self
    }

    /// How long before its expiry the owner of a key is told, each time once.
    ///
    /// # Errors
    /// `Misuse` for more than eight, or one of less than an hour: notices are looked for now and then.
    pub fn notices(mut self, ahead: impl IntoIterator<Item = Duration>) -> Result<Self> {
        let mut all: Vec<Duration> = ahead.into_iter().take(MOST_NOTICES + 1).collect();
        if all.len() > MOST_NOTICES || all.iter().any(|each| *each < HOUR) {
            return Err(Error::misuse(
                "an expiry is told at most eight times, each an hour ahead or more",
            ));
        }
        all.sort_by_key(|each| std::cmp::Reverse(*each));
        all.dedup();
        self.notices = all;
        Ok(self)
    }

    /// How many keys a tenant has at most; of those that a rotation makes twice as many.
    ///
    /// # Errors
    /// `Misuse` for none, or more than 100,000.
    pub fn most(mut self, keys: u64) -> Result<Self> {
        if !(1..=100_000).contains(&keys) {
            return Err(Error::misuse("a tenant has 1 to 100,000 API keys at most"));
        }
        self.most = keys;
        Ok(self)
    }

    /// The longest that a key lives; none if it may have no end.
    #[must_use]
    pub const fn longest(&self) -> Option<Duration> {
        if self.is_endless {
            return None;
        }
        Some(self.longest)
    }
}
