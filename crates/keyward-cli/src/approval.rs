//! `keyward approval`: what waits for an approval in this home, and what a policy says.

use std::path::Path;

use keyward_approval::gate::{self, Shown, StepResult, Voter};
use keyward_approval::view::{Visible, Where};
use keyward_approval::{Action, GateId, Gates, Policy, State, View};
use keyward_base::encoding::hex;
use keyward_base::{Door, Error, ErrorKind, Purpose, Result, Tenant};
use keyward_crypto::Provider;
use keyward_embedded::Home;
use serde::Serialize;

use crate::args::Approval;
use crate::home::HomeArgs;
use crate::{input, output};

/// What reads judges nothing: should it ever, all is forbidden.
const NOTHING: &str = "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"\n";

/// By which nobody comes in.
const NOBODY: Door = Door::new("command");

/// How many gates are read at once.
const PAGE: usize = 256;

/// Bytes of a policy that are read: what a policy may have is less.
const POLICY: usize = 4 * 1024 * 1024;

/// Runs one of the commands.
pub(crate) async fn run(command: Approval, home_args: &HomeArgs, json: bool) -> Result<()> {
    match command {
        Approval::List { tenant, state } => {
            let home = home_args.open().await?;
            list(&open(&home).await?, &tenant, state.into(), json).await
        }
        Approval::Show {
            tenant,
            gate,
            bytes,
        } => {
            let home = home_args.open().await?;
            let shown = open(&home).await?.show(&tenant, gate).await?;
            match (bytes, json) {
                (true, _) => output::put(shown.action().bytes()),
                (_, true) => output::json("keyward.approval.show/1", &Told::of(&shown)),
                _ => output::put(in_words(&shown).as_bytes()),
            }
        }
        Approval::Explain { policy, action } => explain(&policy, &action, json),
    }
}

/// Registers the gates of a home, if it has some, so that this command counts what needs a key.
pub(crate) async fn attach(home: &Home) -> Result<()> {
    if !is_there(home)? || home.audit().is_err() {
        return Ok(());
    }
    match build(home).await {
        Err(e) if e.kind() == ErrorKind::Misuse => Ok(()),
        built => built.map(|_| ()),
    }
}

async fn open(home: &Home) -> Result<Gates> {
    if !is_there(home)? {
        return Err(Error::misuse(
            "this home has no approvals: the service that asks for them makes the first",
        ));
    }
    build(home).await
}

fn is_there(home: &Home) -> Result<bool> {
    let purpose = Purpose::new(gate::PURPOSE)?;
    let status = home.keyring().status();
    Ok(status.keys.iter().any(|key| key.purpose == purpose))
}

async fn build(home: &Home) -> Result<Gates> {
    let policy = Policy::parse(&Provider::default(), NOTHING)?;
    let gates = Gates::builder(home.keyring().clone(), home.audit()?.clone(), policy);
    gates.door(NOBODY).build().await
}

#[derive(Serialize)]
struct Listed {
    tenant: String,
    state: &'static str,
    gates: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    gate: String,
    kinds: Vec<String>,
    requester: String,
    asked: u64,
    decide_by: u64,
}

async fn list(gates: &Gates, tenant: &Tenant, state: State, json: bool) -> Result<()> {
    let mut answer = Listed {
        tenant: tenant.to_string(),
        state: state.as_str(),
        gates: Vec::new(),
    };
    let mut after = None;
    loop {
        let (found, next) = gates.list(tenant, state, after, PAGE).await?;
        for id in found {
            answer.gates.extend(line(gates, tenant, id, state).await?);
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    if json {
        return output::json("keyward.approval.list/1", &answer);
    }
    if answer.gates.is_empty() {
        output::note(&format!("{tenant} has nothing that is {state}"));
    }
    for line in &answer.gates {
        let who = Visible::of(&line.requester, Where::Mail);
        let (gate, kinds) = (&line.gate, line.kinds.join(", "));
        output::say(&format!("{gate}  {kinds}  asked by \"{}\"", who.as_str()))?;
    }
    Ok(())
}

/// A gate, unless it is in another state by now, as time may have made it.
async fn line(gates: &Gates, tenant: &Tenant, id: GateId, state: State) -> Result<Option<Line>> {
    let shown = gates.show(tenant, id).await?;
    let action = shown.action();
    let line = || Line {
        gate: id.to_string(),
        kinds: action
            .steps()
            .iter()
            .map(|s| s.kind().to_string())
            .collect(),
        requester: action.requester().subject().as_str().to_owned(),
        asked: shown.asked().as_millis(),
        decide_by: action.decide_by().as_millis(),
    };
    Ok((shown.state() == state).then(line))
}

#[derive(Serialize)]
struct Told<'a> {
    gate: String,
    state: &'static str,
    action: String,
    view: String,
    rule: Option<&'a str>,
    denial: Option<&'a str>,
    votes: Vec<Said<'a>>,
    history: Vec<Past<'a>>,
    results: Vec<Done<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    /// None: the holder of a link.
    by: Option<&'a str>,
    approves: bool,
    at: u64,
    channel: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Past<'a> {
    at: u64,
    what: &'static str,
    state: &'static str,
    by: Option<&'a str>,
}

#[derive(Serialize)]
struct Done<'a> {
    result: &'static str,
    said: &'a str,
}

