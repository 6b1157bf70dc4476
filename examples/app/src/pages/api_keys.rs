//! API keys: listed, made, rotated, narrowed and revoked. Whoever belongs to the organisation sees them;
//! its owners do the rest.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, ErrorKind, Reason, SecretBytes};
use keyward_session::api_key::{
    ApiKeyId, IssuedKey, Narrow, NewKey, Ranges, Rotation, Scope, Scopes,
};
use keyward_session::reason;
use keyward_store::limit::Standing;
use serde::Deserialize;

use super::asker::{Answer, Stop, owner, take_fresh, wrong};
use super::{After, html, page};
use crate::apikeyview::{
    ApiKeyList, KeyForm, KeyRow, MadeApiKey, OneApiKey, choices, path_of, used,
};
use crate::app::App;
use crate::desk::{Office, Own, SCOPES};
use crate::log;
use crate::view::Part;

const PATH: &str = "/api-keys";

const NOT_FRESH: &str = "That asks that you showed who you are within the last 15 minutes: do so at \
                         Account, and come back.";

/// The last key of the page before.
#[derive(Debug, Deserialize)]
pub(super) struct Start {
    after: Option<String>,
}

fn id(text: &str) -> Result<ApiKeyId, Error> {
    ApiKeyId::parse(text).map_err(|_| Error::rejected(Reason::NOT_FOUND))
}

/// How much of its limits is used, as far as it can be read: without it keys can be revoked still.
fn known(standing: Result<Vec<Standing>, Error>) -> Vec<String> {
    standing.map_or_else(
        |error| {
            log::failure(&error);
            vec!["not known now".to_owned()]
        },
        |of| of.iter().map(used).collect(),
    )
}

async fn listed(
    office: &Office,
    (start, after): (Option<ApiKeyId>, &After),
    form: KeyForm,
    problem: Option<&str>,
) -> Answer<Html<String>> {
    let found = office.api_keys(start).await?;
    html(&ApiKeyList {
        page: page(office, PATH, after.notice(office, PATH)),
        rows: found.keys.iter().map(KeyRow::of).collect(),
        damaged: found.damaged,
        next: found.next.map(|last| format!("{PATH}?after={last}")),
        used: known(office.api_use().await),
        owner: office.is_owners(),
        form,
        problem: problem.map(str::to_owned),
    })
}

pub(super) async fn list(
    Proved(own): Proved<Own>,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    let start = start.after.as_deref().map(id).transpose()?;
    listed(&own.office, (start, &after), KeyForm::default(), None).await
}

async fn one(
    office: &Office,
    id: ApiKeyId,
    after: &After,
    problem: Option<&str>,
) -> Answer<Html<String>> {
    let info = office.api_key(id).await?;
    let row = KeyRow::of(&info);
    html(&OneApiKey {
        page: page(office, PATH, after.notice(office, &row.path)),
        used: known(office.api_use_of(id).await),
        choices: choices(&info.scopes, true),
        owner: office.is_owners(),
        problem: problem.map(str::to_owned),
        row,
    })
}

pub(super) async fn show(
    Proved(own): Proved<Own>,
    Path(key): Path<String>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    one(&own.office, id(&key)?, &after, None).await
}

const NONE: After = After { done: None };

/// The page again, with what to mend.
fn mend(page: Html<String>) -> Stop {
    Stop::with(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, page))
}

/// The scopes that a form chose: a field of its own for each.
fn chosen(form: &mut SecretForm) -> Result<Scopes, Failure> {
    let mut all: Vec<Scope> = Vec::new();
    for (scope, _) in &SCOPES {
        let field = form.text(scope.as_str()).map_err(Failure::input)?;
        if matches!(field.as_str(), "on" | "1" | "true" | "yes") {
            all.push(scope.clone());
        }
    }
    Ok(Scopes::new(all)?)
}

const RANGES: &str =
    "Networks stand there as 192.0.2.0/24 or 2001:db8::/32, with spaces between them.";

fn ranges(text: &str) -> Result<Ranges, &'static str> {
    match text.trim() {
        "" => Ok(Ranges::anywhere()),
        text => Ranges::parse(text).map_err(|_| RANGES),
    }
}

/// What is to be made, or what to mend.
fn new_key(form: &KeyForm, scopes: Scopes) -> Result<NewKey, &'static str> {
    let new = NewKey::new(&form.name)
        .map_err(|_| "A name has 1 to 64 bytes, and nothing that is not shown.")?;
    let days: Option<u64> = form.days.trim().parse().ok();
    let days = days.filter(|days| (1..=366).contains(days));
    let days = days.ok_or("A key ends after 1 to 366 days.")?;
    let life = Duration::from_secs(days.saturating_mul(24 * 60 * 60));
    Ok(new
        .scopes(scopes)
        .ranges(ranges(&form.ranges)?)
        .expires_in(life))
}

