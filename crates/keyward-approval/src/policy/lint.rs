//! What a policy says that nobody can have meant.

use std::collections::BTreeSet;
use std::fmt;

use keyward_base::{Role, Subject};

use super::case::Case;
use super::condition::Condition;
use super::{Kinds, Policy, Rule, Verdict};
use crate::action::{Catalogue, Type};
use crate::who::Whom;

/// Who has which role, as far as it is known where a policy is looked at.
pub trait Roster {
    /// Everybody of the tenant who has this role; none if that is not known.
    fn holders(&self, role: &Role) -> Option<BTreeSet<Subject>>;
}

/// Nothing is known of roles.
impl Roster for () {
    fn holders(&self, _role: &Role) -> Option<BTreeSet<Subject>> {
        None
    }
}

/// What is odd about a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lint {
    /// A case lets each action of a dangerous kind run, whatever its arguments are.
    AutoWithoutCondition {
        /// The case.
        case: String,
    },
    /// A case asks for an argument that no kind of the service has, or has as another type: it can
    /// never be answered.
    NoSuchArgument {
        /// The case.
        case: String,
        /// The argument.
        argument: String,
    },
    /// A case is about kinds of which the service has none.
    NoSuchKind {
        /// The case.
        case: String,
    },
    /// Another case says something as strict of every action that this one is about: taking it away
    /// changes nothing.
    Unreachable {
        /// The case.
        case: String,
        /// The other one.
        by: String,
    },
    /// There are fewer approvers than must approve, so that nothing is ever approved.
    QuorumAboveApprovers {
        /// The rule.
        rule: String,
        /// How many must.
        quorum: u8,
        /// How many there are.
        approvers: usize,
    },
    /// There are just as many approvers as must approve: none of them may be who asks.
    QuorumNeedsAll {
        /// The rule.
        rule: String,
    },
    /// No case, no escalation and not `otherwise` leads to the rule.
    UnusedRule {
        /// The rule.
        rule: String,
    },
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutoWithoutCondition { case } => write!(
                f,
                "case {case}: a dangerous kind is automatic without any condition"
            ),
            Self::NoSuchArgument { case, argument } => write!(
                f,
                "case {case}: no kind that it is about has an argument {argument} of that type"
            ),
            Self::NoSuchKind { case } => {
                write!(f, "case {case}: the service has no such kind of action")
            }
            Self::Unreachable { case, by } => write!(
                f,
                "case {case}: case {by} is as strict about each action that it is about"
            ),
            Self::QuorumAboveApprovers {
                rule,
                quorum,
                approvers,
            } => write!(
                f,
                "rule {rule}: {quorum} must approve, and there are {approvers}"
            ),
            Self::QuorumNeedsAll { rule } => write!(
                f,
                "rule {rule}: all approvers must approve, so none of them can ask for it"
            ),
            Self::UnusedRule { rule } => write!(f, "rule {rule}: nothing leads to it"),
        }
    }
}

impl Policy {
    /// What is odd about it: given the kinds of the service, if they are known, and who has which role.
    #[must_use]
    pub fn lint(&self, catalogue: Option<&Catalogue>, roster: &dyn Roster) -> Vec<Lint> {
        let mut found = BTreeSet::new();
        for rule in self.rules.values() {
            self.lint_rule(rule, roster, &mut found);
        }
        for case in &self.cases {
            self.lint_case(case, &mut found);
            if let Some(catalogue) = catalogue {
                unknown(case, catalogue, &mut found);
            }
        }
        found.into_iter().collect()
    }

