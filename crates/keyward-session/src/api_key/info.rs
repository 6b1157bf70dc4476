//! API keys as their owner is shown them: nothing here is secret.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_base::{AddressPrefix, KeyId, Subject, Tenant, Timestamp};

use crate::api_key::id::ApiKeyId;
use crate::api_key::range::Ranges;
use crate::api_key::row::Row;
use crate::api_key::scope::Scopes;
use crate::api_key::text::ApiKey;

/// Whether a key lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Its time is over, or its overlap with its successor.
    Expired,
    /// All of its tenant were ended, or all there were.
    Ended,
    /// It does.
    Live,
}

impl KeyState {
    /// A stable word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Live => "live",
        }
    }
}

/// A key, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its public name.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant: Tenant,
    /// How its owner calls it. For display only.
    pub name: String,
    /// Who made it.
    pub maker: Subject,
    /// Whether it was made from the command line or the like, and not by a person in a session.
    pub by_operator: bool,
    /// What it may do.
    pub scopes: Scopes,
    /// Where it may be used from.
    pub ranges: Ranges,
    /// Whether it lets anybody in.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires; none: never.
    pub expires: Option<Timestamp>,
    /// Of a key that was rotated: when it ends by that.
    pub overlap_ends: Option<Timestamp>,
    /// Of a key that was rotated: the one that follows it.
    pub successor: Option<ApiKeyId>,
    /// The key that it followed.
    pub predecessor: Option<ApiKeyId>,
    /// The hour in which it was last used, as far as that is written down; none: never.
    pub last_used: Option<Timestamp>,
    /// From where, to 24 bits of an IPv4 address and 48 of an IPv6 one; none if it was not known.
    pub last_from: Option<AddressPrefix>,
    /// The key of the ring that it needs for as long as it lives.
    pub mac_key: KeyId,
}

impl KeyInfo {
    pub(crate) fn of(row: Row, state: KeyState) -> Self {
        Self {
            id: row.id,
            state,
            created: row.created,
            expires: row.expires,
            overlap_ends: row.overlap.as_ref().map(|overlap| overlap.ends),
            successor: row.overlap.as_ref().map(|overlap| overlap.successor),
            predecessor: row.predecessor,
            last_used: row.used.map(|used| used.at),
            last_from: row.used.and_then(|used| used.from),
            mac_key: row.token_key,
            by_operator: row.by_operator,
            tenant: row.tenant,
            name: row.name,
            maker: row.maker,
            scopes: row.scopes,
            ranges: row.ranges,
        }
    }
}

/// A key that was just made.
#[derive(Debug)]
#[must_use = "nobody has the key until its text is shown"]
pub struct IssuedKey {
    pub(crate) key: ApiKey,
    pub(crate) info: KeyInfo,
}

impl IssuedKey {
    /// What is shown to its owner, once.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// What is known of it later.
    #[must_use]
    pub const fn info(&self) -> &KeyInfo {
        &self.info
    }
}

/// Some of a tenant's keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyPage {
    /// At most 100. A page may be empty, and not the last.
    pub keys: Vec<KeyInfo>,
    /// How many rows in it are not what was written.
    pub damaged: u64,
    /// How many rows cannot be judged now: the ring's key that vouches for them is disabled, or a newer
    /// release wrote them. They let nobody in until that is mended, and can be revoked.
    pub unavailable: u64,
    /// Where to go on; none: this is the end.
    pub next: Option<ApiKeyId>,
}

/// That a key expires soon: to be told to its owner, once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notice {
    /// The key.
    pub key: KeyInfo,
    /// Which of the policy's notices it is: so long before the expiry, or less.
    pub ahead: Duration,
}

/// The notices of some of the keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "each notice is given once"]
pub struct DuePage {
    /// The notices.
    pub notices: Vec<Notice>,
    /// How many rows cannot be judged now, and were passed over: see [`KeyPage::unavailable`]; and those
    /// that a clock far ahead of this one wrote.
    pub unavailable: u64,
    /// Where to go on; none: all keys were looked at.
    pub next: Option<ApiKeyId>,
}

/// Which keys of the ring live on in API keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReissueReport {
    /// Each of them: the active one first, then by id.
    pub of: Vec<Reissue>,
    /// How many rows cannot be read now, and are counted nowhere: see [`KeyPage::unavailable`]. The
    /// keys that they need are not let go either.
    pub unavailable: u64,
}

/// The API keys that need a key of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reissue {
    /// The ring's key that their texts were made with.
    pub mac_key: KeyId,
    /// Whether new ones are made with it. One that is not goes once the last of these was issued anew
    /// or has ended.
    pub is_active: bool,
    /// How many API keys.
    pub keys: u64,
    /// When the last of them ends by itself; none: some have no end.
    pub until: Option<Timestamp>,
    /// How many each tenant has, of the first 1,000 tenants that were met.
    pub tenants: BTreeMap<Tenant, u64>,
}

/// What was kept up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upkeep {
    /// Last uses that were written down.
    pub used: u64,
    /// Rows that were made anew under the ring's key of now.
    pub renewed: u64,
    /// Rows that were removed, since their time was over.
    pub purged: u64,
    /// Rows and epochs that were to be made anew and cannot be judged now: see
    /// [`KeyPage::unavailable`]. They keep the ring's key of before.
    pub unavailable: u64,
}
