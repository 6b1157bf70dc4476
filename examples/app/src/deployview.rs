//! What the pages of deployments show.

use askama::Template;
use keyward_base::Timestamp;

use crate::deploy::prompt::in_words;
use crate::deploy::record::Ended;
use crate::desk::Now;
use crate::view::{Page, moment};

/// How much of a log is shown while it is written, in bytes: the page is made anew each second.
const FOLLOWED: usize = 64 * 1024;

/// One deployment, as listed.
#[derive(Debug)]
pub(crate) struct DeploymentRow {
    pub(crate) path: String,
    pub(crate) server: String,
    pub(crate) set: String,
    pub(crate) started: String,
    pub(crate) state: String,
    pub(crate) tone: &'static str,
    pub(crate) runs: bool,
    pub(crate) ended: bool,
}

impl DeploymentRow {
    pub(crate) fn of(now: &Now) -> Self {
        let deployment = &now.deployment;
        let how = deployment.ended.map(|(_, how)| how);
        let (state, tone) = match how {
            None if now.lost => ("was cut short".to_owned(), "bad"),
            None if now.runs => ("runs".to_owned(), ""),
            None => ("runs elsewhere, or was cut short".to_owned(), "warn"),
            Some(how) => (in_words(Some(how)), tone(how)),
        };
        Self {
            path: format!("/deployments/{}", now.id.as_str()),
            server: deployment.server.clone(),
            set: deployment.set.clone(),
            started: moment(
                Timestamp::from_millis(deployment.started),
                "%Y-%m-%d %H:%M:%S",
            ),
            state,
            tone,
            runs: now.runs,
            ended: how.is_some() || now.lost,
        }
    }
}

const fn tone(how: Ended) -> &'static str {
    match how {
        Ended::Exit(0) => "good",
        Ended::Stopped => "warn",
        _ => "bad",
    }
}

/// A log as text: what is written over a line stands on lines of its own, and what only a terminal
/// obeys is shown as `\u{fffd}`. Left out, it would join what stands before and after it, which may
/// be the two parts of a secret.
pub(crate) fn log_in_text(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log).replace("\r\n", "\n");
    let shown = text.chars().map(|c| match c {
        '\r' => '\n',
        c if c.is_control() && !matches!(c, '\n' | '\t') => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    shown.collect()
}

/// The end of a log, from the beginning of a line where there is one, and whether it is not all of
/// it. The log is masked: no cut leaves a part of a secret.
pub(crate) fn end_of(log: &[u8]) -> (&[u8], bool) {
    let from = log.len().saturating_sub(FOLLOWED);
    let end = log.get(from..).unwrap_or_default();
    if from == 0 {
        return (end, false);
    }
    let line = end.iter().position(|b| *b == b'\n');
    let line = line.and_then(|at| end.get(at.saturating_add(1)..));
    (line.filter(|line| !line.is_empty()).unwrap_or(end), true)
}

#[derive(Template)]
#[template(path = "deployments.html")]
pub(crate) struct Deployments {
    pub(crate) page: Page,
    pub(crate) servers: Vec<String>,
    pub(crate) sets: Vec<String>,
    pub(crate) rows: Vec<DeploymentRow>,
    pub(crate) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "deployment.html")]
pub(crate) struct OneDeployment {
    pub(crate) page: Page,
    pub(crate) row: DeploymentRow,
    pub(crate) log: String,
    /// What stands before `log` is not shown now.
    pub(crate) cut: bool,
    /// Variables of its set that are not masked.
    pub(crate) unmasked: Vec<String>,
    pub(crate) prompt: Option<String>,
    /// Why a question was not taken.
    pub(crate) problem: Option<String>,
}
