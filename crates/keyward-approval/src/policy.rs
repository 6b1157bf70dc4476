//! What needs an approval, and whose: a policy as data.
//!
//! ```
//! use keyward_approval::Policy;
//! use keyward_crypto::Provider;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let policy = Policy::parse(&Provider::default(), r#"
//!     keyward-policy = 1
//!     version = 3
//!     otherwise = "two-admins"
//!
//!     [rule.two-admins]
//!     strictness = 20
//!     approvers = ["role:admin"]
//!     quorum = 2
//!
//!     [case.restart-in-test]
//!     kind = "server.restart"
//!     target = { starts-with = "test-" }
//!     then = "auto"
//! "#)?;
//! assert_eq!(policy.reference().version(), 3);
//! assert_eq!(policy.rule("two-admins").map(|rule| rule.quorum()), Some(2));
//! # Ok(()) }
//! ```
//!
//! Each case says for a kind of action, and for what its arguments are, what is to happen. The
//! strictest case that matches wins, in whatever order they stand; what none is about, and what asks
//! for an argument that is not there or is of another type, is never automatic.

mod case;
mod condition;
mod explain;
mod file;
mod judge;
mod lint;
mod rule;
mod span;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use keyward_base::encoding::hex;

use crate::word::{ActionKind, RuleName};

pub use explain::{Explained, ExplainedStep};
pub(crate) use file::said;
pub use lint::{Lint, Roster};
pub use rule::{Class, Escalation, Rule};

use case::Case;

/// Which policy: its version and the SHA-256 of its text, as `sha256sum` has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyRef {
    version: u64,
    digest: [u8; 32],
}

impl PolicyRef {
    /// Of that version and digest, as they were kept.
    #[must_use]
    pub const fn new(version: u64, digest: [u8; 32]) -> Self {
        Self { version, digest }
    }

    /// The number that its file says: each change of a policy has a greater one.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 of its text.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, hex(&self.digest))
    }
}

impl fmt::Debug for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyRef({self})")
    }
}

/// What a policy says of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever acts on it decides on each.
pub enum Verdict {
    /// It may run without anybody's approval.
    Auto,
    /// It runs once it is approved as this rule says.
    NeedsApproval(RuleName),
    /// It never runs.
    Forbidden,
}

impl Verdict {
    /// What a policy calls it.
    const AUTO: &str = "auto";
    const FORBIDDEN: &str = "forbidden";
}

/// As a policy writes it: `auto`, `forbidden`, or the name of the rule.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(Self::AUTO),
            Self::NeedsApproval(rule) => write!(f, "{rule}"),
            Self::Forbidden => f.write_str(Self::FORBIDDEN),
        }
    }
}

/// Kinds of action: one, or all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kinds {
    One(ActionKind),
    /// `server.*`: whatever begins with `server.`.
    Below(ActionKind),
}

impl Kinds {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix(".*") {
            Some(above) => ActionKind::new(above).ok().map(Self::Below),
            None => ActionKind::new(text).ok().map(Self::One),
        }
    }

    fn has(&self, kind: &ActionKind) -> bool {
        match self {
            Self::One(one) => one == kind,
            Self::Below(above) => kind
                .as_str()
                .strip_prefix(above.as_str())
                .is_some_and(|rest| rest.starts_with('.')),
        }
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(kind) => write!(f, "{kind}"),
            Self::Below(kind) => write!(f, "{kind}.*"),
        }
    }
}

/// A policy. It says the same of the same action for as long as it lives.
#[derive(Clone, Debug)]
pub struct Policy {
    reference: PolicyRef,
    text: Box<str>,
    rules: BTreeMap<RuleName, Rule>,
    cases: Vec<Case>,
    /// What holds where no case does: never [`Verdict::Auto`].
    otherwise: Verdict,
    auto_run_within: Duration,
    dangerous: Vec<Kinds>,
}

impl Policy {
    /// Its version and digest.
    #[must_use]
    pub const fn reference(&self) -> &PolicyRef {
        &self.reference
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rule of that name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules
            .values()
            .find(|rule| rule.name().as_str() == name)
    }

    /// What it says where no case is about an action: a rule, or forbidden.
    #[must_use]
    pub const fn otherwise(&self) -> &Verdict {
        &self.otherwise
    }

    /// All rules, in the order of their names.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// For how long what has this verdict may be decided, and then be run.
    pub(crate) fn spans(&self, verdict: &Verdict) -> (Duration, Duration) {
        match verdict {
            Verdict::Auto => (Duration::ZERO, self.auto_run_within),
            Verdict::Forbidden => (Duration::ZERO, Duration::ZERO),
            Verdict::NeedsApproval(name) => self
                .rules
                .get(name)
                .map_or((Duration::ZERO, Duration::ZERO), |rule| {
                    (rule.decide_within(), rule.run_within())
                }),
        }
    }

    /// How strict: 0 what is automatic, beyond every rule what is forbidden.
    fn rank(&self, verdict: &Verdict) -> u64 {
        match verdict {
            Verdict::Auto => 0,
            Verdict::NeedsApproval(name) => self.rules.get(name).map_or(u64::MAX, |rule| {
                u64::from(rule.strictness()).saturating_add(1)
            }),
            Verdict::Forbidden => u64::MAX,
        }
    }
}