impl<'a> Told<'a> {
    fn of(shown: &'a Shown) -> Self {
        let votes = shown.votes().iter().map(|vote| Said {
            by: match vote.voter() {
                Voter::Person(subject) => Some(subject.as_str()),
                Voter::Holder(_) => None,
            },
            approves: vote.decision() == gate::Decision::Approve,
            at: vote.at().as_millis(),
            channel: vote.channel().as_str(),
            reason: vote.reason(),
        });
        let history = shown.history().iter().map(|past| Past {
            at: past.at().as_millis(),
            what: past.what().as_str(),
            state: past.state().as_str(),
            by: past.by().map(|by| by.as_str()),
        });
        let results = shown.results().into_iter().map(|result| {
            let (result, said) = match result {
                StepResult::Done(said) => ("done", said),
                StepResult::Failed(said) => ("failed", said),
                StepResult::NotRun => ("not-run", ""),
                _ => ("waits", ""),
            };
            Done { result, said }
        });
        Self {
            gate: shown.id().to_string(),
            state: shown.state().as_str(),
            action: hex(shown.action().digest().as_bytes()),
            view: View::of(shown.action()).text(),
            rule: shown.rule().map(|rule| rule.as_str()),
            denial: shown.denial(),
            votes: votes.collect(),
            history: history.collect(),
            results: results.collect(),
        }
    }
}

/// What others wrote stands in quotes, with escapes for what is not seen.
fn in_words(shown: &Shown) -> String {
    let told = Told::of(shown);
    let quoted = |text: &str| {
        let text = Visible::of(text, Where::Mail);
        format!("\"{}\"", text.as_str().replace('\n', ""))
    };
    let mut out = format!("{} is {}\n\n{}\n", told.gate, told.state, told.view);
    for vote in &told.votes {
        let by = vote
            .by
            .map_or_else(|| "the holder of a link".to_owned(), quoted);
        let says = if vote.approves { "approved" } else { "denied" };
        let (channel, reason) = (vote.channel, quoted(vote.reason));
        out.push_str(&format!("{by} {says} it by {channel}: {reason}\n"));
    }
    for past in &told.history {
        let by = past
            .by
            .map_or_else(String::new, |by| format!(" by {}", quoted(by)));
        let (what, at) = (past.what, past.at);
        out.push_str(&format!("{at} ms: {what}{by}\n"));
    }
    for (nth, done) in (1_usize..).zip(&told.results) {
        let (result, said) = (done.result, quoted(done.said));
        out.push_str(&format!("step {nth}: {result} {said}\n"));
    }
    out
}

#[derive(Serialize)]
struct Why {
    verdict: String,
    why: String,
}

fn explain(policy: &Path, action: &Path, json: bool) -> Result<()> {
    let provider = Provider::default();
    let text = input::bytes(policy, POLICY)?;
    let text = String::from_utf8(text).map_err(|_| Error::misuse("a policy is UTF-8 text"))?;
    let policy = Policy::parse(&provider, &text)?;
    let bytes = input::bytes(action, keyward_approval::action::limits::ACTION)?;
    let action = Action::parse(&provider, &bytes)?;
    let explained = policy.explain(&action);
    if json {
        let why = Why {
            verdict: explained.verdict.to_string(),
            why: explained.to_string(),
        };
        return output::json("keyward.approval.explain/1", &why);
    }
    output::put(explained.to_string().as_bytes())
}
