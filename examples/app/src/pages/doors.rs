//! The two ways in: log-in and log-out.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use keyward_axum::session::{LiveSession, OwnPage};
use keyward_axum::{Failure, SecretForm};
use keyward_base::Reason;
use keyward_password::mail::{Letter, Message};
use keyward_password::{DeviceToken, Identifier, LoggedIn, Tried};
use keyward_session::{Admin, AnyLive, OwnKind, Staff, Start, User};
use secrecy::ExposeSecret as _;

use super::asker::{Answer, Asker, any, too_soon, wrong};
use super::html;
use crate::accountview::LogInForm;
use crate::app::App;
use crate::desk::Which;
use crate::view::Page;

fn log_in_form(which: Which, problem: Option<&str>) -> Answer<Html<String>> {
    html(&LogInForm {
        page: Page::public(which.login()),
        title: match which {
            Which::Users => "Log in",
            Which::Admins => "Log in to the administration",
        },
        action: which.login(),
        remembers: which == Which::Users,
        problem: problem.map(str::to_owned),
    })
}

pub(super) async fn log_in_page() -> Answer<Html<String>> {
    log_in_form(Which::Users, None)
}

pub(super) async fn admin_log_in_page() -> Answer<Html<String>> {
    log_in_form(Which::Admins, None)
}

pub(super) async fn log_in(
    State(app): State<App>,
    former: Option<LiveSession<User>>,
    _: OwnPage,
    asker: Asker,
    form: SecretForm,
) -> Answer<Response> {
    let former = former.as_ref().map(any);
    log_in_at(&app, Which::Users, asker, former, form).await
}

pub(super) async fn admin_log_in(
    State(app): State<App>,
    former: Option<LiveSession<Admin>>,
    _: OwnPage,
    asker: Asker,
    form: SecretForm,
) -> Answer<Response> {
    let former = former.as_ref().map(any);
    log_in_at(&app, Which::Admins, asker, former, form).await
}

async fn log_in_at(
    app: &App,
    which: Which,
    asker: Asker,
    former: Option<&AnyLive>,
    mut form: SecretForm,
) -> Answer<Response> {
    let email = form.text("email").map_err(Failure::input)?;
    let password = form.secret("password");
    let remember = matches!(
        form.text("remember").map_err(Failure::input)?.as_str(),
        "on" | "1" | "true" | "yes"
    );
    let logged_in = match asker.check(app, which, &email, password).await? {
        Tried::In(logged_in) => *logged_in,
        Tried::Refused => {
            let said = "E-mail and password do not belong together. Nothing more is said, so that \
                        nobody learns who has an account.";
            return Ok(wrong(log_in_form(which, Some(said))?));
        }
        Tried::Blocked(blocked) => return Err(too_soon(app, blocked)),
    };
    welcome(app, which, &asker, &email, &logged_in).await?;
    let device = device_cookie(app, which, logged_in.device())?;
    let start = Start::new()
        .remember(remember)
        .client(&asker.client())
        .replacing(former);
    let started = app.doors().sessions.start(logged_in, start).await?;
    let session = app.web.begin(&started)?;
    let to = (session, device, Redirect::to(which.home()));
    himself(app, &asker.headers, to)
}

/// What is done for who logged in: his address is kept as he logs in with it, and he is told of a
/// device that is new.
async fn welcome(
    app: &App,
    which: Which,
    asker: &Asker,
    email: &str,
    logged_in: &LoggedIn,
) -> Answer<()> {
    use keyward_base::Evidence as _;
    let address = Identifier::email(email)?;
    let kept = app
        .is_reached_at(logged_in.tenant(), logged_in.subject(), &address)
        .await;
    match kept {
        // He belongs nowhere: every page says so.
        Err(e) if e.reason() == Some(Reason::NOT_FOUND) => {}
        kept => kept?,
    }
    if logged_in.is_new_device() {
        let message = Message::NewDevice {
            at: app.clock().now()?,
            client: asker.client(),
            from: None,
        };
        let letter = Letter {
            to: address,
            message,
        };
        // One that finds no room is counted.
        app.doors().of(which).outbox.tell(letter);
    }
    Ok(())
}

/// The cookie by which the device is known from now on.
pub(super) fn device_cookie(
    app: &App,
    which: Which,
    device: &DeviceToken,
) -> Answer<AppendHeaders<[(HeaderName, HeaderValue); 1]>> {
    let cookie = app.device_cookie(which);
    let cookie = cookie.set(device.text().expose_secret(), Some(device.max_age()))?;
    Ok(AppendHeaders([(SET_COOKIE, cookie)]))
}

pub(super) async fn log_out(
    State(app): State<App>,
    live: Option<LiveSession<User>>,
    _: OwnPage,
) -> Answer<Response> {
    end::<User>(&app, live, "/").await
}

pub(super) async fn admin_log_out(
    State(app): State<App>,
    live: Option<LiveSession<Admin>>,
    _: OwnPage,
) -> Answer<Response> {
    end::<Admin>(&app, live, Which::Admins.login()).await
}

/// Ends this session, in this browser. Where there is none, no cookie is touched.
async fn end<K: OwnKind>(
    app: &App,
    live: Option<LiveSession<K>>,
    to: &'static str,
) -> Answer<Response> {
    let Some(live) = live else {
        return Ok(Redirect::to(to).into_response());
    };
    app.doors().sessions.end(&live).await?;
    Ok((app.web.log_out::<K>()?, Redirect::to(to)).into_response())
}

/// Who logs in is himself from here on, though staff acted in this browser before.
pub(super) fn himself(
    app: &App,
    headers: &HeaderMap,
    answer: impl IntoResponse,
) -> Answer<Response> {
    if !app.says_staff(headers) {
        return Ok(answer.into_response());
    }
    Ok((app.web.forget::<Staff>()?, answer).into_response())
}
