//! What a table of stored strings holds, and what it would take to wrap the weak ones.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyward_base::SystemClock;
//! use keyward_password::{Admission, Census, Passwords, Policy, Row};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let passwords = Passwords::new(Policy::default(), Admission::default(), Arc::new(SystemClock::new()))?;
//! let mut census = Census::new(&passwords);
//! census.add(&Row::new("5f4dcc3b5aa765d61d8327deb882cf99").label("hex-md5"));
//! census.add(&Row::new("$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"));
//! census.add(&Row::new("{noop}secret"));
//! let counted = census.counted();
//! assert_eq!((counted.rows, counted.weaker, counted.wrappable), (3, 1, 1));
//! assert_eq!(census.groups()[0].kind.to_string(), "hex-md5: md5");
//! # Ok(()) }
//! ```

mod method;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use keyward_base::{Error, Reason, Result, Tenant};
use keyward_crypto::sealed::Header;

use crate::context::Context;
use crate::normal::Normal;
use crate::passwords::{Passwords, Row};
use crate::scheme::Scheme;
use crate::stored::Stored;
use crate::verdict::Verdict;
use crate::wrap::Wrap;

/// Groups that are counted apart. What a table holds beyond that is counted together: whoever fills
/// it chooses what its strings ask for.
pub const APART: usize = 256;

/// Counts stored strings by what they are. Nothing is hashed, and no string is kept.
#[derive(Debug)]
pub struct Census {
    passwords: Passwords,
    groups: HashMap<Kind, Tally>,
    others: Counted,
}

/// What the strings of a group are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// They can be verified.
    Read {
        /// What they are.
        scheme: Scheme,
        /// Function and cost in words, such as `pbkdf2-sha256 rounds=1000`.
        method: String,
        /// The Argon2id around it, in the same words, of those that are wrapped.
        outer: Option<String>,
        /// The key that they are sealed with, as [`Census::add_sealed`] was told.
        key: Option<String>,
    },
    /// They are sealed, with the key that is named by 16 hexadecimal digits: what is in them cannot be
    /// told without it.
    Sealed {
        /// The id of the key.
        key: String,
    },
    /// They cannot be verified. None of them is wrapped either.
    NotRead {
        /// `Unsupported` or `Refused`.
        verdict: Verdict,
        /// Why.
        reason: Reason,
    },
}

/// Sums over strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// All of them.
    pub rows: u64,
    /// Those that can be verified and are weaker than a hash of the policy or made another way. One
    /// that is wrapped is none of them.
    pub weaker: u64,
    /// Those of them that [`Passwords::wrap`] would wrap.
    pub wrappable: u64,
    /// Those that are wrapped.
    pub wrapped: u64,
    /// Those that cannot be verified, whatever the password.
    pub not_read: u64,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// What they are.
    pub kind: Kind,
    /// How many.
    pub counted: Counted,
    /// What a guess costs, in parts of OWASP's least for that function (Password Storage Cheat Sheet,
    /// 2026): 1.0 is as much as OWASP asks for. Of those that were not read, 0. It orders groups, and
    /// is good for nothing more.
    pub of_owasps_least: f64,
}

#[derive(Debug)]
struct Tally {
    counted: Counted,
    of_owasps_least: f64,
}

impl Census {
    /// Of nothing yet, by the policy and the budget of this door.
    #[must_use]
    pub fn new(passwords: &Passwords) -> Self {
        Self {
            passwords: passwords.clone(),
            groups: HashMap::new(),
            others: Counted::default(),
        }
    }

    /// Counts a stored string. One that is sealed as this workspace does it (`kw1.…`) is counted by its
    /// key.
    pub fn add(&mut self, row: &Row<'_>) {
        if let Ok(header) = Header::peek(row.text()) {
            let key = header.key.to_bytes();
            let key = key.iter().map(|byte| format!("{byte:02x}"));
            return self.count(Kind::Sealed { key: key.collect() }, 0.0, |counted| {
                counted.rows = counted.rows.saturating_add(1);
            });
        }
        self.add_of(row, None);
    }

    /// Counts a string that lay sealed under this key and was opened.
    pub fn add_sealed(&mut self, row: &Row<'_>, key: &str) {
        // As long as no name of a key is.
        let key = key.chars().take(64).collect();
        self.add_of(row, Some(key));
    }

    fn add_of(&mut self, row: &Row<'_>, key: Option<String>) {
        let (_, text) = Normal::split(row.text());
        let none = Context::default();
        let context = row.context_or(&none);
        let policy = *self.passwords.policy();
        let stored = match Stored::read(row.label_text(), text, context, &policy) {
            Ok(stored) => stored,
            Err(not_read) => {
                let kind = Kind::NotRead {
                    verdict: not_read.verdict(),
                    reason: not_read.reason(),
                };
                return self.count(kind, 0.0, |counted| {
                    counted.rows = counted.rows.saturating_add(1);
                    counted.not_read = counted.not_read.saturating_add(1);
                });
            }
        };
        let outer = stored.outer_recipe();
        let kind = Kind::Read {
            scheme: stored.scheme(),
            method: method::words(stored.recipe()),
            outer: outer.map(method::words),
            key,
        };
        let inner_share = method::of_owasps_least(stored.recipe());
        let share = inner_share + outer.map_or(0.0, method::of_owasps_least);
        let is_wrapped = stored.is_wrapped();
        let is_weaker = !is_wrapped && policy.is_weaker(&stored);
        let is_wrappable = is_weaker && self.passwords.would_wrap(row);
        self.count(kind, share, |counted| {
            let plus = |sum: &mut u64, is: bool| *sum = sum.saturating_add(u64::from(is));
            plus(&mut counted.rows, true);
            plus(&mut counted.weaker, is_weaker);
            plus(&mut counted.wrappable, is_wrappable);
            plus(&mut counted.wrapped, is_wrapped);
        });
    }

