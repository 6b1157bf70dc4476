//! What is to happen with one kind of action, where its arguments are as the case says.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Answer, Condition};
use super::{Kinds, Verdict};
use crate::action::Step;
use crate::who::{Requester, RequesterKind};
use crate::word::ArgumentName;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) kinds: Kinds,
    /// Of whose asks it is; empty: of everybody's.
    pub(super) by: Vec<RequesterKind>,
    pub(super) target: Option<Condition>,
    pub(super) when: BTreeMap<ArgumentName, Condition>,
    /// Of one that is automatic: arguments that may be there and be anything.
    pub(super) free: BTreeSet<ArgumentName>,
    pub(super) then: Verdict,
}

/// What a case says of a step.
pub(super) struct Heard {
    /// The conditions and what is said of them; the target's has no name.
    pub(super) answers: Vec<(Option<ArgumentName>, Answer)>,
    /// Of a case that would let it run: an argument that it says nothing of.
    pub(super) unheard: Option<ArgumentName>,
}

impl Case {
    /// What it says; none if it is not about such steps at all.
    pub(super) fn hear(&self, requester: &Requester, step: &Step) -> Option<Heard> {
        let about = self.kinds.has(step.kind())
            && (self.by.is_empty() || self.by.contains(&requester.kind()));
        about.then(|| {
            let target = self.target.iter();
            let target = target.map(|asked| (None, asked.ask_text(step.target())));
            let arguments = self.when.iter().map(|(name, asked)| {
                let argument = step.arguments().get(name);
                (Some(name.clone()), asked.ask(argument))
            });
            let known =
                |name: &&ArgumentName| !self.when.contains_key(*name) && !self.free.contains(*name);
            let unheard = step.arguments().keys().find(known).cloned();
            Heard {
                answers: target.chain(arguments).collect(),
                unheard: unheard.filter(|_| self.then == Verdict::Auto),
            }
        })
    }

    /// Whether it is about each action of its kinds, whoever asks.
    pub(super) fn is_unconditional(&self) -> bool {
        self.by.is_empty() && self.target.is_none() && self.when.is_empty()
    }
}

impl Heard {
    /// Whether something is asked that cannot be answered.
    pub(super) fn is_unknown(&self) -> bool {
        self.answers.iter().any(|(_, answer)| answer.is_unknown())
    }

    /// Whether the case is what is to happen. What cannot be answered is taken as holding, unless that
    /// would let the step run.
    pub(super) fn matches(&self, then: &Verdict) -> bool {
        let fails = self
            .answers
            .iter()
            .any(|(_, answer)| *answer == Answer::Fails);
        let lets_run = *then == Verdict::Auto;
        !fails && !(lets_run && (self.is_unknown() || self.unheard.is_some()))
    }
}