    fn lint_rule(&self, rule: &Rule, roster: &dyn Roster, found: &mut BTreeSet<Lint>) {
        let named = |verdict: &Verdict| matches!(verdict, Verdict::NeedsApproval(name) if *name == rule.name);
        let mut escalations = self.rules.values().filter_map(Rule::escalation);
        let is_used = named(&self.otherwise)
            || self.cases.iter().any(|case| named(&case.then))
            || escalations.any(|escalation| escalation.to == rule.name);
        if !is_used {
            found.insert(Lint::UnusedRule {
                rule: rule.name.to_string(),
            });
        }
        let mut people = BTreeSet::new();
        for whom in &rule.approvers {
            match whom {
                Whom::Subject(subject) => {
                    people.insert(subject.clone());
                }
                Whom::Role(role) => match roster.holders(role) {
                    Some(holders) => people.extend(holders),
                    None => return,
                },
            }
        }
        let quorum = usize::from(rule.quorum);
        if people.len() < quorum {
            found.insert(Lint::QuorumAboveApprovers {
                rule: rule.name.to_string(),
                quorum: rule.quorum,
                approvers: people.len(),
            });
        } else if people.len() == quorum {
            found.insert(Lint::QuorumNeedsAll {
                rule: rule.name.to_string(),
            });
        }
    }

    fn lint_case(&self, case: &Case, found: &mut BTreeSet<Lint>) {
        let is_dangerous = self
            .dangerous
            .iter()
            .any(|kinds| overlap(kinds, &case.kinds));
        let has_condition = case.target.is_some() || !case.when.is_empty();
        if case.then == Verdict::Auto && is_dangerous && !has_condition {
            found.insert(Lint::AutoWithoutCondition {
                case: case.name.clone(),
            });
        }
        let rank = self.rank(&case.then);
        // Where an argument that it asks about is not there, it makes the verdict `otherwise` at least.
        let only_matches = |other: &Case| {
            case.target.is_none() && case.when.is_empty()
                || self.rank(&other.then) >= self.rank(&self.otherwise)
        };
        let covers = self.cases.iter().find(|other| {
            let as_strict = self.rank(&other.then) > rank
                || (self.rank(&other.then) == rank && other.name < case.name);
            let forgives = other.then != Verdict::Auto || case.then == Verdict::Auto;
            other.name != case.name
                && other.is_unconditional()
                && (other.then != Verdict::Auto || other.free.is_superset(&accounted(case)))
                && forgives
                && as_strict
                && only_matches(other)
                && contains(&other.kinds, &case.kinds)
        });
        if let Some(other) = covers {
            found.insert(Lint::Unreachable {
                case: case.name.clone(),
                by: other.name.clone(),
            });
        }
    }
}

/// The arguments that a case says something of.
fn accounted(case: &Case) -> BTreeSet<crate::word::ArgumentName> {
    case.when.keys().chain(&case.free).cloned().collect()
}

fn contains(outer: &Kinds, inner: &Kinds) -> bool {
    match (outer, inner) {
        (_, Kinds::One(kind)) => outer.has(kind),
        (Kinds::Below(outer), Kinds::Below(inner)) => {
            outer == inner || Kinds::Below(outer.clone()).has(inner)
        }
        (Kinds::One(_), Kinds::Below(_)) => false,
    }
}

fn overlap(a: &Kinds, b: &Kinds) -> bool {
    contains(a, b) || contains(b, a)
}

fn unknown(case: &Case, catalogue: &Catalogue, found: &mut BTreeSet<Lint>) {
    let shapes = catalogue
        .shapes()
        .filter(|shape| case.kinds.has(shape.kind()));
    let shapes: Vec<_> = shapes.collect();
    if shapes.is_empty() {
        found.insert(Lint::NoSuchKind {
            case: case.name.clone(),
        });
        return;
    }
    let asked = case.when.iter().map(|(name, of)| (name, Some(of)));
    let free = case.free.iter().map(|name| (name, None::<&Condition>));
    for (name, condition) in asked.chain(free) {
        let fits = |of: Type| condition.is_none_or(|asked| asked.about() == of);
        let known = shapes
            .iter()
            .any(|shape| shape.find(name.as_str()).is_some_and(|(_, of)| fits(of)));
        if !known {
            found.insert(Lint::NoSuchArgument {
                case: case.name.clone(),
                argument: name.to_string(),
            });
        }
    }
}
