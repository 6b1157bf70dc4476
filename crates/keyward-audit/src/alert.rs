//! Rules for alerts, as data, and what they count: so many entries of a kind within a window.
//!
//! Windows are aligned: one of 60 seconds begins at each full minute of the entries' own time. So
//! what a rule counts is the same whoever counts it, in whatever order, and once more after a
//! restart. A burst that lies across the end of a window is seen if one of its sides has enough: a
//! rule that must see any 20 in a minute counts 10.

mod follow;
#[cfg(feature = "metrics")]
mod metered;
mod tell;
#[cfg(feature = "tracing")]
mod traced;

use std::collections::BTreeMap;

use keyward_base::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

pub use follow::{Follower, Looked, Position};
#[cfg(feature = "metrics")]
pub use metered::{ANOMALIES, Metered};
pub use tell::{Alerts, AnomalySink, LOOK_BACK, MAX_TRIES, MAX_WAITING, Teller};
#[cfg(feature = "tracing")]
pub use traced::Traced;

use crate::audit::{Of, SUM};
use crate::entry::{Entry, Typed};
use crate::object::Object;

/// The most bytes of a file of rules.
pub const MAX_LEN: usize = 64 * 1024;

/// The most rules.
pub const MAX_RULES: usize = 32;

/// The most entries that a rule waits for.
pub const MAX_COUNT: u64 = 1_000_000;

/// The longest window: a day.
pub const MAX_SECONDS: u64 = 86_400;

/// The most windows that are counted in for one rule. Beyond, the oldest goes.
pub const MAX_WINDOWS: usize = 4096;

/// By how many milliseconds the clock of an earlier entry may have been ahead for a window to go by
/// it: a minute. Clocks that are set over a network differ by less than a second, and one that is
/// further ahead says nothing of when the entries after it were made.
const AHEAD: u64 = 60 * 1000;

/// For how many milliseconds after its end a window may still be counted in, since the logs are read
/// one after the other: a minute.
const LATE: u64 = 60 * 1000;

/// The most bytes of an id that are compared.
const MAX_KEY: usize = 512;

/// What is counted of an event whose id is not known.
const UNKNOWN: &str = "(not known)";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// What others sent and could not prove: `webhook.refuse` and its counts, and any
    /// action whose last word is `verify` and that was rejected.
    FailedVerification,
    /// Somebody who is locked out: an action whose last word is `lock-out`.
    LockOut,
    /// A token that was used again after it was replaced: an action whose last word is
    /// `refresh-reuse`.
    RefreshReuse,
    /// A value that was opened: `vault.open`, `vault.open-detached` or `column.open`, granted.
    Opened,
    /// What one of the service's own people did; an intent and its outcome are one.
    Staff,
}

/// Of what a rule counts each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Per {
    /// Who acts.
    Actor,
    /// All together.
    All,
    /// Where it came in: the tenant, and the record or place of the event. What webhooks refused of
    /// several requests within a second is one sum, and of no endpoint.
    Endpoint,
    /// Whose log it is in.
    Tenant,
}

/// A rule: so many entries of a kind within a window, of one actor, endpoint or tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)]
pub struct AlertRule {
    /// What is counted.
    pub kind: Kind,
    /// At how many it is told: 1 to [`MAX_COUNT`].
    pub count: u64,
    /// Within how many seconds: 1 to [`MAX_SECONDS`].
    pub seconds: u64,
    /// Of what each by itself.
    pub per: Per,
}

/// As a file has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "keyward-alert-rules")]
    version: u8,
    rules: Vec<Object<AlertRule>>,
}

impl AlertRule {
    /// Reads rules as JSON: `{"keyward-alert-rules":1,"rules":[{"kind":"opened","count":20,
    /// "seconds":60,"per":"actor"}]}`.
    ///
    /// # Errors
    /// `Misuse` for anything else, more than [`MAX_LEN`] bytes or [`MAX_RULES`], and numbers out of
    /// range.
    pub fn parse(file: &[u8]) -> Result<Vec<Self>> {
        if file.len() > MAX_LEN {
            return Err(Error::misuse("a file of alert rules has at most 64 KiB"));
        }
        let Object(file): Object<File> = serde_json::from_slice(file).map_err(|e| {
            Error::misuse(format!(
                "that is no file of alert rules, from line {} on: docs/audit.md has one",
                e.line()
            ))
        })?;
        if file.version != 1 {
            return Err(Error::misuse("these alert rules are not of version 1"));
        }
        let rules: Vec<Self> = file.rules.into_iter().map(|Object(rule)| rule).collect();
        Self::check(&rules)?;
        Ok(rules)
    }

