//! What the pages of approvals show.

use askama::Template;

use crate::view::Page;

/// One of a list.
#[derive(Debug)]
pub(crate) struct GateRow {
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) who: String,
    pub(crate) asked: String,
    pub(crate) until: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
}

/// A list with a heading of its own.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) rows: Vec<GateRow>,
    /// There are more than are shown.
    pub(crate) more: bool,
}

#[derive(Template)]
#[template(path = "approvals.html")]
pub(crate) struct Inbox {
    pub(crate) page: Page,
    pub(crate) base: &'static str,
    pub(crate) parts: Vec<Part>,
}

/// What happened to a gate once.
#[derive(Debug)]
pub(crate) struct PastRow {
    pub(crate) nth: usize,
    pub(crate) at: String,
    pub(crate) what: &'static str,
    pub(crate) way: &'static str,
    pub(crate) who: String,
    pub(crate) said: String,
}

/// What somebody said.
#[derive(Debug)]
pub(crate) struct VoteRow {
    pub(crate) who: String,
    pub(crate) at: String,
    pub(crate) said: &'static str,
    pub(crate) reason: String,
}

/// What became of a step.
#[derive(Debug)]
pub(crate) struct ResultRow {
    pub(crate) nth: usize,
    pub(crate) result: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) said: String,
}

/// What whoever looks may do.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a form of the page.
pub(crate) struct May {
    pub(crate) approve: bool,
    pub(crate) deny: bool,
    pub(crate) withdraw: bool,
    pub(crate) letter: bool,
    pub(crate) again: bool,
    pub(crate) resolve: bool,
    pub(crate) anew: bool,
    pub(crate) take: bool,
}

#[derive(Template)]
#[template(path = "approval.html")]
pub(crate) struct OneGate {
    pub(crate) page: Page,
    pub(crate) base: &'static str,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    /// HTML, of the action's bytes: by the library, which escapes all that it holds.
    pub(crate) view: String,
    pub(crate) asker: String,
    pub(crate) rule: String,
    pub(crate) standing: String,
    pub(crate) decide_by: String,
    pub(crate) run_by: String,
    pub(crate) denial: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) votes: Vec<VoteRow>,
    pub(crate) results: Vec<ResultRow>,
    pub(crate) past: Vec<PastRow>,
    pub(crate) digest: String,
    pub(crate) policy: String,
    pub(crate) log: &'static str,
    /// The key of that log, if there is one yet.
    pub(crate) key: Option<String>,
    pub(crate) may: May,
    pub(crate) problem: Option<&'static str>,
    /// What somebody wrote, of a form that was not taken.
    pub(crate) reason: String,
}

#[derive(Template)]
#[template(path = "approval_code.html")]
pub(crate) struct AskedAlone {
    pub(crate) page: Page,
    pub(crate) path: String,
    pub(crate) code: String,
}

#[derive(Template)]
#[template(path = "approval_not.html")]
pub(crate) struct NotAsked {
    pub(crate) page: Page,
    pub(crate) problem: &'static str,
    /// Where who he is is shown once more.
    pub(crate) account: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "approval_policy.html")]
pub(crate) struct PolicyPage {
    pub(crate) page: Page,
    pub(crate) base: &'static str,
    pub(crate) version: String,
    pub(crate) text: String,
}
