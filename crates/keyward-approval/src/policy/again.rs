//! The policy asked again, as an action is about to run.

use super::{Policy, Rule, Verdict};
use crate::action::Action;

/// Under what an action may run so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Somebody approved it, or nobody had to.
pub enum Under<'a> {
    /// It was automatic.
    Auto,
    /// It was approved as this rule said then.
    Rule(&'a Rule),
}

/// What a policy says of an action that may run so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It runs, or it does not.
pub enum Again {
    /// It asks for nothing that was not asked for then.
    Stands,
    /// It is stricter now: what was said then is no longer enough, and this is what it says now.
    Superseded(Verdict),
}

impl Policy {
    /// Whether what `action` may run under so far is still enough. What asks for something else is
    /// taken as stricter: fewer approvers, less time, another break-glass role.
    #[must_use]
    pub fn again(&self, action: &Action, under: Under<'_>) -> Again {
        let now = self.verdict(action);
        let stands = match (&now, under) {
            (Verdict::Auto, _) => true,
            (Verdict::Forbidden, _) | (Verdict::NeedsApproval(_), Under::Auto) => false,
            (Verdict::NeedsApproval(name), Under::Rule(then)) => self
                .rules
                .get(name)
                .is_some_and(|rule| !rule.asks_more_than(then)),
        };
        if stands {
            return Again::Stands;
        }
        Again::Superseded(now)
    }
}
