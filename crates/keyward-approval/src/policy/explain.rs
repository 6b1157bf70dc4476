//! Which cases match an action, and why.

use std::fmt;

use super::condition::Answer;
use super::{Policy, Verdict};
use crate::action::Action;
use crate::word::{ActionKind, ArgumentName};

/// Why a policy says what it says of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// What it says.
    pub verdict: Verdict,
    /// What it says of each step.
    pub steps: Vec<ExplainedStep>,
    otherwise: Verdict,
}

/// Why a policy says what it says of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// The step's kind.
    pub kind: ActionKind,
    /// What it says of this step alone.
    pub verdict: Verdict,
    cases: Vec<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    case: String,
    then: Verdict,
    matches: bool,
    /// Each condition in words, and what is said of it.
    conditions: Vec<(String, Answer)>,
    unheard: Option<ArgumentName>,
}

impl ExplainedStep {
    /// The cases that match, by name.
    pub fn matching(&self) -> impl Iterator<Item = &str> {
        let matching = self.cases.iter().filter(|told| told.matches);
        matching.map(|told| told.case.as_str())
    }
}

impl Policy {
    /// Why it says what it says. It holds no value of an argument: what is compared with is the
    /// policy's own.
    #[must_use]
    pub fn explain(&self, action: &Action) -> Explained {
        let steps = action.steps().iter().map(|step| {
            let cases = self.cases.iter().filter_map(|case| {
                let heard = case.hear(action.requester(), step)?;
                let matches = heard.matches(&case.then);
                let conditions = heard.answers.into_iter().map(|(name, answer)| {
                    let asked = match &name {
                        Some(name) => case.when.get(name),
                        None => case.target.as_ref(),
                    };
                    let what = name.as_ref().map_or("the target", ArgumentName::as_str);
                    let asked = asked.map(ToString::to_string).unwrap_or_default();
                    (format!("{what} {asked}"), answer)
                });
                Some(Told {
                    case: case.name.clone(),
                    then: case.then.clone(),
                    matches,
                    conditions: conditions.collect(),
                    unheard: heard.unheard,
                })
            });
            ExplainedStep {
                kind: step.kind().clone(),
                cases: cases.collect(),
                verdict: self.judge_step(action.requester(), step),
            }
        });
        Explained {
            steps: steps.collect(),
            verdict: self.verdict(action),
            otherwise: self.otherwise.clone(),
        }
    }
}

/// Several lines, for a person.
impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: the strictest of all steps", self.verdict)?;
        for (index, step) in self.steps.iter().enumerate() {
            let number = index.saturating_add(1);
            writeln!(f, "step {number}, {}: {}", step.kind, step.verdict)?;
            for told in &step.cases {
                let says = if told.matches {
                    "matches"
                } else {
                    "does not match"
                };
                writeln!(f, "  case {} ({}) {says}", told.case, told.then)?;
                for (asked, answer) in &told.conditions {
                    writeln!(f, "    {asked}: {answer}")?;
                }
                if let Some(name) = &told.unheard {
                    writeln!(
                        f,
                        "    says nothing of the argument {name}, so it is not automatic"
                    )?;
                }
            }
            let unknown = step.cases.iter().flat_map(|told| &told.conditions);
            if unknown.clone().any(|(_, answer)| answer.is_unknown()) {
                writeln!(
                    f,
                    "  an argument that is asked about is not there or of another type: {} at least",
                    self.otherwise
                )?;
            } else if !step.cases.iter().any(|told| told.matches) {
                writeln!(f, "  no case matches: {}", self.otherwise)?;
            }
        }
        Ok(())
    }
}
