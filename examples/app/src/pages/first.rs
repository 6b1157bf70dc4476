//! The link by which the first administrator comes.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::session::OwnPage;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason};
use keyward_password::Identifier;

use super::asker::Answer;
use super::asking::NO_ADDRESS;
use super::html;
use super::links::{Linked, void};
use crate::accountview::LinkPage;
use crate::app::App;
use crate::desk::{Set, Which};
use crate::view::Page;

fn form(token: &str, problem: Option<String>) -> Answer<Html<String>> {
    html(&LinkPage {
        page: Page::public("/admin/first"),
        title: "The first administrator",
        said: "Whoever holds this link makes himself the first administrator of the service.",
        account: None,
        action: "/admin/first",
        token: token.to_owned(),
        asks_email: true,
        asks_password: true,
        button: "Make the account",
        problem,
    })
}

pub(super) async fn page(
    State(app): State<App>,
    Query(linked): Query<Linked>,
) -> Answer<Html<String>> {
    if !app.is_first(&linked.token).await? {
        return Err(Error::rejected(Reason::NOT_FOUND).into());
    }
    form(&linked.token, None)
}

pub(super) async fn make(
    State(app): State<App>,
    _: OwnPage,
    mut sent: SecretForm,
) -> Answer<Response> {
    let token = sent.text("token").map_err(Failure::input)?;
    let email = sent.text("email").map_err(Failure::input)?;
    let typed = sent.secret("password");
    let problem = match Identifier::email(&email) {
        Err(_) => NO_ADDRESS.to_owned(),
        Ok(address) => match app.make_first(&token, &address, typed).await {
            Ok(Set::Done(_)) => {
                return Ok(Redirect::to(Which::Admins.login()).into_response());
            }
            Ok(Set::Unfit(why)) => why,
            Err(error) => return void(error),
        },
    };
    if !app.is_first(&token).await? {
        return void(Error::rejected(Reason::NOT_FOUND));
    }
    let again = form(&token, Some(problem))?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}
