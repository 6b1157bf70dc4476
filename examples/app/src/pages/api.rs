//! What programs ask with an API key. Whose data it is comes out of the key, and what it may do is a type
//! in each handler.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use keyward_axum::api_key::{AnyKey, Key, KeyScope};
use keyward_axum::approval::Asks;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, Shown};
use keyward_base::{Error, Reason, RecordId};
use keyward_session::api_key::{LiveKey, Scope};
use serde::{Deserialize, Serialize};

use super::asker::Answer;
use crate::app::App;
use crate::deploy::record::Id;
use crate::deployview::{DeploymentRow, log_in_text};
use crate::desk::{self, Now, Room, Start};
use crate::log as operator;
use crate::section::Section;
use crate::view::iso;

/// How many one answer has.
const LIMIT: usize = 100;

pub(super) struct ReadServers;
impl KeyScope for ReadServers {
    const SCOPE: Scope = desk::SERVERS;
}

pub(super) struct ReadVariables;
impl KeyScope for ReadVariables {
    const SCOPE: Scope = desk::VARIABLES;
}

pub(super) struct ReadDeployments;
impl KeyScope for ReadDeployments {
    const SCOPE: Scope = desk::DEPLOYMENTS;
}

pub(super) struct Deploy;
impl KeyScope for Deploy {
    const SCOPE: Scope = desk::DEPLOY;
}

fn room(app: &App, key: &LiveKey) -> Answer<Room> {
    Ok(Room::of_key(app.desk().clone(), key)?)
}

/// What a key is, as its holder may know it.
#[derive(Serialize)]
pub(super) struct Who {
    organisation: String,
    key: String,
    name: String,
    scopes: Vec<String>,
    made: String,
    ends: Option<String>,
}

pub(super) async fn whoami(Proved(key): Proved<AnyKey>) -> Json<Who> {
    Json(Who {
        organisation: key.tenant().as_str().to_owned(),
        key: key.id().to_string(),
        name: key.name().to_owned(),
        scopes: key.scopes().words().map(str::to_owned).collect(),
        made: iso(key.created_at()),
        ends: key.ends_at().map(iso),
    })
}

/// After which name a list goes on.
#[derive(Debug, Deserialize)]
pub(super) struct From {
    after: Option<String>,
}

/// A part of a list.
#[derive(Serialize)]
pub(super) struct Listed<T> {
    items: Vec<T>,
    /// What to ask for the rest with, as `after`.
    next: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Server {
    id: String,
    kind: Option<String>,
    fingerprint: Option<String>,
    updated: String,
    /// Which value it is: what an ask to delete it names.
    revision: u64,
}

pub(super) async fn servers(
    State(app): State<App>,
    key: Key<ReadServers>,
    Query(from): Query<From>,
) -> Answer<Json<Listed<Server>>> {
    let room = room(&app, &key)?;
    let found = room.facts_of(Section::Servers, from.after.as_deref(), LIMIT);
    let (items, next) = found.await?;
    let items = items.into_iter().map(|known| Server {
        id: known.id,
        kind: known.facts.key_type,
        fingerprint: known.facts.fingerprint,
        updated: iso(known.updated),
        revision: known.revision.number(),
    });
    Ok(Json(Listed {
        items: items.collect(),
        next,
    }))
}

/// A set of variables: names, and no value.
#[derive(Serialize)]
pub(super) struct Set {
    id: String,
    names: Vec<String>,
    updated: String,
}

pub(super) async fn variables(
    State(app): State<App>,
    key: Key<ReadVariables>,
    Query(from): Query<From>,
) -> Answer<Json<Listed<Set>>> {
    let room = room(&app, &key)?;
    let found = room.facts_of(Section::Environments, from.after.as_deref(), LIMIT);
    let (items, next) = found.await?;
    let items = items.into_iter().map(|known| Set {
        id: known.id,
        names: known.facts.names,
        updated: iso(known.updated),
    });
    Ok(Json(Listed {
        items: items.collect(),
        next,
    }))
}

#[derive(Serialize)]
pub(super) struct Deployment {
    id: String,
    server: String,
    set: String,
    started: String,
    /// In words, as the page has it.
    state: String,
    runs: bool,
    ended: bool,
}

impl Deployment {
    fn of(now: &Now) -> Self {
        let row = DeploymentRow::of(now);
        Self {
            id: now.id.as_str().to_owned(),
            server: row.server,
            set: row.set,
            started: row.started,
            state: row.state,
            runs: row.runs,
            ended: row.ended,
        }
    }
}

pub(super) async fn deployments(
    State(app): State<App>,
    key: Key<ReadDeployments>,
) -> Answer<Json<Listed<Deployment>>> {
    let found = room(&app, &key)?.deployments(LIMIT).await?;
    Ok(Json(Listed {
        items: found.iter().map(Deployment::of).collect(),
        next: None,
    }))
}

pub(super) async fn deployment(
    State(app): State<App>,
    key: Key<ReadDeployments>,
    Path(id): Path<String>,
) -> Answer<Json<Deployment>> {
    let (now, _) = room(&app, &key)?
        .deployment_and_log(&Id::parse(&id)?)
        .await?;
    Ok(Json(Deployment::of(&now)))
}

/// The masked log as text.
pub(super) async fn log(
    State(app): State<App>,
    key: Key<ReadDeployments>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let (_, log) = room(&app, &key)?
        .deployment_and_log(&Id::parse(&id)?)
        .await?;
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, log_in_text(&log)).into_response())
}

