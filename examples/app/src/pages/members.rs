//! The people of an organisation: listed, and invited by its owners.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_approval::StepBuilder;
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason, Subject};
use keyward_password::Identifier;

use super::approvals::wish;
use super::asker::{Answer, fresh, owner, wrong};
use super::asking::posted;
use super::{After, html, page};
use crate::accountview::{Member, Members};
use crate::app::App;
use crate::desk::{Change, Own, ROLE};
use crate::people::Role;
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
            .map(|(subject, person)| Member {
                is_owner: person.role == Role::Owner,
                subject: subject.as_str().to_owned(),
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

/// Makes a member an owner, or an owner a member, once that was approved: whoever is an owner approves
/// what others ask.
pub(super) async fn role(
    State(app): State<App>,
    Proved(own): Proved<Own>,
    mut form: SecretForm,
) -> Answer<Response> {
    owner(&own)?;
    let nobody = || Error::rejected(Reason::NOT_FOUND);
    let who = form.text("who").map_err(Failure::input)?;
    let who = Subject::new(&who).map_err(|_| nobody())?;
    let to = form.text("role").map_err(Failure::input)?;
    let to = Role::of_organisation(&to).ok_or_else(nobody)?;
    let person = own.office.one_of_us(&who).await?;
    let none = After { done: None };
    let is_fresh = fresh(&app, &own.live)?.is_some();
    if !is_fresh {
        let said = "To change who owns this, show once more who you are: at Account.";
        return Ok(wrong(view(&own, &none, Some(said)).await?));
    }
    let not = match app.change(own.live.tenant(), &who, to).await? {
        Change::By(_) => None,
        Change::Already => Some("That is so already."),
        Change::Last => Some("There is always an owner: make somebody else one first."),
        Change::Gone => return Err(nobody().into()),
    };
    if let Some(said) = not {
        let again = view(&own, &none, Some(said)).await?;
        return Ok(Shown::new(StatusCode::CONFLICT, again).into_response());
    }
    let with = |step: StepBuilder| {
        step.with("address", person.email.as_str())?
            .with("role", to.word())
    };
    if let Some(answer) = wish(&app, &own, (ROLE, who.as_str()), with).await? {
        return Ok(answer);
    }
    own.office.change_now(&who, to).await?;
    Ok(Redirect::to(&own.office.tell_next(PATH, "Changed.", &[])).into_response())
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