    fn count(&mut self, kind: Kind, of_owasps_least: f64, add: impl FnOnce(&mut Counted)) {
        if !self.groups.contains_key(&kind) && self.groups.len() >= APART {
            return add(&mut self.others);
        }
        let tally = self.groups.entry(kind).or_insert(Tally {
            counted: Counted::default(),
            of_owasps_least,
        });
        add(&mut tally.counted);
    }

    /// The groups, weakest first: what cannot be verified or is sealed comes last. At most [`APART`].
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .groups
            .iter()
            .map(|(kind, tally)| Group {
                kind: kind.clone(),
                counted: tally.counted,
                of_owasps_least: tally.of_owasps_least,
            })
            .collect();
        let place = |kind: &Kind| match kind {
            Kind::Read { .. } => 0,
            Kind::Sealed { .. } => 1,
            Kind::NotRead { .. } => 2,
        };
        groups.sort_by(|a, b| {
            place(&a.kind)
                .cmp(&place(&b.kind))
                .then(a.of_owasps_least.total_cmp(&b.of_owasps_least))
                .then(b.counted.rows.cmp(&a.counted.rows))
                .then_with(|| a.kind.to_string().cmp(&b.kind.to_string()))
        });
        groups
    }

    /// What came when there were already [`APART`] groups.
    #[must_use]
    pub const fn others(&self) -> Counted {
        self.others
    }

    /// All together.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let groups = self.groups.values().map(|tally| &tally.counted);
        groups.fold(self.others, |sum, more| Counted {
            rows: sum.rows.saturating_add(more.rows),
            weaker: sum.weaker.saturating_add(more.weaker),
            wrappable: sum.wrappable.saturating_add(more.wrappable),
            wrapped: sum.wrapped.saturating_add(more.wrapped),
            not_read: sum.not_read.saturating_add(more.not_read),
        })
    }

    /// How long it takes to wrap all that would be, at so much for each ([`time_of_a_wrap`]).
    #[must_use]
    pub fn time_to_wrap(&self, of_each: Duration) -> Duration {
        let each = of_each.as_nanos();
        let all = each.saturating_mul(u128::from(self.counted().wrappable));
        Duration::from_nanos(u64::try_from(all).unwrap_or(u64::MAX))
    }
}

/// Rows that are wrapped to measure, for each worker.
const TIMES: u32 = 4;

/// What wrapping one row takes where all workers of this door wrap at once: measured, by the time that
/// passes between two looks at `stopwatch`. It blocks for some hashes of the policy.
///
/// # Errors
/// As [`Passwords::wrap`]; `Unavailable` if the stopwatch stands.
pub fn time_of_a_wrap(
    passwords: &Passwords,
    mut stopwatch: impl FnMut() -> Duration,
) -> Result<Duration> {
    let tenant = Tenant::new("census")?;
    // An MD5 of something: what is inside takes no time.
    let row = Row::new("5f4dcc3b5aa765d61d8327deb882cf99").label("hex-md5");
    let workers = u32::try_from(passwords.workers()).unwrap_or(1).max(1);
    let run = |times: u32| -> Result<()> {
        let all = times.saturating_mul(workers).min(128);
        let answers: Vec<_> = (0..all).map(|_| passwords.wrap(&tenant, &row)).collect();
        for answer in answers {
            if let Wrap::Left(_) = answer.wait()? {
                return Err(Error::unavailable("a row to measure with was not wrapped"));
            }
        }
        Ok(())
    };
    // The first ones are given their memory.
    run(1)?;
    let start = stopwatch();
    run(TIMES)?;
    let took = stopwatch().saturating_sub(start);
    let all = TIMES.saturating_mul(workers).min(128);
    match took.checked_div(all) {
        Some(each) if !each.is_zero() => Ok(each),
        _ => Err(Error::unavailable("the stopwatch stands")),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read {
                scheme,
                method,
                outer,
                key,
            } => {
                write!(f, "{}: {method}", scheme.label())?;
                if let Some(outer) = outer {
                    write!(f, ", wrapped in {outer}")?;
                }
                if let Some(key) = key {
                    write!(f, ", sealed with {key}")?;
                }
                Ok(())
            }
            Self::Sealed { key } => write!(f, "sealed with {key}"),
            Self::NotRead { verdict, reason } => {
                write!(f, "{}: {}", verdict.as_str(), reason.as_str())
            }
        }
    }
}
