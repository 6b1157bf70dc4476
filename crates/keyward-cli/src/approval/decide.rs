//! `keyward approval approve`, `deny` and `withdraw`: what the user of this machine says of a gate, by
//! the name that the system has for him. The command knows nobody's role.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use keyward_approval::gate::{Roles, Shown};
use keyward_approval::policy::Policy;
use keyward_approval::{Ballot, Gates, Whom, reason};
use keyward_base::danger::Operator;
use keyward_base::encoding::hex;
use keyward_base::{BoxFuture, Error, Result, Role, Subject, Tenant};
use serde::Serialize;

use super::{build, in_words, is_there, policy_of};
use crate::args::GateOf;
use crate::home::{self, HomeArgs};
use crate::output;

/// The fewest digits of a digest that are taken for having seen what it is of.
const DIGITS: usize = 8;

/// Where no rule of the policy speaks of roles, it does not matter who has which; elsewhere nothing is
/// decided by who might.
#[derive(Debug)]
struct Unknown {
    own: Subject,
    matter: bool,
}

impl Roles for Unknown {
    fn roles<'a>(
        &'a self,
        _: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<Role>>> {
        // The machine's own users have no role in a service.
        let known = !self.matter || *subject == self.own;
        let said = known.then(Vec::new).ok_or_else(|| {
            Error::unavailable(
                "others voted or lent, and only the service knows what roles they have: vote there",
            )
        });
        Box::pin(std::future::ready(said))
    }
}

#[derive(Serialize)]
struct Approved {
    gate: String,
    state: &'static str,
    by: String,
    approvals: usize,
    quorum: usize,
}

/// Says yes.
pub(super) async fn approve(
    of: &GateOf,
    policy: &Path,
    lent_by: Option<Subject>,
    why: &str,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    if !home::is_numbered_by_machine() {
        return Err(Error::misuse(
            "here is a namespace of users, in which anybody may have any number: approve outside of it, \
             or at the service",
        ));
    }
    let policy = policy_of(policy)?;
    let by = operator(of)?;
    let gates = open(home_args, Some(&policy)).await?;
    let shown = gates.show(&of.tenant, of.gate).await?;
    if shown.action().policy() != policy.reference() {
        return Err(Error::misuse(format!(
            "it was asked under version {} of a policy, and the file is another: name that one",
            shown.action().policy().version()
        )));
    }
    confirm(of, &shown, "approve")?;
    let gone = || Error::rejected(reason::RULE_MOVED);
    let under = gates.policy();
    let under = shown.rule_in(&under).ok_or_else(gone)?;
    let mut ballot = Ballot::approve().because(why).under(under);
    if let Some(lender) = lent_by {
        ballot = ballot.lent_by(lender);
    }
    let standing = gates.approve_as_operator(&by.0, of.gate, ballot).await?;
    let told = Approved {
        gate: of.gate.to_string(),
        state: standing.state.as_str(),
        by: by.1.to_string(),
        approvals: standing.approvals,
        quorum: standing.quorum,
    };
    if json {
        return output::json("keyward.approval.approve/1", &told);
    }
    let (gate, state, by) = (&told.gate, told.state, &told.by);
    let (is, wants) = (told.approvals, told.quorum);
    output::note(&format!("{gate} is {state}: {is} of {wants}, one by {by}"));
    Ok(())
}

/// Says no.
pub(super) async fn deny(of: &GateOf, why: &str, home_args: &HomeArgs, json: bool) -> Result<()> {
    let by = operator(of)?;
    let gates = open(home_args, None).await?;
    let shown = gates.show(&of.tenant, of.gate).await?;
    confirm(of, &shown, "deny")?;
    gates.deny_as_operator(&by.0, of.gate, why).await?;
    stopped("keyward.approval.deny/1", &gates, of, &by.1, json).await
}

/// Takes it back.
pub(super) async fn withdraw(
    of: &GateOf,
    for_whom: Option<Subject>,
    why: &str,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let by = operator(of)?;
    let gates = open(home_args, None).await?;
    let shown = gates.show(&of.tenant, of.gate).await?;
    confirm(of, &shown, "withdraw")?;
    let back = gates.withdraw_as_operator(&by.0, of.gate, for_whom, why);
    back.await?;
    stopped("keyward.approval.withdraw/1", &gates, of, &by.1, json).await
}

#[derive(Serialize)]
struct Stopped {
    gate: String,
    state: &'static str,
    by: String,
}

async fn stopped(format: &str, gates: &Gates, of: &GateOf, by: &Subject, json: bool) -> Result<()> {
    let shown = gates.show(&of.tenant, of.gate).await?;
    let told = Stopped {
        gate: of.gate.to_string(),
        state: shown.state().as_str(),
        by: by.to_string(),
    };
    if json {
        return output::json(format, &told);
    }
    let (gate, state, by) = (told.gate, told.state, told.by);
    output::note(&format!("{gate} is {state}, by {by}"));
    Ok(())
}

fn operator(of: &GateOf) -> Result<(Operator, Subject)> {
    let own = home::system_subject()?;
    Ok((Operator::of(of.tenant.clone(), own.clone()), own))
}

async fn open(home_args: &HomeArgs, policy: Option<&Policy>) -> Result<Gates> {
    let home = home_args.open().await?;
    is_there(&home)?;
    let Some(policy) = policy else {
        return build(&home, None).await;
    };
    let mut named = policy.rules().flat_map(|rule| rule.approvers());
    let roles = Unknown {
        own: home::system_subject()?,
        matter: named.any(|whom| matches!(whom, Whom::Role(_))),
    };
    build(&home, Some((policy.clone(), Arc::new(roles)))).await
}

/// That whoever runs this has seen what it is: by the digits that a script gives, or as a person
/// types them who was shown it.
fn confirm(of: &GateOf, shown: &Shown, verb: &str) -> Result<()> {
    let digest = hex(shown.action().digest().as_bytes());
    let fits = |typed: &str| typed.len() >= DIGITS && digest.starts_with(typed);
    if let Some(digits) = &of.yes {
        return if fits(digits) {
            Ok(())
        } else {
            Err(Error::misuse(
                "--yes takes the first 8 digits or more of its action's digest, and these are others: \
                 look at it with `keyward approval show`; nothing was done",
            ))
        };
    }
    let input = io::stdin();
    if !input.is_terminal() || !io::stderr().is_terminal() {
        return Err(Error::misuse(
            "nobody is there to be asked: look at it with `keyward approval show`, and give --yes with \
             the first 8 digits of its action's digest",
        ));
    }
    in_words(shown).lines().for_each(output::complain);
    output::note(&format!(
        "to {verb} it, type the first {DIGITS} digits of its digest"
    ));
    let mut typed = String::new();
    let read = input.lock().read_line(&mut typed);
    read.map_err(|e| Error::unavailable("the terminal cannot be read: try again").with_source(e))?;
    if fits(typed.trim()) {
        return Ok(());
    }
    Err(Error::misuse(
        "nothing was done, since the digits are others: run it again",
    ))
}