    /// What a service may begin with: 100 failed verifications within a minute, 100
    /// credentials that one actor opened within a minute, a lock-out, and a token that was used
    /// again. The numbers are a beginning, for a service of some requests a second: none of them has
    /// a source but that.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let rule = |kind, count, per| Self {
            kind,
            count,
            seconds: 60,
            per,
        };
        vec![
            rule(Kind::FailedVerification, 100, Per::All),
            rule(Kind::Opened, 100, Per::Actor),
            rule(Kind::LockOut, 1, Per::Actor),
            rule(Kind::RefreshReuse, 1, Per::Actor),
        ]
    }

    /// Checks rules.
    ///
    /// # Errors
    /// `Misuse` for none or more than [`MAX_RULES`], and numbers out of range.
    pub fn check(rules: &[Self]) -> Result<()> {
        if rules.is_empty() || rules.len() > MAX_RULES {
            return Err(Error::misuse("there are 1 to 32 alert rules"));
        }
        let count = |rule: &Self| (1..=MAX_COUNT).contains(&rule.count);
        let seconds = |rule: &Self| (1..=MAX_SECONDS).contains(&rule.seconds);
        if !rules.iter().all(|rule| count(rule) && seconds(rule)) {
            return Err(Error::misuse(
                "an alert rule counts 1 to 1000000 entries within 1 to 86400 seconds",
            ));
        }
        Ok(())
    }

    /// When the window begins that a time lies in: milliseconds.
    const fn window(&self, at: u64) -> u64 {
        let span = self.span();
        match at.checked_rem(span) {
            Some(within) => at.saturating_sub(within),
            None => at,
        }
    }

    const fn span(&self) -> u64 {
        self.seconds.saturating_mul(1000)
    }
}

/// That a rule counted as many as it waits for. It holds ids and numbers, and no secret. Rule, key
/// and window are of one anomaly only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Anomaly {
    /// The rule.
    #[serde(flatten)]
    pub rule: AlertRule,
    /// Of which actor, endpoint (`tenant/id`) or tenant; `*` for all together.
    pub key: String,
    /// When the window began: milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// The number of the entry at which it was reached.
    pub seq: u64,
    /// The tenant in whose log that is; none of the service's.
    pub tenant: Option<String>,
}

impl Anomaly {
    /// What it is known by, whoever tells it and however often: rule, window and key, such as
    /// `opened/20/60/actor/1764158400000/u-17`.
    #[must_use]
    pub fn id(&self) -> String {
        let AlertRule {
            kind,
            count,
            seconds,
            per,
        } = self.rule;
        format!(
            "{}/{count}/{seconds}/{}/{}/{}",
            kind.word(),
            per.word(),
            self.since,
            self.key
        )
    }

    /// When its window ended: milliseconds since 1970-01-01 UTC.
    const fn until(&self) -> u64 {
        self.since.saturating_add(self.rule.span())
    }
}

/// Counts.
#[derive(Debug)]
pub struct Watch {
    rules: Vec<Counted>,
    dropped: u64,
}

#[derive(Debug)]
struct Counted {
    rule: AlertRule,
    /// By the beginning of the window and the key: how many.
    windows: BTreeMap<(u64, String), u64>,
}

impl Watch {
    /// One that has counted nothing.
    ///
    /// # Errors
    /// As [`AlertRule::check`].
    pub fn new(rules: &[AlertRule]) -> Result<Self> {
        AlertRule::check(rules)?;
        let rules = rules.iter().map(|rule| Counted {
            rule: *rule,
            windows: BTreeMap::new(),
        });
        Ok(Self {
            rules: rules.collect(),
            dropped: 0,
        })
    }

    /// How many windows were given up that were not over for a minute, since more than [`MAX_WINDOWS`]
    /// were counted in at once. What was counted in them is not told, or once more.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When the earliest of the windows begins that `at` lies in: entries before it count no more.
    #[must_use]
    pub fn since(&self, at: Timestamp) -> Timestamp {
        let began = self.rules.iter().map(|of| of.rule.window(at.as_millis()));
        began.min().map_or(at, Timestamp::from_millis)
    }