/// Which server and which set: names of what is stored. What is run is not in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    server: String,
    set: String,
}

/// What was begun.
#[derive(Serialize)]
struct Begun {
    id: String,
}

/// Why a deployment was not begun.
#[derive(Serialize)]
struct NotBegun {
    error: &'static str,
}

pub(super) async fn deploy(
    State(app): State<App>,
    key: Key<Deploy>,
    Json(wish): Json<Wish>,
) -> Answer<Response> {
    let id = |text: &str| RecordId::new(text).map_err(|_| Error::rejected(Reason::NOT_FOUND));
    let (server, set) = (id(&wish.server)?, id(&wish.set)?);
    if !room(&app, &key)?
        .may_run_at_once(&key, &server, &set)
        .await?
    {
        let error = "people approve it: ask for deployment.run at /api/approvals";
        let answer = Shown::new(StatusCode::FORBIDDEN, Json(NotBegun { error }));
        return Ok(answer.into_response());
    }
    let (status, error) = match room(&app, &key)?.deploy(&server, &set).await? {
        Start::Started(id) => {
            let at = [(LOCATION, format!("/api/deployments/{}", id.as_str()))];
            let id = id.as_str().to_owned();
            return Ok((StatusCode::CREATED, at, Json(Begun { id })).into_response());
        }
        Start::Busy => (
            StatusCode::CONFLICT,
            "as many run as may: try again once one has ended",
        ),
        Start::Steers(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "a variable of the set decides what code programs run",
        ),
    };
    Ok(Shown::new(status, Json(NotBegun { error })).into_response())
}

/// Asks for what people approve, and has those told.
pub(super) async fn ask(
    State(app): State<App>,
    key: Key<Asks>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let answer = app.agents.ask(&key, &headers, &body).await?;
    // On record is it now; who may approve it is told in this round or in the next.
    let (desk, tenant) = (app.desk().clone(), key.tenant().clone());
    if answer.status() == StatusCode::ACCEPTED {
        tokio::spawn(async move {
            if let Err(error) = desk.letters_in(&tenant).await {
                operator::failure(&error);
            }
        });
    }
    app.wake_executor();
    Ok(answer.map(Body::from))
}

/// What is not there, said as to programs.
pub(super) async fn nothing() -> Failure {
    Error::rejected(Reason::NOT_FOUND).into()
}
