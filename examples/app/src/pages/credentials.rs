//! Connecting, listing, revealing, replacing and deleting what is connected.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_approval::StepBuilder;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason, RecordId, Revision, SecretBytes};
use keyward_vault::{Facts, Note};
use serde::Deserialize;

use super::approvals::wish;
use super::{After, html, page};
use crate::app::App;
use crate::desk::{DELETE, Office, Own, REPLACE};
use crate::input::{self, Refused};
use crate::section::Section;
use crate::view::{Connect, Detail, FormView, List, PublicKey, Reveal, address};

/// How many rows one page shows.
const LIMIT: usize = 100;

type Answer<T> = Result<T, Failure>;

fn section(path: &str) -> Result<Section, Error> {
    Section::of(path).ok_or_else(|| Error::rejected(Reason::NOT_FOUND))
}

/// The section and record an address names. What cannot be a record's id is no record.
fn record((path, id): &(String, String)) -> Result<(Section, RecordId), Error> {
    let id = RecordId::new(id).map_err(|_| Error::rejected(Reason::NOT_FOUND))?;
    Ok((section(path)?, id))
}

#[derive(Debug, Deserialize)]
pub(super) struct Start {
    after: Option<String>,
}

pub(super) async fn list(
    Proved(office): Proved<Office>,
    Path(path): Path<String>,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    let section = section(&path)?;
    let words = section.words();
    let found = office.list(section, start.after.as_deref(), LIMIT).await?;
    html(&List {
        page: page(&office, words.path, after.notice(&office, words.path)),
        words,
        rows: found.rows,
        damaged: found.damaged,
        next: found
            .next
            .map(|last| format!("{}?after={}", words.path, address(&last))),
    })
}

pub(super) async fn show(
    Proved(office): Proved<Office>,
    Path(path): Path<(String, String)>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    let (section, id) = record(&path)?;
    let words = section.words();
    let row = office.one(section, &id).await?;
    html(&Detail {
        page: page(&office, words.path, after.notice(&office, &row.path)),
        words,
        row,
    })
}

/// The one way a secret leaves. A POST, so that no link, preview or crawler causes it.
pub(super) async fn reveal(
    Proved(Own { office, .. }): Proved<Own>,
    Path(path): Path<(String, String)>,
) -> Answer<Html<String>> {
    let (section, id) = record(&path)?;
    let words = section.words();
    let parts = office.reveal(section, &id).await?;
    html(&Reveal {
        page: page(&office, words.path, None),
        words,
        path: format!("{}/{}", words.path, address(id.as_str())),
        id: id.as_str().to_owned(),
        parts,
    })
}

/// The public half of an SSH key, to be copied. A POST, since it opens the value.
pub(super) async fn public_key(
    Proved(Own { office, .. }): Proved<Own>,
    Path(path): Path<(String, String)>,
) -> Answer<Html<String>> {
    let (section, id) = record(&path)?;
    let words = section.words();
    let line = office.public_line(section, &id).await?;
    html(&PublicKey {
        page: page(&office, words.path, None),
        words,
        path: format!("{}/{}", words.path, address(id.as_str())),
        id: id.as_str().to_owned(),
        line,
    })
}

fn form_page(office: &Office, section: Section, form: FormView) -> Answer<Html<String>> {
    let words = section.words();
    html(&Connect {
        page: page(office, words.path, None),
        section,
        words,
        form,
    })
}