    /// Counts an entry, and gives what that reaches. In whatever order of logs and entries.
    pub fn see(&mut self, of: &Of, seq: u64, entry: &Entry) -> Vec<Anomaly> {
        let at = time(entry);
        let mut reached = Vec::new();
        for Counted { rule, windows } in &mut self.rules {
            let weight = rule.kind.weight(entry);
            if weight == 0 {
                continue;
            }
            let key = rule.per.key(of, entry);
            let since = rule.window(at);
            let held = windows.entry((since, key.clone())).or_default();
            let before = *held;
            *held = before.saturating_add(weight);
            if before < rule.count && *held >= rule.count {
                reached.push(Anomaly {
                    rule: *rule,
                    key,
                    since,
                    seq,
                    tenant: tenant(of),
                });
            }
            while windows.len() > MAX_WINDOWS {
                let first = windows.pop_first();
                // One that is over is missed by nobody.
                let since = first.map_or(0, |((since, _), _)| since);
                if since.saturating_add(rule.span()).saturating_add(LATE) > at {
                    self.dropped = self.dropped.saturating_add(1);
                }
            }
        }
        reached
    }
}

/// When it was, by the latest that its log knew then; by its own clock alone where that of an earlier
/// entry was far ahead.
fn time(entry: &Entry) -> u64 {
    let behind = entry.behind.map_or(0, |behind| behind.0);
    let behind = if behind > AHEAD { 0 } else { behind };
    entry.at.0.saturating_add(behind)
}

fn tenant(of: &Of) -> Option<String> {
    match of {
        Of::Tenant(tenant) => Some(tenant.as_str().to_owned()),
        _ => None,
    }
}

impl Kind {
    /// As a file has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::FailedVerification => "failed-verification",
            Self::LockOut => "lock-out",
            Self::RefreshReuse => "refresh-reuse",
            Self::Opened => "opened",
            Self::Staff => "staff",
        }
    }

    /// How many of it an entry tells of.
    fn weight(self, entry: &Entry) -> u64 {
        if entry.action == SUM {
            // What was left out one by one: nobody's in particular.
            let left_out = entry
                .detail
                .iter()
                .filter_map(|(action, value)| match value {
                    Typed::Number(number) if self.is_rejected(action) => Some(number.0),
                    _ => None,
                });
            return left_out.fold(0, u64::saturating_add);
        }
        match self {
            Self::FailedVerification if entry.action == "webhook.refuse" => {
                let counts = entry.detail.iter().filter_map(|(_, value)| match value {
                    Typed::Number(number) => Some(number.0),
                    _ => None,
                });
                counts.fold(0, u64::saturating_add).max(1)
            }
            Self::FailedVerification => {
                let rejected = entry.error.as_deref() == Some("rejected");
                u64::from(rejected && self.is_rejected(&entry.action))
            }
            Self::LockOut => u64::from(last_word(&entry.action) == "lock-out"),
            Self::RefreshReuse => u64::from(last_word(&entry.action) == "refresh-reuse"),
            Self::Opened => {
                let opens = OPENS.contains(&entry.action.as_str());
                u64::from(opens && entry.outcome == "granted")
            }
            Self::Staff => {
                let staff = entry.actor.as_ref().is_some_and(|who| who.staff);
                u64::from(staff && entry.outcome != "intended")
            }
        }
    }

    /// Whether it counts what failed under that action.
    fn is_rejected(self, action: &str) -> bool {
        let verifies = action == "webhook.refuse" || last_word(action) == "verify";
        match self {
            Self::FailedVerification => verifies,
            Self::LockOut => last_word(action) == "lock-out",
            Self::RefreshReuse => last_word(action) == "refresh-reuse",
            Self::Opened | Self::Staff => false,
        }
    }
}

/// By which a value is had in the clear.
const OPENS: [&str; 3] = ["column.open", "vault.open", "vault.open-detached"];

fn last_word(action: &str) -> &str {
    action.rsplit('.').next().unwrap_or(action)
}

impl Per {
    /// As a file has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::All => "all",
            Self::Endpoint => "endpoint",
            Self::Tenant => "tenant",
        }
    }

    /// What an entry is counted under.
    fn key(self, of: &Of, entry: &Entry) -> String {
        let own = entry.tenant.as_deref().or_else(|| match of {
            Of::Tenant(tenant) => Some(tenant.as_str()),
            _ => None,
        });
        let mut key = match self {
            Self::All => "*".to_owned(),
            Self::Actor => {
                let who = entry.actor.as_ref().map(|who| who.subject.as_str());
                who.unwrap_or(UNKNOWN).to_owned()
            }
            Self::Endpoint => {
                let at = entry.record.as_deref().or(entry.place.as_deref());
                format!("{}/{}", own.unwrap_or_default(), at.unwrap_or(UNKNOWN))
            }
            Self::Tenant => own.unwrap_or(UNKNOWN).to_owned(),
        };
        let mut len = key.len().min(MAX_KEY);
        while !key.is_char_boundary(len) {
            len = len.saturating_sub(1);
        }
        key.truncate(len);
        key
    }
}