/// Makes a key, and shows it this once.
pub(super) async fn make(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    owner(&own)?;
    let Own { office, live } = own;
    let mut text = |field| form.text(field).map_err(Failure::input);
    let mut sent = KeyForm {
        name: text("name")?,
        ranges: text("ranges")?,
        days: text("days")?,
        ..KeyForm::default()
    };
    let scopes = chosen(&mut form)?;
    sent.choices = choices(&scopes, false);
    let new = match new_key(&sent, scopes) {
        Ok(new) => new,
        Err(why) => return Err(mend(listed(&office, (None, &NONE), sent, Some(why)).await?)),
    };
    let Some(shown) = take_fresh(&app, live)? else {
        let again = listed(&office, (None, &NONE), sent, Some(NOT_FRESH)).await?;
        return Err(Stop::with(wrong(again)));
    };
    match office.new_api_key(&shown, new).await {
        Ok(made) => Ok(once(&office, &made)?.into_response()),
        Err(e) if e.reason() == Some(reason::TOO_MANY) => {
            let said = "There are as many keys as an organisation has: revoke one first.";
            Err(mend(
                listed(&office, (None, &NONE), sent, Some(said)).await?,
            ))
        }
        Err(e) => Err(e.into()),
    }
}

/// The page that shows a key.
fn once(office: &Office, made: &IssuedKey) -> Answer<Html<String>> {
    html(&MadeApiKey {
        page: page(office, PATH, None),
        row: KeyRow::of(made.info()),
        secret: Part {
            name: "Key".to_owned(),
            value: SecretBytes::copy_of(made.key().expose().as_bytes()),
        },
    })
}

/// Makes the key that follows, and shows it this once.
pub(super) async fn rotate(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    Path(key): Path<String>,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    owner(&own)?;
    let Own { office, live } = own;
    let id = id(&key)?;
    // What is not there is not there, whatever is sent for it.
    office.api_key(id).await?;
    let hours = form.text("hours").map_err(Failure::input)?.parse().ok();
    let rotation = hours.and_then(|hours: u64| {
        let overlap = Duration::from_secs(hours.checked_mul(60 * 60)?);
        Rotation::new().overlap(overlap).ok()
    });
    let Some(rotation) = rotation else {
        let said = "Both work for 0 to 720 hours.";
        return Err(mend(one(&office, id, &NONE, Some(said)).await?));
    };
    let Some(shown) = take_fresh(&app, live)? else {
        return Err(Stop::with(wrong(
            one(&office, id, &NONE, Some(NOT_FRESH)).await?,
        )));
    };
    match office.rotate_api_key(&shown, id, rotation).await {
        Ok(made) => Ok(once(&office, &made)?.into_response()),
        Err(e) if e.kind() == ErrorKind::Rejected && e.reason() != Some(Reason::NOT_FOUND) => {
            let said = match e.reason() {
                Some(reason::TOO_MANY) => {
                    "There are as many keys as an organisation has: revoke one first."
                }
                _ => "It has been rotated already, or has ended.",
            };
            Err(mend(one(&office, id, &NONE, Some(said)).await?))
        }
        Err(e) => Err(e.into()),
    }
}

/// Takes scopes and addresses from a key. No secret of it is needed.
pub(super) async fn narrow(
    Proved(own): Proved<Own>,
    Path(key): Path<String>,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    owner(&own)?;
    let office = own.office;
    let id = id(&key)?;
    office.api_key(id).await?;
    let scopes = chosen(&mut form)?;
    let text = form.text("ranges").map_err(Failure::input)?;
    let mut to = Narrow::new().scopes(scopes);
    if !text.trim().is_empty() {
        match ranges(&text) {
            Ok(ranges) => to = to.ranges(ranges),
            Err(why) => return Err(mend(one(&office, id, &NONE, Some(why)).await?)),
        }
    }
    match office.narrow_api_key(id, &to).await {
        Ok(_) => {
            let said = "Narrowed. It may no more than that from now on.";
            let to = office.tell_next(&path_of(&id.to_string()), said, &[]);
            Ok(Redirect::to(&to).into_response())
        }
        Err(e) if e.reason() == Some(reason::WIDER) => {
            let said = "That is more than it may now: nobody can widen a key. Make another one.";
            Err(mend(one(&office, id, &NONE, Some(said)).await?))
        }
        Err(e) => Err(e.into()),
    }
}

pub(super) async fn revoke(Proved(own): Proved<Own>, Path(key): Path<String>) -> Answer<Redirect> {
    owner(&own)?;
    own.office.revoke_api_key(id(&key)?).await?;
    let said = "Revoked. It opens nothing any more.";
    Ok(Redirect::to(&own.office.tell_next(PATH, said, &[])))
}
