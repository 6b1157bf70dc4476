//! What an export says in words, made from the bytes that it has beside.

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, Subject};
use serde::Serialize;

use crate::action::Action;
use crate::gate::held::AUTOMATIC;
use crate::gate::row::{Decision, Ran, Row, Voter};
use crate::view::time;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    ticket: String,
    tenant: &'a str,
    /// Whose gate it is.
    instance: &'a str,
    /// Under which rule it was asked.
    category: &'a str,
    status: &'a str,
    requester: &'a str,
    on_behalf_of: Option<&'a str>,
    reason: &'a str,
    /// In thousandths.
    confidence: Option<u16>,
    digest: String,
    asked: String,
    decide_by: String,
    run_by: String,
    actions: Vec<Step<'a>>,
    votes: Vec<Vote<'a>>,
    history: Vec<Past<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    kind: &'a str,
    target: &'a str,
    result: &'a str,
    said: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Vote<'a> {
    /// None: the holder of a link.
    by: Option<&'a str>,
    lent_by: Option<&'a str>,
    decision: &'a str,
    at: String,
    way: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Past<'a> {
    at: String,
    what: &'a str,
    status: &'a str,
    way: &'a str,
    by: Option<&'a str>,
    for_whom: Option<&'a str>,
    said: &'a str,
}

/// The text: JSON, times in UTC (RFC 3339).
pub(super) fn text(action: &Action, row: &Row) -> Result<String> {
    let steps = action.steps().iter().enumerate();
    let told = Told {
        ticket: row.id.to_string(),
        tenant: row.tenant.as_str(),
        instance: action.service().as_str(),
        category: row.rule.as_ref().map_or(AUTOMATIC, |rule| rule.as_str()),
        status: row.state.as_str(),
        requester: action.requester().subject().as_str(),
        on_behalf_of: action.requester().for_whom().map(Subject::as_str),
        reason: action.reason(),
        confidence: action.confidence(),
        digest: hex(&row.digest),
        asked: time(row.asked),
        decide_by: time(row.decide_by),
        run_by: time(row.run_by),
        actions: steps
            .map(|(nth, step)| {
                let (result, said) = match row.ran_of(nth) {
                    Some(Ran::Done(said)) => ("done", said.as_str()),
                    Some(Ran::Failed(said)) => ("failed", said.as_str()),
                    Some(Ran::NotRun) => ("not-run", ""),
                    None => ("waits", ""),
                };
                Step {
                    kind: step.kind().as_str(),
                    target: step.target(),
                    result,
                    said,
                }
            })
            .collect(),
        votes: row.votes.iter().map(vote).collect(),
        history: row.history.iter().map(past).collect(),
    };
    serde_json::to_string(&told)
        .map_err(|e| Error::misuse("a record cannot be told").with_source(e))
}

fn vote(vote: &crate::gate::row::Vote) -> Vote<'_> {
    Vote {
        by: match &vote.voter {
            Voter::Holder(_) => None,
            Voter::Person(subject) => Some(subject.as_str()),
        },
        lent_by: vote.lent_by.as_ref().map(Subject::as_str),
        decision: match vote.decision {
            Decision::Approve => "approve",
            Decision::Deny => "deny",
        },
        at: time(vote.at),
        way: vote.channel.as_str(),
        reason: &vote.reason,
    }
}

fn past(past: &crate::gate::row::Past) -> Past<'_> {
    Past {
        at: time(past.at),
        what: past.what.as_str(),
        status: past.state.as_str(),
        way: past.channel.as_str(),
        by: past.by.as_ref().map(Subject::as_str),
        for_whom: past.for_whom.as_ref().map(Subject::as_str),
        said: &past.said,
    }
}
