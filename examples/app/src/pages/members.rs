//! The people of an organisation: listed, and invited by its owners.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_password::Identifier;

use super::asker::{Answer, fresh, owner, wrong};
use super::asking::posted;
use super::{After, html, page};
use crate::accountview::{Member, Members};
use crate::app::App;
use crate::desk::Own;
use crate::view::minute;

const PATH: &str = "/members";

/// How many are shown.
const LIMIT: usize = 500;

async fn view(own: &Own, after: &After, problem: Option<&str>) -> Answer<Html<String>> {
    let office = &own.office;
    let members = office.people(LIMIT).await?.into_iter();
    html(&Members {
        page: page(office, PATH, after.notice(office, PATH)),
        organisation: office.organisation().to_owned(),
        members: members
            .map(|person| Member {
                role: person.role.word(),
                since: minute(keyward_base::Timestamp::from_millis(person.since)),
                email: person.email,
            })
            .collect(),
        owner: own.office.is_owners(),
        problem: problem.map(str::to_owned),
    })
}

pub(super) async fn show(
    Proved(own): Proved<Own>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    view(&own, &after, None).await
}

pub(super) async fn invite(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    mut form: SecretForm,
) -> Answer<Response> {
    owner(&own)?;
    let none = After { done: None };
    let email = form.text("email").map_err(Failure::input)?;
    let Ok(address) = Identifier::email(&email) else {
        let again = view(&own, &none, Some("That is no e-mail address.")).await?;
        return Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response());
    };
    if fresh(&app, &own.live)?.is_none() {
        let said = "To invite somebody, show once more who you are: at Account.";
        return Ok(wrong(view(&own, &none, Some(said)).await?));
    }
    posted(&app, own.office.invite(&address).await)?;
    let said = "If mail may be sent there now, the invitation is on its way.";
    Ok(Redirect::to(&own.office.tell_next(PATH, said, &[])).into_response())
}

pub(super) async fn rename(Proved(own): Proved<Own>, mut form: SecretForm) -> Answer<Response> {
    owner(&own)?;
    let name = form.text("name").map_err(Failure::input)?;
    if !own.office.rename(&name).await? {
        let none = After { done: None };
        let again = view(&own, &none, Some("A name has something that is shown.")).await?;
        return Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response());
    }
    Ok(Redirect::to(&own.office.tell_next(PATH, "Renamed.", &[])).into_response())
}
