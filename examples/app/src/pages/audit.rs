//! The record: listed, one entry, exported. An organisation's own is for its people, the service's
//! for its administrators.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use keyward_approval::StepBuilder;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm};
use keyward_base::{Error, ErrorKind, Reason};

use super::account::Holder;
use super::approvals::wish;
use super::{admin_page, html, page};
use crate::app::App;
use crate::auditview::{Alarm, Audit, Badge, EventRow, OneEntry};
use crate::desk::{Administrator, Book, EXPORT, Form, Office, Own};
use crate::filter::Filter;
use crate::logs::{Log, Tail};
use crate::verdict::Verdict;
use crate::view::Page;

/// How many events one page shows.
const LIMIT: usize = 50;

type Answer<T> = Result<T, Failure>;

pub(super) async fn show(
    Proved(office): Proved<Office>,
    Query(filter): Query<Filter>,
) -> Answer<Html<String>> {
    let page = page(&office, Log::Organisation.path(), None);
    shown(page, &office.book(), filter).await
}

pub(super) async fn show_service(
    Proved(admin): Proved<Administrator>,
    Query(filter): Query<Filter>,
) -> Answer<Html<String>> {
    let page = admin_page(&admin, Log::Service.path(), None);
    shown(page, &admin.book(Log::Service)?, filter).await
}

async fn shown(page: Page, book: &Book, filter: Filter) -> Answer<Html<String>> {
    let log = book.log;
    let verdict = book.verdict().await?;
    let proven = verdict.as_ref().map_or(0, Verdict::proven);
    // A log that was edited is shown all the same, with its badge.
    let tail = match book.tail(&filter, LIMIT, proven).await {
        Err(e) if e.kind() == ErrorKind::Corrupt => Tail::default(),
        tail => tail?,
    };
    let events = tail.lines.into_iter();
    let alarms = book.anomalies().into_iter();
    html(&Audit {
        page,
        log,
        badge: Badge::of(verdict.as_ref()),
        alarms: alarms.map(|of| Alarm::of(of, log)).collect(),
        events: events.map(|line| EventRow::of(line, log)).collect(),
        older: tail.older.map(|before| filter.older(log, before)),
        key: book.key().await?,
        filter,
    })
}

pub(super) async fn entry(
    Proved(office): Proved<Office>,
    Path(seq): Path<String>,
) -> Answer<Html<String>> {
    let page = page(&office, Log::Organisation.path(), None);
    one(page, &office.book(), &seq).await
}

pub(super) async fn entry_of_service(
    Proved(admin): Proved<Administrator>,
    Path(seq): Path<String>,
) -> Answer<Html<String>> {
    let page = admin_page(&admin, Log::Service.path(), None);
    one(page, &admin.book(Log::Service)?, &seq).await
}

async fn one(page: Page, book: &Book, seq: &str) -> Answer<Html<String>> {
    let line = book.entry(number(seq)?).await?;
    html(&OneEntry::of(page, book.log, line))
}

/// Has a file asked for: it is made once somebody approved that.
async fn held<H: Holder>(
    app: &App,
    holder: &H,
    log: Log,
    mut form: SecretForm,
) -> Answer<Response> {
    let as_table = form.text("format")? == Form::Table.word();
    let form_of = if as_table { Form::Table } else { Form::Lines };
    let from = form.text("from")?;
    let from = if from.is_empty() { 0 } else { number(&from)? };
    // What could not be made is not asked for.
    let from = i64::try_from(from).map_err(|_| Error::rejected(Reason::NOT_FOUND))?;
    holder
        .book(log.file())?
        .reaches(from.unsigned_abs())
        .await?;
    let with = |step: StepBuilder| step.with("format", form_of.word())?.with("from", from);
    let asked = wish(app, holder, (EXPORT, log.file()), with).await?;
    match asked {
        Some(answer) => Ok(answer),
        None => {
            file(
                &holder.book(log.file())?,
                (form_of.word(), from.unsigned_abs()),
            )
            .await
        }
    }
}

pub(super) async fn export(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    form: SecretForm,
) -> Answer<Response> {
    held(&app, &own, Log::Organisation, form).await
}

pub(super) async fn export_service(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
    form: SecretForm,
) -> Answer<Response> {
    held(&app, &admin, Log::Service, form).await
}

pub(super) async fn show_administrators(
    Proved(admin): Proved<Administrator>,
    Query(filter): Query<Filter>,
) -> Answer<Html<String>> {
    let log = Log::Administrators;
    let page = admin_page(&admin, log.path(), None);
    shown(page, &admin.book(log)?, filter).await
}

pub(super) async fn entry_of_administrators(
    Proved(admin): Proved<Administrator>,
    Path(seq): Path<String>,
) -> Answer<Html<String>> {
    let log = Log::Administrators;
    let page = admin_page(&admin, log.path(), None);
    one(page, &admin.book(log)?, &seq).await
}

pub(super) async fn export_administrators(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
    form: SecretForm,
) -> Answer<Response> {
    held(&app, &admin, Log::Administrators, form).await
}

/// A file, to be kept. It is a form, since it is recorded and has the log signed.
pub(super) async fn file(book: &Book, (format, from): (&str, u64)) -> Answer<Response> {
    let as_table = format == Form::Table.word();
    let form_of = if as_table { Form::Table } else { Form::Lines };
    let file = book.export(form_of, from).await?;
    let name = format!(
        "attachment; filename=\"{}.{}\"",
        book.log.file(),
        form_of.word()
    );
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
