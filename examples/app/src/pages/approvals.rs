//! Approvals: what waits, one of them, and what is said of it. The pages of mailed links are the
//! library's.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_approval::gate::{Decision, Resolution, Shown as Gate, StepResult, Voter};
use keyward_approval::reason::{
    NOT_APPROVER, NOT_ASKER, NOT_OPEN, OWN_ASK, PASSKEY, RULE_MOVED, VOTED, WHO,
};
use keyward_approval::view::{Visible, Where};
use keyward_approval::{Ballot, GateId, RequesterKind, Rule, State as Of, View};
use keyward_axum::approval::ApprovalPages;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown, WebGuard};
use keyward_base::{
    Door, Error, ErrorKind, Evidence, Method, Reason, Result, Role, Subject, Tenant, Timestamp,
};
use keyward_session::{Admin, User};

use super::account::Holder;
use super::asker::{Answer, fresh, wrong};
use super::{After, html};
use crate::app::App;
use crate::approvalview::{
    AskedAlone, GateRow, Inbox, May, NotAsked, OneGate, Part, PastRow, PolicyPage, ResultRow,
    VoteRow,
};
use crate::desk::{EXPORT, Held, TAKEN_WITHIN, Which, Wish, by_link, export_of};
use crate::people::Person;
use crate::view::minute;

/// How many of each sort are shown.
const LIMIT: usize = 50;
/// How many that are open are looked through for them, of each state.
const LOOKED: usize = 256;
const PEOPLE: usize = 500;

/// States of what is open.
const OPEN: [Of; 4] = [Of::Pending, Of::Indeterminate, Of::Approved, Of::Executing];

/// States of what is over, the newest of which are shown.
const OVER: [Of; 6] = [
    Of::Executed,
    Of::Failed,
    Of::Denied,
    Of::Withdrawn,
    Of::Expired,
    Of::Superseded,
];

/// Who is signed in, as a vote takes him: of a session that lives.
#[derive(Debug)]
struct SignedIn {
    tenant: Tenant,
    subject: Subject,
    door: Door,
    at: Timestamp,
}

impl SignedIn {
    fn of<H: Holder>(app: &App, holder: &H) -> Result<Self> {
        Ok(Self {
            tenant: holder.live().tenant().clone(),
            subject: holder.live().subject().clone(),
            door: H::WHICH.door(),
            at: app.clock().now()?,
        })
    }
}

impl Evidence for SignedIn {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        Method::new("session")
    }

    fn door(&self) -> Door {
        self.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        // Such a session is of another kind.
        false
    }
}

/// What people are called.
struct Names(HashMap<String, String>);

impl Names {
    async fn of(app: &App, tenant: &Tenant) -> Result<Self> {
        let all = Person::all(app.data(), tenant, PEOPLE).await?;
        let named = all
            .into_iter()
            .map(|(subject, person)| (subject.as_str().to_owned(), person.email));
        Ok(Self(named.collect()))
    }

    fn name(&self, subject: &Subject) -> String {
        let known = self.0.get(subject.as_str()).cloned();
        known.unwrap_or_else(|| subject.as_str().to_owned())
    }

    fn asker(&self, gate: &Gate) -> String {
        let requester = gate.action().requester();
        let who = self.name(requester.subject());
        match requester.owner() {
            Some(owner) => format!("{who}, an agent of {}", self.name(owner)),
            None => who,
        }
    }
}

fn visible(text: &str) -> String {
    Visible::of(text, Where::Page).as_str().to_owned()
}

const fn tone(state: Of) -> &'static str {
    match state {
        Of::Executed | Of::Approved => "good",
        Of::Denied | Of::Failed | Of::Indeterminate => "bad",
        Of::Pending | Of::Staged | Of::Executing => "warn",
        _ => "",
    }
}

