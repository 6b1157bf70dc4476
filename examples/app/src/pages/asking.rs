//! What is asked for by mail: an account, another password, a link that logs in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::session::OwnPage;
use keyward_axum::{ClientIp, Failure, SecretForm, Shown};
use keyward_password::Identifier;
use keyward_password::mail::Ask;

use super::asker::Answer;
use super::html;
use crate::accountview::{Forgot, Sent, SignUp};
use crate::app::App;
use crate::desk::Which;
use crate::view::Page;

pub(super) async fn sign_up_page() -> Answer<Html<String>> {
    html(&SignUp {
        page: Page::public("/signup"),
        problem: None,
    })
}

/// What is said of what is no address. It says nothing of who has an account.
pub(super) const NO_ADDRESS: &str = "That is no e-mail address: write it as ann@example.com.";

/// Asks for mail: the same answer whoever exists.
async fn ask(app: &App, which: Which, what: Ask, from: ClientIp, email: &str) -> Answer<bool> {
    let Ok(address) = Identifier::email(email) else {
        return Ok(false);
    };
    let asked = app
        .doors()
        .of(which)
        .mail
        .ask(what, &address, from.prefix());
    posted(app, asked.await).map(|()| true)
}

/// 429 for who asks for too many mails.
pub(super) fn posted(app: &App, asked: keyward_base::Result<()>) -> Answer<()> {
    match asked {
        Ok(()) => Ok(()),
        Err(error) if error.reason() == Some(keyward_password::reason::LIMITED) => {
            Err(Failure::later(app.clock().now()?, error))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn sign_up(
    State(app): State<App>,
    from: ClientIp,
    _: OwnPage,
    mut form: SecretForm,
) -> Answer<Response> {
    let email = form.text("email").map_err(Failure::input)?;
    if ask(&app, Which::Users, Ask::SignUp, from, &email).await? {
        return Ok(Redirect::to("/sent").into_response());
    }
    let again = html(&SignUp {
        page: Page::public("/signup"),
        problem: Some(NO_ADDRESS),
    })?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

pub(super) async fn sent(State(app): State<App>) -> Answer<Html<String>> {
    html(&Sent {
        page: Page::public("/sent"),
        outbox: app.post().sent().is_some(),
    })
}

fn forgot_form(which: Which, problem: Option<&'static str>) -> Answer<Html<String>> {
    html(&Forgot {
        page: Page::public(which.forgot()),
        action: which.forgot(),
        back: which.login(),
        enters: which == Which::Users,
        problem,
    })
}

pub(super) async fn forgot_page() -> Answer<Html<String>> {
    forgot_form(Which::Users, None)
}

pub(super) async fn admin_forgot_page() -> Answer<Html<String>> {
    forgot_form(Which::Admins, None)
}

pub(super) async fn forgot(
    State(app): State<App>,
    from: ClientIp,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    forgot_at(&app, Which::Users, from, form).await
}

pub(super) async fn admin_forgot(
    State(app): State<App>,
    from: ClientIp,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    forgot_at(&app, Which::Admins, from, form).await
}

async fn forgot_at(
    app: &App,
    which: Which,
    from: ClientIp,
    mut form: SecretForm,
) -> Answer<Response> {
    let email = form.text("email").map_err(Failure::input)?;
    // A link by which one logs in without a password is asked for at the same form.
    let what = match form.text("how").map_err(Failure::input)?.as_str() {
        "enter" if which == Which::Users => Ask::SignIn,
        _ => Ask::Reset,
    };
    if ask(app, which, what, from, &email).await? {
        return Ok(Redirect::to("/sent").into_response());
    }
    let again = forgot_form(which, Some(NO_ADDRESS))?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}
