//! The pages of mailed links, and what their forms do.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::session::{LiveSession, OwnPage};
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, ErrorKind, Reason};
use keyward_password::mail::LinkKind;
use keyward_session::{Start, User};
use serde::Deserialize;

use super::asker::{Answer, any, wrong};
use super::doors::{device_cookie, himself};
use super::html;
use crate::accountview::{LinkPage, Void};
use crate::app::App;
use crate::client::client;
use crate::desk::{Set, Which};
use crate::view::Page;

/// The token in the address of a mailed link.
#[derive(Deserialize)]
pub(super) struct Linked {
    #[serde(default)]
    pub(super) token: String,
}

/// The page of a link that is of use, or 404: it uses nothing up.
async fn link_page(
    app: &App,
    which: Which,
    token: &str,
    problem: Option<String>,
) -> Answer<Html<String>> {
    let looked = app.doors().of(which).mail.look(token).await?;
    let (title, said, button, asks_password) = match looked.kind {
        LinkKind::SignUp => (
            "Choose a password",
            "With it your account is made, and an organisation of your own.",
            "Make the account",
            true,
        ),
        LinkKind::Invite => (
            "Choose a password",
            "With it your account is made, in the organisation that invites you.",
            "Join",
            true,
        ),
        LinkKind::Reset => (
            "Choose another password",
            "The one there is ends with it, and so does every session.",
            "Change the password",
            true,
        ),
        LinkKind::NewEmail => (
            "Confirm the new e-mail",
            "From then on you log in with it.",
            "Confirm",
            false,
        ),
        LinkKind::SignIn => ("Log in", "This link logs you in once.", "Log in", false),
        _ => return Err(Error::rejected(Reason::NOT_FOUND).into()),
    };
    html(&LinkPage {
        page: Page::public(which.password()),
        title,
        said,
        account: Some(looked.address.as_str().to_owned()),
        action: which.page_of(looked.kind),
        token: token.to_owned(),
        asks_email: false,
        asks_password,
        button,
        problem,
    })
}

pub(super) async fn link(
    State(app): State<App>,
    Query(linked): Query<Linked>,
) -> Answer<Html<String>> {
    link_page(&app, Which::Users, &linked.token, None).await
}

pub(super) async fn admin_link(
    State(app): State<App>,
    Query(linked): Query<Linked>,
) -> Answer<Html<String>> {
    link_page(&app, Which::Admins, &linked.token, None).await
}

pub(super) async fn password(
    State(app): State<App>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    password_at(&app, Which::Users, form).await
}

pub(super) async fn admin_password(
    State(app): State<App>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    password_at(&app, Which::Admins, form).await
}

/// A form whose link is of no use (any more): whoever sends it does not show who he is.
pub(super) fn void(error: Error) -> Answer<Response> {
    match error.kind() {
        ErrorKind::Rejected => Ok(wrong(html(&Void {
            page: Page::public("/password"),
        })?)),
        _ => Err(error.into()),
    }
}

async fn password_at(app: &App, which: Which, mut form: SecretForm) -> Answer<Response> {
    let token = form.text("token").map_err(Failure::input)?;
    let typed = form.secret("password");
    match app.set_password(which, &token, typed).await {
        Ok(Set::Done(device)) => {
            let to = Redirect::to(which.login());
            match device {
                Some(device) => Ok((device_cookie(app, which, &device)?, to).into_response()),
                None => Ok(to.into_response()),
            }
        }
        Ok(Set::Unfit(why)) => {
            let again = link_page(app, which, &token, Some(why)).await?;
            Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
        }
        Err(error) => void(error),
    }
}

pub(super) async fn email(
    State(app): State<App>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    email_at(&app, Which::Users, form).await
}

pub(super) async fn admin_email(
    State(app): State<App>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    email_at(&app, Which::Admins, form).await
}

async fn email_at(app: &App, which: Which, mut form: SecretForm) -> Answer<Response> {
    let token = form.text("token").map_err(Failure::input)?;
    match app.confirm_email(which, &token).await {
        Ok(()) => Ok(Redirect::to(which.account()).into_response()),
        Err(error) => void(error),
    }
}

/// Uses a link that logs in.
pub(super) async fn enter(
    State(app): State<App>,
    former: Option<LiveSession<User>>,
    _: OwnPage,
    headers: HeaderMap,
    mut form: SecretForm,
) -> Answer<Response> {
    let token = form.text("token").map_err(Failure::input)?;
    let used = match app.doors().users.mail.sign_in(&token).await {
        Ok(used) => used,
        Err(error) => return void(error),
    };
    let former = former.as_ref().map(any);
    let device = device_cookie(&app, Which::Users, used.device())?;
    let start = Start::new().client(&client(&headers)).replacing(former);
    let started = app.doors().sessions.start(used, start).await?;
    let session = app.web.begin(&started)?;
    let to = (session, device, Redirect::to(Which::Users.home()));
    himself(&app, &headers, to)
}
