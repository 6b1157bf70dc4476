//! What a policy says of an action.

use super::{Policy, Verdict};
use crate::action::{Action, Step};
use crate::who::Requester;

impl Policy {
    /// What it says of an action, whichever policy that was asked under.
    #[must_use]
    pub fn verdict(&self, action: &Action) -> Verdict {
        self.judge(action.requester(), action.steps())
    }

    /// The strictest of what it says of each step: one decision is about all of them.
    pub(crate) fn judge(&self, requester: &Requester, steps: &[Step]) -> Verdict {
        let verdicts = steps.iter().map(|step| self.judge_step(requester, step));
        self.strictest(verdicts)
            .unwrap_or_else(|| self.otherwise.clone())
    }

    pub(super) fn judge_step(&self, requester: &Requester, step: &Step) -> Verdict {
        let mut is_unknown = false;
        let matching = self.cases.iter().filter_map(|case| {
            let heard = case.hear(requester, step)?;
            is_unknown |= heard.is_unknown();
            heard.matches(&case.then).then(|| case.then.clone())
        });
        // All are asked before anything is said.
        let matching: Vec<_> = matching.collect();
        let floor = is_unknown.then(|| self.otherwise.clone());
        self.strictest(matching.into_iter().chain(floor))
            .unwrap_or_else(|| self.otherwise.clone())
    }

    fn strictest(&self, verdicts: impl Iterator<Item = Verdict>) -> Option<Verdict> {
        verdicts.max_by_key(|verdict| self.rank(verdict))
    }
}
