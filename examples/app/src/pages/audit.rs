//! The record: listed, one entry, exported.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use keyward_axum::{Failure, SecretForm};
use keyward_base::{Error, ErrorKind, Reason};
use serde::Deserialize;

use super::{html, page};
use crate::auditview::{Alarm, Audit, Badge, EventRow, OneEntry};
use crate::desk::{Desk, Form};
use crate::filter::Filter;
use crate::logs::{Log, Tail};
use crate::verdict::Verdict;

const PATH: &str = "/audit";

/// How many events one page shows.
const LIMIT: usize = 50;

type Answer<T> = Result<T, Failure>;

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Query(filter): Query<Filter>,
) -> Answer<Html<String>> {
    let log = filter.log();
    let verdict = desk.verdict(log).await?;
    let proven = verdict.as_ref().map_or(0, Verdict::proven);
    // A log that was edited is shown all the same, with its badge.
    let tail = match desk.tail(&filter, LIMIT, proven).await {
        Err(e) if e.kind() == ErrorKind::Corrupt => Tail::default(),
        tail => tail?,
    };
    let events = tail.lines.into_iter();
    let whose = match log {
        Log::Organisation => Some(desk.organisation()),
        Log::Service => None,
    };
    let alarms = desk.anomalies().of(whose).into_iter();
    html(&Audit {
        page: page(&desk, PATH, None),
        badge: Badge::of(verdict.as_ref()),
        alarms: alarms.map(|of| Alarm::of(of, log)).collect(),
        events: events.map(|line| EventRow::of(line, log)).collect(),
        older: tail.older.map(|before| filter.older(before)),
        key: desk.log_key(log).await?,
        filter,
    })
}

/// Which log an entry is of.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    log: String,
}

pub(super) async fn entry(
    State(desk): State<Arc<Desk>>,
    Path(seq): Path<String>,
    Query(which): Query<Which>,
) -> Answer<Html<String>> {
    let log = Log::of(&which.log);
    let line = desk.entry(log, number(&seq)?).await?;
    html(&OneEntry::of(page(&desk, PATH, None), log, line))
}

/// A file, to be kept. It is a form, since it is recorded and has the log signed.
pub(super) async fn export(
    State(desk): State<Arc<Desk>>,
    mut form: SecretForm,
) -> Answer<Response> {
    let log = Log::of(&form.text("log")?);
    let as_table = form.text("format")? == Form::Table.word();
    let form_of = if as_table { Form::Table } else { Form::Lines };
    let from = form.text("from")?;
    let from = if from.is_empty() { 0 } else { number(&from)? };
    let file = desk.export(log, form_of, from).await?;
    let whose = match log {
        Log::Organisation => "organisation",
        Log::Service => "service",
    };
    let name = format!("attachment; filename=\"{whose}-log.{}\"", form_of.word());
    let kind = match form_of {
        Form::Lines => "application/jsonl",
        Form::Table => "text/csv; charset=utf-8",
    };
    let headers = [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name.as_str())];
    Ok((headers, file).into_response())
}

fn number(text: &str) -> Result<u64, Error> {
    let number = text.parse();
    number.map_err(|_| Error::rejected(Reason::NOT_FOUND))
}