fn title(gate: &Gate) -> String {
    let steps = gate.action().steps();
    let first = steps.first();
    let first = first.map_or_else(String::new, |step| {
        format!("{} {}", step.kind(), visible(step.target()))
    });
    match steps.len().saturating_sub(1) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn row<H: Holder>(names: &Names, gate: &Gate) -> GateRow {
    let action = gate.action();
    GateRow {
        path: format!("{}/{}", H::APPROVALS, gate.id()),
        what: title(gate),
        who: names.asker(gate),
        asked: minute(gate.asked()),
        until: minute(action.decide_by()),
        state: gate.state().as_str(),
        tone: tone(gate.state()),
    }
}

/// Whether he is one of those whom its rule names, and whether his yes would count.
fn may_say<H: Holder>(app: &App, holder: &H, gate: &Gate) -> Result<(bool, bool)> {
    let policy = app.held().gates.policy();
    let subject = holder.live().subject();
    let roles = [Role::new(holder.person().role.word())?];
    let Some(rule) = gate.rule_in(&policy) else {
        return Ok((false, false));
    };
    let named = rule.names(subject, &roles);
    let requester = gate.action().requester();
    let is_own = rule.is_own_ask(requester, subject);
    Ok((named, named && !is_own && !rule.needs_passkey()))
}

/// What is open of an organisation, each state by when it ends, and whether there is more than is
/// looked through.
async fn open(app: &App, tenant: &Tenant) -> Result<(Vec<Gate>, bool)> {
    let gates = &app.held().gates;
    let (mut found, mut more) = (Vec::new(), false);
    for state in OPEN {
        let (ids, next) = gates.list(tenant, state, None, LOOKED).await?;
        more |= next.is_some();
        shown(app, tenant, ids, &mut found).await?;
    }
    Ok((found, more))
}

/// What is over, the newest first.
async fn over(app: &App, tenant: &Tenant) -> Result<(Vec<Gate>, bool)> {
    let (mut found, mut more) = (Vec::new(), false);
    for state in OVER {
        let gates = &app.held().gates;
        let (ids, next) = gates.list_last(tenant, state, None, LIMIT).await?;
        more |= next.is_some();
        shown(app, tenant, ids, &mut found).await?;
    }
    found.sort_by_key(|gate| std::cmp::Reverse(gate.history().last().map(|past| past.at())));
    more |= found.len() > LIMIT;
    found.truncate(LIMIT);
    Ok((found, more))
}

async fn shown(app: &App, tenant: &Tenant, ids: Vec<GateId>, to: &mut Vec<Gate>) -> Result<()> {
    for id in ids {
        match app.held().gates.show(tenant, id).await {
            Ok(gate) => to.push(gate),
            // It costs itself alone.
            Err(e) if e.kind() == ErrorKind::Corrupt => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

pub(super) async fn list<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
) -> Answer<Html<String>> {
    let (tenant, subject) = (holder.live().tenant(), holder.live().subject());
    let names = Names::of(&app, tenant).await?;
    let (open, more) = open(&app, tenant).await?;
    let (over, more_over) = over(&app, tenant).await?;
    let (mut his, mut asked, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for gate in &open {
        let waits = matches!(gate.state(), Of::Pending | Of::Indeterminate);
        let row = row::<H>(&names, gate);
        if waits && may_say(&app, &holder, gate)?.1 {
            his.push(row);
        } else if gate.action().requester().is_self(subject) {
            asked.push(row);
        } else {
            others.push(row);
        }
    }
    let part = |id, title, empty, mut rows: Vec<GateRow>, more: bool| {
        let more = more || rows.len() > LIMIT;
        rows.truncate(LIMIT);
        Part {
            id,
            title,
            empty,
            rows,
            more,
        }
    };
    let over = over.iter().map(|gate| row::<H>(&names, gate)).collect();
    html(&Inbox {
        page: holder.page(H::APPROVALS, None),
        base: H::APPROVALS,
        parts: vec![
            part(
                "waits",
                "Waits for you",
                "Nothing waits for you.",
                his,
                more,
            ),
            part(
                "asked",
                "You asked",
                "Nothing that you asked waits.",
                asked,
                more,
            ),
            part(
                "others",
                "Waits for others",
                "Nothing else waits.",
                others,
                more,
            ),
            part("over", "Over", "Nothing was asked yet.", over, more_over),
        ],
    })
}

async fn found<H: Holder>(app: &App, holder: &H, id: &str) -> Answer<Gate> {
    let id = GateId::parse(id).map_err(|_| Error::rejected(Reason::NOT_FOUND))?;
    Ok(app.held().gates.show(holder.live().tenant(), id).await?)
}

pub(super) async fn show<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(id): Path<String>,
    axum::extract::Query(after): axum::extract::Query<After>,
) -> Answer<Html<String>> {
    let gate = found(&app, &holder, &id).await?;
    let notice = holder.told(&format!("{}/{}", H::APPROVALS, gate.id()), &after);
    let page = holder.page(H::APPROVALS, notice);
    view(&app, &holder, &gate, page, (None, "")).await
}

async fn view<H: Holder>(
    app: &App,
    holder: &H,
    gate: &Gate,
    page: crate::view::Page,
    (problem, reason): (Option<&'static str>, &str),
) -> Answer<Html<String>> {
    let (tenant, subject) = (holder.live().tenant(), holder.live().subject());
    let names = Names::of(app, tenant).await?;
    let policy = app.held().gates.policy();
    let (action, state) = (gate.action(), gate.state());
    let (named, counts) = may_say(app, holder, gate)?;
    let requester = action.requester();
    let is_own = requester.is_self(subject);
    let rule = gate.rule_in(&policy);
    let by_link = rule.is_some_and(Rule::takes_link_holder);
    let is_mine = requester.kind() == RequesterKind::Person && requester.subject() == subject;
    let waits = state == Of::Pending;
    let yes = |vote: &&keyward_approval::gate::Vote| vote.decision() == Decision::Approve;
    let approvals = gate.votes().iter().filter(yes).count();
    let who = |past: &keyward_approval::gate::Past| {
        let by = past.by().map(|by| format!("by {}", names.name(by)));
        let whom = past
            .for_whom()
            .map(|whom| format!("to {}", names.name(whom)));
        [by, whom]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let may = May {
        approve: waits && counts,
        deny: (waits || state == Of::Approved) && named,
        withdraw: is_own && (waits || matches!(state, Of::Staged | Of::Approved)),
        letter: waits && is_mine && by_link,
        again: is_mine && state.is_ended() && state != Of::Executed && Held::is_asked_anew(action),
        resolve: named && state == Of::Indeterminate,
        anew: Held::is_asked_anew(action),
        take: is_mine && may_be_taken(app, gate)?,
    };
    let results = (1..).zip(gate.results()).map(|(nth, result)| {
        let (result, tone, said) = match result {
            StepResult::Done(said) => ("done", "good", said),
            StepResult::Failed(said) => ("failed", "bad", said),
            StepResult::NotRun => ("not run", "", ""),
            _ => ("waits", "", ""),
        };
        ResultRow {
            nth,
            result,
            tone,
            said: visible(said),
        }
    });
    let votes = gate.votes().iter().map(|vote| VoteRow {
        who: match vote.voter() {
            Voter::Person(subject) => names.name(subject),
            Voter::Holder(_) => "The holder of the link".to_owned(),
        },
        at: minute(vote.at()),
        said: match vote.decision() {
            Decision::Approve => "yes",
            Decision::Deny => "no",
        },
        reason: visible(vote.reason()),
    });
    let past = gate
        .history()
        .iter()
        .enumerate()
        .map(|(nth, past)| PastRow {
            nth,
            at: minute(past.at()),
            what: past.what().as_str(),
            way: past.channel().as_str(),
            who: who(past),
            said: visible(past.said()),
        });
    html(&OneGate {
        page,
        base: H::APPROVALS,
        path: format!("{}/{}", H::APPROVALS, gate.id()),
        id: gate.id().to_string(),
        title: title(gate),
        state: state.as_str(),
        tone: tone(state),
        view: View::of(action).html(Where::Page),
        asker: names.asker(gate),
        rule: rule.map_or_else(
            || "none: it needs nobody".to_owned(),
            |rule| rule.name().as_str().to_owned(),
        ),
        standing: rule.map_or_else(String::new, |rule| {
            format!("{approvals} of {} approvals", rule.quorum())
        }),
        decide_by: minute(action.decide_by()),
        run_by: minute(action.run_by()),
        denial: gate.denial().map(visible),
        before: gate.instead_of().map(|id| id.to_string()),
        after: gate.superseded_by().map(|id| id.to_string()),
        votes: votes.collect(),
        results: results.collect(),
        past: past.collect(),
        digest: action.digest().to_string(),
        policy: action.policy().to_string(),
        log: H::LOG,
        key: app.key_of(tenant).await?,
        may,
        problem,
        reason: reason.to_owned(),
    })
}

/// The page of what was wished for, or why it was not asked; none: it is to be done at once.
pub(super) fn wished<H: Holder>(holder: &H, wish: Wish) -> Answer<Option<Response>> {
    let not = |status, problem, account| {
        let page = html(&NotAsked {
            page: holder.page(H::APPROVALS, None),
            problem,
            account,
        })?;
        Ok(Some(Shown::new(status, page).into_response()))
    };
    match wish {
        Wish::Now => Ok(None),
        Wish::Waits(gate) => {
            let to = holder.tell_next(
                &format!("{}/{gate}", H::APPROVALS),
                "Asked. Those who may approve it were mailed.",
            );
            Ok(Some(Redirect::to(&to).into_response()))
        }
        Wish::Alone(gate, code) => {
            let page = html(&AskedAlone {
                page: holder.page(H::APPROVALS, None),
                path: format!("{}/{gate}", H::APPROVALS),
                code,
            })?;
            Ok(Some(page.into_response()))
        }
        Wish::NotFresh => {
            let page = html(&NotAsked {
                page: holder.page(H::APPROVALS, None),
                problem: "Nobody else here could approve it, so that you show who you are before you ask: you did so more than 15 minutes ago.",
                account: Some(H::WHICH.account()),
            })?;
            Ok(Some(wrong(page)))
        }
        Wish::TooMany => not(
            StatusCode::TOO_MANY_REQUESTS,
            "16 things that you asked for wait already: withdraw one, or have it decided.",
            None,
        ),
        Wish::Forbidden => not(
            StatusCode::FORBIDDEN,
            "The service's policy lets nobody do this.",
            None,
        ),
    }
}

/// What somebody who is signed in asks for: the steps are the service's own.
pub(super) async fn wish<H: Holder>(
    app: &App,
    holder: &H,
    (kind, target): (&str, &str),
    with: impl FnOnce(keyward_approval::StepBuilder) -> Result<keyward_approval::StepBuilder>,
) -> Answer<Option<Response>> {
    let who = (holder.live().tenant(), holder.live().subject());
    let alone = app.is_alone(who.0, who.1).await?;
    let step = with(app.held().step(kind, target, alone)?)?;
    let is_fresh = fresh(app, holder.live())?.is_some();
    let wish = app.wish(who, is_fresh, step, "").await?;
    wished(holder, wish)
}

pub(super) async fn decide<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(id): Path<String>,
    mut form: SecretForm,
) -> Answer<Response> {
    let gate = found(&app, &holder, &id).await?;
    let (said, reason) = (form.text("do")?, form.text("reason").unwrap_or_default());
    let is_fresh = fresh(&app, holder.live())?.is_some();
    let again = async |status, problem| {
        let page = holder.page(H::APPROVALS, None);
        let page = view(&app, &holder, &gate, page, (Some(problem), &reason)).await?;
        Ok(match status {
            StatusCode::UNAUTHORIZED => wrong(page),
            status => Shown::new(status, page).into_response(),
        })
    };
    if !is_fresh {
        let problem = "Show who you are first, on the page of your account: you did so more than 15 minutes ago.";
        return again(StatusCode::UNAUTHORIZED, problem).await;
    }
    let (tenant, me) = (gate.action().tenant(), SignedIn::of(&app, &holder)?);
    let gates = &app.held().gates;
    let is_mine = gate.action().requester().is_self(holder.live().subject());
    // The rule by which he was asked how fresh he is: if another takes its place before the vote, he looks again.
    let under = |ballot: Ballot| match gate.rule_in(&gates.policy()) {
        Some(rule) => Ok(ballot.under(rule)),
        None => Err(Error::rejected(NOT_OPEN)),
    };
    let done = match said.as_str() {
        "approve" => {
            let ballot = under(Ballot::approve().because(&reason))?;
            let voted = gates.vote(tenant, gate.id(), me, ballot).await;
            voted.map(|_| "Your approval was counted.")
        }
        "deny" if reason.trim().is_empty() => {
            return again(StatusCode::UNPROCESSABLE_ENTITY, "To deny it, say why.").await;
        }
        "deny" => {
            let ballot = under(Ballot::deny(&reason))?;
            let voted = gates.vote(tenant, gate.id(), me, ballot).await;
            voted.map(|_| "Denied. Whoever asked reads why.")
        }
        "withdraw" => {
            let gone = gates.withdraw(tenant, gate.id(), me, &reason).await;
            gone.map(|()| "Withdrawn.")
        }
        "done" | "failed" if reason.trim().is_empty() => {
            return again(StatusCode::UNPROCESSABLE_ENTITY, "Say how you know.").await;
        }
        "done" | "failed" => {
            let found = match said.as_str() {
                "done" => Resolution::Done,
                _ => Resolution::Failed,
            };
            let resolved = gates.resolve(tenant, gate.id(), me, found, &reason).await;
            resolved.map(|()| "What became of it is on record.")
        }
        "anew" if Held::is_asked_anew(gate.action()) => {
            let asked = gates
                .ask_anew(gate.id(), me, app.anew(gate.action())?)
                .await;
            match asked {
                Ok(answer) => {
                    app.tell_approvers(tenant, answer.gate()).await;
                    let to = format!("{}/{}", H::APPROVALS, answer.gate());
                    return Ok(Redirect::to(&to).into_response());
                }
                Err(e) => Err(e),
            }
        }
        "letter" if is_mine && gate.state() == Of::Pending => {
            let policy = gates.policy();
            if !gate.rule_in(&policy).is_some_and(Rule::takes_link_holder) {
                return Err(Error::rejected(Reason::NOT_FOUND).into());
            }
            let who = holder.live().subject();
            let code = app.letter_to_oneself(tenant, gate.id(), who).await?;
            let asked = wished(&holder, Wish::Alone(gate.id(), code))?;
            return asked.ok_or_else(|| Error::rejected(Reason::NOT_FOUND).into());
        }
        "again" if is_mine && gate.state().is_ended() && Held::is_asked_anew(gate.action()) => {
            let who = (tenant, holder.live().subject());
            let wish = app.wish_again(who, is_fresh, gate.action()).await?;
            let asked = wished(&holder, wish)?;
            return asked.ok_or_else(|| Error::rejected(Reason::CONFLICT).into());
        }
        _ => return Err(Error::rejected(Reason::NOT_FOUND).into()),
    };
    let (status, problem) = match done {
        Ok(done) => {
            app.wake_executor();
            let path = format!("{}/{}", H::APPROVALS, gate.id());
            return Ok(Redirect::to(&holder.tell_next(&path, done)).into_response());
        }
        Err(e) => match e.reason() {
            Some(NOT_OPEN) => (StatusCode::CONFLICT, "It can be decided no more."),
            Some(VOTED) => (StatusCode::CONFLICT, "You have answered already."),
            Some(RULE_MOVED) => (
                StatusCode::CONFLICT,
                "It goes by another rule by now: look at it again.",
            ),
            Some(OWN_ASK) => (
                StatusCode::FORBIDDEN,
                "It was you who asked: somebody else decides it.",
            ),
            Some(NOT_APPROVER | WHO) => (
                StatusCode::FORBIDDEN,
                "You are none of those who may decide this.",
            ),
            Some(NOT_ASKER) => (StatusCode::FORBIDDEN, "It was not you who asked."),
            Some(PASSKEY) => (StatusCode::FORBIDDEN, "Its rule asks for a passkey."),
            _ => return Err(e.into()),
        },
    };
    again(status, problem).await
}

/// Whether what was exported may still be taken.
fn may_be_taken(app: &App, gate: &Gate) -> Result<bool> {
    let is_export = matches!(gate.action().steps(), [step] if step.kind().as_str() == EXPORT);
    let done = gate.history().last().map(|past| past.at());
    let now = app.clock().now()?;
    let in_time = done.is_some_and(|at| is_in_time(at, now));
    Ok(is_export && gate.state() == Of::Executed && in_time)
}

/// Whether what was done `at` that time may be taken `now`.
fn is_in_time(at: Timestamp, now: Timestamp) -> bool {
    now.saturating_since(at) <= TAKEN_WITHIN
}

/// The file of an export that was approved, to who asked for it.
pub(super) async fn take<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = found(&app, &holder, &id).await?.id();
    let tenant = holder.live().tenant();
    // It is acted on: not one that was put back.
    let gate = app.held().gates.show_newest(tenant, id).await?;
    let requester = gate.action().requester();
    let is_mine = requester.subject() == holder.live().subject();
    if !is_mine || !may_be_taken(&app, &gate)? {
        return Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND)));
    }
    let step = gate.action().steps().first();
    let step = step.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
    let book = holder.book(step.target())?;
    super::audit::file(&book, export_of(step)?).await
}

