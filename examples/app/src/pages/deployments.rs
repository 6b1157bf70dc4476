//! Deployments: started, followed while they write, stopped, asked about.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_approval::StepBuilder;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason, RecordId};

use super::approvals::wish;
use super::{After, html, page};
use crate::app::App;
use crate::deploy::prompt::QUESTION;
use crate::deploy::record::Id;
use crate::deployview::{DeploymentRow, Deployments, OneDeployment, end_of, log_in_text};
use crate::desk::{Asked, Office, Own, RUN, Start, is_for_production};
use crate::section::Section;

const PATH: &str = "/deployments";

/// How many deployments, servers and sets are shown.
const LIMIT: usize = 50;

type Answer<T> = Result<T, Failure>;

async fn listed(office: &Office, after: &After, problem: Option<String>) -> Answer<Html<String>> {
    let ids = async |section| {
        let rows = office.list(section, None, LIMIT).await?.rows;
        Ok::<_, Error>(rows.into_iter().map(|row| row.id).collect())
    };
    let found = office.deployments(LIMIT).await?;
    html(&Deployments {
        page: page(office, PATH, after.notice(office, PATH)),
        servers: ids(Section::Servers).await?,
        sets: ids(Section::Environments).await?,
        rows: found.iter().map(DeploymentRow::of).collect(),
        problem,
    })
}

pub(super) async fn list(
    Proved(office): Proved<Office>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    listed(&office, &after, None).await
}

/// Which server and which set: names of what is stored. What is run is not in the form.
pub(super) async fn start(
    State(app): State<App>,
    Proved(office): Proved<Office>,
    own: Result<Own, Failure>,
    mut form: SecretForm,
) -> Answer<Response> {
    let mut id = |field| {
        let text = form.text(field)?;
        RecordId::new(&text).map_err(|_| Error::rejected(Reason::NOT_FOUND))
    };
    let (server, set) = (id("server")?, id("set")?);
    office.one(Section::Servers, &server).await?;
    if office.is_at_once(&server, &set)? {
        // As it always was.
    } else if let Ok(own) = own {
        office.one(Section::Environments, &set).await?;
        let with = |step: StepBuilder| {
            let step = step.with("set", set.as_str())?;
            step.with("production", is_for_production(server.as_str()))
        };
        if let Some(answer) = wish(&app, &own, (RUN, server.as_str()), with).await? {
            return Ok(answer);
        }
    } else {
        // Staff ask for nothing that others have to approve: whom they act for does.
        return Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND)));
    }
    let (status, problem) = match office.deploy(&server, &set).await? {
        Start::Started(id) => {
            let to = format!("{PATH}/{}", id.as_str());
            return Ok(Redirect::to(&to).into_response());
        }
        Start::Busy => (
            StatusCode::CONFLICT,
            "Two deployments run already: wait until one has ended, or stop it.".to_owned(),
        ),
        Start::Steers(name) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!(
                "The set {set} has {name}, which decides what code programs run: take it out of the set."
            ),
        ),
    };
    let page = listed(&office, &After { done: None }, Some(problem)).await?;
    Ok(Shown::new(status, page).into_response())
}

pub(super) async fn show(
    Proved(office): Proved<Office>,
    Path(id): Path<String>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    shown(&office, &Id::parse(&id)?, &after, None).await
}

async fn shown(
    office: &Office,
    id: &Id,
    after: &After,
    problem: Option<String>,
) -> Answer<Html<String>> {
    let (now, log) = office.deployment_and_log(id).await?;
    let row = DeploymentRow::of(&now);
    // A page that is followed is made each second, for each that follows it.
    let (log, cut) = if row.runs {
        end_of(&log)
    } else {
        (&*log, false)
    };
    html(&OneDeployment {
        page: page(office, PATH, after.notice(office, &row.path)),
        log: log_in_text(log),
        cut,
        unmasked: office.unmasked(&row.set),
        prompt: now.deployment.prompt,
        problem,
        row,
    })
}

pub(super) async fn stop(
    Proved(office): Proved<Office>,
    Path(id): Path<String>,
) -> Answer<Redirect> {
    let id = Id::parse(&id)?;
    office.stop_deployment(&id).await?;
    let path = format!("{PATH}/{}", id.as_str());
    let said = "Told to stop. What does not end within two seconds is killed.";
    Ok(Redirect::to(&office.tell_next(&path, said, &[])))
}

pub(super) async fn ask(
    Proved(office): Proved<Office>,
    Path(id): Path<String>,
    mut form: SecretForm,
) -> Answer<Response> {
    let id = Id::parse(&id)?;
    let question = form.text("question")?;
    match office.ask_about(&id, &question).await? {
        Asked::Kept => {
            let to = format!("{PATH}/{}#prompt", id.as_str());
            Ok(Redirect::to(&to).into_response())
        }
        Asked::TooLong => {
            let problem = format!(
                "The question has more than {QUESTION} characters: shorten it. It was not kept."
            );
            let page = shown(&office, &id, &After { done: None }, Some(problem)).await?;
            Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