/// The form again, with what to mend and without anything secret.
fn again(office: &Office, section: Section, form: FormView) -> Answer<Response> {
    let page = form_page(office, section, form)?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(super) async fn blank(
    Proved(Own { office, .. }): Proved<Own>,
    Path(path): Path<String>,
) -> Answer<Html<String>> {
    let section = section(&path)?;
    form_page(&office, section, FormView::blank(section))
}

pub(super) async fn connect(
    Proved(Own { office, .. }): Proved<Own>,
    Path(path): Path<String>,
    mut form: SecretForm,
) -> Answer<Response> {
    let section = section(&path)?;
    let mut view = FormView::blank(section);
    let stored = async {
        let id = input::id(section, &mut form, &mut view)?;
        let nothing = Facts::default();
        let submitted = input::secret(section, &mut form, &mut view, &nothing)?;
        let credential = office.credential(section, &id, submitted, None).await?;
        office
            .put(section, &id, &credential, None)
            .await
            .map_err(Refused::on_first_put)?;
        let said = "Sealed and stored.";
        Ok(back(&office, section, &id, said, credential.notes()))
    };
    match stored.await {
        Ok(stored) => Ok(stored),
        Err(Refused::Mend(problem)) => {
            view.problem = Some(problem);
            again(&office, section, view)
        }
        Err(Refused::Failed(error)) => Err(error.into()),
    }
}

pub(super) async fn replacing(
    Proved(Own { office, .. }): Proved<Own>,
    Path(path): Path<(String, String)>,
) -> Answer<Html<String>> {
    let (section, id) = record(&path)?;
    let (facts, revision) = office.facts(section, &id).await?;
    let form = FormView::over(section, &id, revision.number(), &facts);
    form_page(&office, section, form)
}

pub(super) async fn replace(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    Path(path): Path<(String, String)>,
    mut form: SecretForm,
) -> Answer<Response> {
    let office = &own.office;
    let (section, id) = record(&path)?;
    let revision = input::revision(&mut form)?;
    let (facts, stored) = office.facts(section, &id).await?;
    if stored != revision {
        return Err(Error::rejected(Reason::CONFLICT).into());
    }
    let mut view = FormView::over(section, &id, revision.number(), &facts);
    let read = async {
        let submitted = input::secret(section, &mut form, &mut view, &facts)?;
        let credential = office.credential(section, &id, submitted, Some(revision));
        Ok(credential.await?)
    };
    let credential = match read.await {
        Ok(credential) => credential,
        Err(Refused::Mend(problem)) => {
            view.problem = Some(problem);
            return again(office, section, view);
        }
        Err(Refused::Failed(error)) => return Err(error.into()),
    };
    if section == Section::Servers {
        // It destroys the key that is there, as a deletion does.
        let print = credential.facts().fingerprint.as_deref();
        let with = |step: StepBuilder| {
            let key = SecretBytes::copy_of(credential.bytes().expose());
            step.with("revision", number(revision)?)?
                .with("fingerprint", print.unwrap_or("unknown"))?
                .secret("key", key)
        };
        if let Some(answer) = wish(&app, &own, (REPLACE, id.as_str()), with).await? {
            return Ok(answer);
        }
    }
    office
        .put(section, &id, &credential, Some(revision))
        .await?;
    let said = "Replaced. The former value does not open any more.";
    Ok(back(office, section, &id, said, credential.notes()))
}

/// A revision as an action has it.
fn number(revision: Revision) -> Result<i64, Error> {
    let number = i64::try_from(revision.number());
    number.map_err(|_| Error::rejected(Reason::CONFLICT))
}

pub(super) async fn delete(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    Path(path): Path<(String, String)>,
    mut form: SecretForm,
) -> Answer<Response> {
    let (section, id) = record(&path)?;
    let revision: Revision = input::revision(&mut form)?;
    if section == Section::Servers {
        // What would not be deleted is not asked for.
        if own.office.facts(section, &id).await?.1 != revision {
            return Err(Error::rejected(Reason::CONFLICT).into());
        }
        let with = |step: StepBuilder| step.with("revision", number(revision)?);
        if let Some(answer) = wish(&app, &own, (DELETE, id.as_str()), with).await? {
            return Ok(answer);
        }
    }
    let office = own.office;
    office.delete(section, &id, revision).await?;
    let to = office.tell_next(section.words().path, "Deleted.", &[]);
    Ok(Redirect::to(&to).into_response())
}

/// To the page of a record, which says what was done.
fn back(
    office: &Office,
    section: Section,
    id: &RecordId,
    said: &'static str,
    notes: &[Note],
) -> Response {
    let path = format!("{}/{}", section.words().path, address(id.as_str()));
    Redirect::to(&office.tell_next(&path, said, notes)).into_response()
}