/// All that there is of one gate as a file that others check, to whoever sees its page. It is a form,
/// since it has the log signed.
pub(super) async fn proof<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let gate = found(&app, &holder, &id).await?;
    let file = app.proof(holder.live().tenant(), gate.id()).await?;
    let name = format!("attachment; filename=\"approval-{}.jsonl\"", gate.id());
    let headers = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, name.as_str()),
    ];
    Ok((headers, file).into_response())
}

pub(super) async fn policy<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
) -> Answer<Html<String>> {
    html(&PolicyPage {
        page: holder.page(H::APPROVALS, None),
        base: H::APPROVALS,
        version: app.held().gates.policy().reference().version().to_string(),
        text: app.held().policy_text(),
    })
}

/// The pages of mailed links, at either door: the library's own.
pub(super) fn links(app: &App, guard: &WebGuard) -> Result<[ApprovalPages; 2]> {
    let pages = |which: Which| {
        let address = format!("{}{}", app.base(), by_link(which == Which::Admins));
        let (gates, links) = (app.held().gates.clone(), app.held().links.clone());
        let pages = ApprovalPages::new(gates, links, guard, &address)?;
        let pages = pages.names(Arc::clone(&app.held().names));
        pages.sign_in(which.login())
    };
    let people = pages(Which::Users)?.sessions::<User>(&app.web);
    let admins = pages(Which::Admins)?.sessions::<Admin>(&app.web);
    Ok([people, admins])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_taken_within_a_day() {
        let at = Timestamp::from_millis(1_000);
        let day = 24 * 60 * 60 * 1_000;
        assert!(is_in_time(at, at));
        assert!(is_in_time(at, Timestamp::from_millis(1_000 + day)));
        assert!(!is_in_time(at, Timestamp::from_millis(1_001 + day)));
    }
}
