//! `keyward approval`: what waits for an approval in this home, and what a policy says.

mod check;
mod decide;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use keyward_approval::gate::{self, Roles, Shown, StepResult, Voter};
use keyward_approval::reason;
use keyward_approval::view::{Visible, Where};
use keyward_approval::{Action, GateId, Gates, Policy, State, View};
use keyward_base::encoding::hex;
use keyward_base::{Door, Error, ErrorKind, Purpose, Reason, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_embedded::Home;
use serde::Serialize;

use crate::args::Approval;
use crate::exit::Advice;
use crate::home::HomeArgs;
use crate::timeline::rfc3339;
use crate::{input, output};

/// What reads judges nothing: should it ever, all is forbidden.
const NOTHING: &str = "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"\n";

/// By which nobody comes in.
const NOBODY: Door = Door::new("command");

/// How many gates are read at once.
const PAGE: usize = 64;

/// How many steps of a gate are listed.
const SHOWN: usize = 3;

/// Bytes of a policy that are read: what a policy may have is less.
const POLICY: usize = 4 * 1024 * 1024;

/// Runs one of the commands.
pub(crate) async fn run(command: Approval, home_args: &HomeArgs, json: bool) -> Result<()> {
    let done = match command {
        Approval::List { tenant, state } => {
            let home = home_args.open().await?;
            is_there(&home)?;
            let gates = build(&home, None).await?;
            list(&gates, &tenant, state.into(), json).await
        }
        Approval::Show {
            tenant,
            gate,
            bytes,
        } => show(&tenant, gate, bytes, home_args, json).await,
        Approval::Approve {
            of,
            policy,
            of_whom,
            reason,
        } => decide::approve(&of, &policy, of_whom, &reason, home_args, json).await,
        Approval::Deny { of, reason } => decide::deny(&of, &reason, home_args, json).await,
        Approval::Withdraw {
            of,
            for_whom,
            reason,
        } => decide::withdraw(&of, for_whom, &reason, home_args, json).await,
        Approval::Explain { policy, action } => explain(&policy, &action, json),
        Approval::Lint { policy } => lint(&policy, json),
        Approval::Check { file, keys } => check::run(&file, &keys, json),
    };
    done.map_err(explained)
}

async fn show(
    tenant: &Tenant,
    gate: GateId,
    bytes: bool,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    if bytes && json {
        return Err(Error::misuse(
            "bytes are no JSON: leave --bytes or --json out",
        ));
    }
    if bytes && io::stdout().is_terminal() {
        return Err(Error::misuse(
            "others chose the bytes, and a terminal would obey them: send them to a file or through a \
             pipe, as in `> action`",
        ));
    }
    let home = home_args.open().await?;
    is_there(&home)?;
    let shown = build(&home, None).await?.show(tenant, gate).await?;
    match (bytes, json) {
        (true, _) => output::put(shown.action().bytes()),
        (_, true) => output::json("keyward.approval.show/1", &Told::of(&shown)),
        _ => output::put(in_words(&shown).as_bytes()),
    }
}

/// What mends a refusal, where there is something.
fn explained(error: Error) -> Error {
    let Some(why) = error
        .reason()
        .filter(|_| error.kind() == ErrorKind::Rejected)
    else {
        return error;
    };
    let says = match why {
        Reason::NOT_FOUND => {
            "the tenant has no such gate: `keyward approval list` shows which it has, by their states"
        }
        reason::NOT_OPEN => {
            "it was decided, has begun to run, or has ended: `keyward approval show` says which"
        }
        reason::NOT_APPROVER => {
            "its rule does not name you, or whom --as names lent you no vote: an approver votes at the \
             service"
        }
        reason::RULE_MOVED => "it goes by another rule by now: look at it again",
        reason::OWN_ASK => "who asks does not approve it",
        reason::VOTED => "that vote was cast already",
        reason::PASSKEY => {
            "its rule wants votes by passkeys, which the command has none of: vote at the service"
        }
        reason::NOT_ASKER => {
            "you did not ask for it: --as names who did, as `keyward approval show` has it; or deny it"
        }
        reason::NO_REASON => "whoever asked is told why: say it with --reason",
        _ => return error,
    };
    Error::rejected(why).with_source(Advice(says.to_owned()))
}

/// Registers the gates of a home, if it has some, so that this command counts what needs a key.
pub(crate) async fn attach(home: &Home) -> Result<()> {
    if !has_some(home)? || home.audit().is_err() {
        return Ok(());
    }
    match build(home, None).await {
        Err(e) if e.kind() == ErrorKind::Misuse => Ok(()),
        built => built.map(|_| ()),
    }
}

/// The gates of a home, if it has some, to be looked at.
pub(crate) async fn of(home: &Home) -> Result<Option<Gates>> {
    if !has_some(home)? || home.audit().is_err() {
        return Ok(None);
    }
    build(home, None).await.map(Some)
}

/// # Errors
/// `Misuse` for a home without gates.
fn is_there(home: &Home) -> Result<()> {
    if has_some(home)? {
        return Ok(());
    }
    Err(Error::misuse(
        "this home has no approvals: the service that asks for them makes the first",
    ))
}

fn has_some(home: &Home) -> Result<bool> {
    let purpose = Purpose::new(gate::PURPOSE)?;
    let status = home.keyring().status();
    Ok(status.keys.iter().any(|key| key.purpose == purpose))
}

/// The gates of a home, which judge by what is given, or nothing.
async fn build(home: &Home, by: Option<(Policy, Arc<dyn Roles>)>) -> Result<Gates> {
    let (policy, roles) = match by {
        Some((policy, roles)) => (policy, Some(roles)),
        None => (Policy::parse(&Provider::default(), NOTHING)?, None),
    };
    let mut gates = Gates::builder(home.keyring().clone(), home.audit()?.clone(), policy);
    if let Some(roles) = roles {
        gates = gates.roles(roles);
    }
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
    targets: Vec<String>,
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
    let (mut after, mut damaged) = (None, 0_u64);
    loop {
        let (found, next) = gates.list(tenant, state, after, PAGE).await?;
        for id in found {
            match line(gates, tenant, id, state).await {
                Ok(line) => answer.gates.extend(line),
                // It hides none of the others.
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    output::note(&format!("{id} is not what was written"));
                    damaged = damaged.saturating_add(1);
                }
                // It was kept no longer.
                Err(e) if e.reason() == Some(Reason::NOT_FOUND) => {}
                Err(e) => return Err(e),
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    tell(&answer, json)?;
    if damaged == 0 {
        return Ok(());
    }
    Err(Error::corrupt(
        "not all that is there was listed: `keyward doctor` says what is damaged",
    ))
}

fn tell(answer: &Listed, json: bool) -> Result<()> {
    if json {
        return output::json("keyward.approval.list/1", answer);
    }
    let (tenant, state) = (&answer.tenant, answer.state);
    if answer.gates.is_empty() {
        output::note(&format!("{tenant} has nothing that is {state}"));
    }
    for line in &answer.gates {
        let (gate, who) = (&line.gate, quoted(&line.requester));
        let steps = line.kinds.iter().zip(&line.targets);
        let steps: Vec<_> = steps
            .take(SHOWN)
            .map(|(kind, target)| format!("{kind} {}", quoted(target)))
            .collect();
        let more = match line.kinds.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let steps = steps.join(", ");
        output::say(&format!("{gate}  {steps}{more}  asked by {who}"))?;
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
        targets: action
            .steps()
            .iter()
            .map(|s| s.target().to_owned())
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
    /// In whose place he voted.
    lent_by: Option<&'a str>,
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
    channel: &'static str,
    by: Option<&'a str>,
    for_whom: Option<&'a str>,
    said: &'a str,
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
            lent_by: vote.lent_by().map(|whom| whom.as_str()),
            approves: vote.decision() == gate::Decision::Approve,
            at: vote.at().as_millis(),
            channel: vote.channel().as_str(),
            reason: vote.reason(),
        });
        let history = shown.history().iter().map(|past| Past {
            at: past.at().as_millis(),
            what: past.what().as_str(),
            state: past.state().as_str(),
            channel: past.channel().as_str(),
            by: past.by().map(|by| by.as_str()),
            for_whom: past.for_whom().map(|whom| whom.as_str()),
            said: past.said(),
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

/// What others wrote: in quotes, with escapes for what is not seen.
fn quoted(text: &str) -> String {
    let text = Visible::of(text, Where::Mail);
    format!("\"{}\"", text.as_str().replace('\n', ""))
}

fn in_words(shown: &Shown) -> String {
    let told = Told::of(shown);
    let because = |said: &str| match said {
        "" => String::new(),
        said => format!(": {}", quoted(said)),
    };
    let mut out = format!("{} is {}\n\n{}\n", told.gate, told.state, told.view);
    for vote in &told.votes {
        let by = vote
            .by
            .map_or_else(|| "the holder of a link".to_owned(), quoted);
        let whom = vote
            .lent_by
            .map_or_else(String::new, |whom| format!(" for {}", quoted(whom)));
        let says = if vote.approves { "approved" } else { "denied" };
        let (channel, why) = (vote.channel, because(vote.reason));
        out.push_str(&format!("{by} {says} it{whom} by {channel}{why}\n"));
    }
    for past in &told.history {
        let by = past
            .by
            .map_or_else(String::new, |by| format!(" by {}", quoted(by)));
        let whom = past
            .for_whom
            .map_or_else(String::new, |whom| format!(" for {}", quoted(whom)));
        let at = rfc3339(Timestamp::from_millis(past.at));
        let (what, channel, said) = (past.what, past.channel, because(past.said));
        out.push_str(&format!("{at}: {what}{by}{whom}, {channel}{said}\n"));
    }
    for (nth, done) in (1_usize..).zip(&told.results) {
        let (result, said) = (done.result, because(done.said));
        out.push_str(&format!("step {nth}: {result}{said}\n"));
    }
    out
}

#[derive(Serialize)]
struct Why {
    verdict: String,
    why: String,
}

fn explain(policy: &Path, action: &Path, json: bool) -> Result<()> {
    if [policy, action].iter().all(|file| file.as_os_str() == "-") {
        return Err(Error::misuse(
            "policy and action cannot both come by standard input: name a file for one of them",
        ));
    }
    let policy = policy_of(policy)?;
    let bytes = input::bytes(action, keyward_approval::action::limits::ACTION)?;
    let action = Action::parse(&Provider::default(), &bytes)?;
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

#[derive(Serialize)]
struct Odd {
    version: u64,
    findings: Vec<String>,
}

/// # Errors
/// `Misuse` if there is something.
fn lint(policy: &Path, json: bool) -> Result<()> {
    let policy = policy_of(policy)?;
    let found = policy.lint(None, &());
    let odd = Odd {
        version: policy.reference().version(),
        findings: found.iter().map(ToString::to_string).collect(),
    };
    if json {
        output::json("keyward.approval.lint/1", &odd)?;
    } else {
        odd.findings.iter().try_for_each(|line| output::say(line))?;
    }
    let many = u64::try_from(odd.findings.len()).unwrap_or(u64::MAX);
    if many == 0 {
        return Ok(());
    }
    let things = output::counted(many, "finding", "findings");
    Err(Error::misuse(format!(
        "{things} in the policy: say what is meant, or take it out"
    )))
}

/// A policy, from its file.
///
/// # Errors
/// `Misuse` for one that is none.
fn policy_of(file: &Path) -> Result<Policy> {
    let text = input::bytes(file, POLICY)?;
    let text = String::from_utf8(text).map_err(|_| Error::misuse("a policy is UTF-8 text"))?;
    Policy::parse(&Provider::default(), &text)
}
