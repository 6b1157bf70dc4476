//! The two ways in: log-in and log-out, sign-up, a forgotten password, and the pages of mailed links.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{COOKIE, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use keyward_axum::session::{LiveSession, OwnPage};
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{AddressPrefix, Error, ErrorKind, Reason, SecretBytes};
use keyward_password::mail::{Ask, Letter, LinkKind, Message};
use keyward_password::{Attempt, DeviceToken, Identifier, LoggedIn, Tried};
use keyward_session::{Admin, AnyLive, OwnKind, Staff, Start, User};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::html;
use crate::accountview::{Forgot, LinkPage, LogInForm, Sent, SignUp};
use crate::app::App;
use crate::client::client;
use crate::desk::{Set, Which};
use crate::view::Page;

pub(super) type Answer<T> = Result<T, Failure>;

/// What a 401 asks for: a session, which a browser's cookie names.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Cookie realm=\"session\"");

/// A session of whatever kind.
pub(super) fn any<K: keyward_session::SessionKind>(live: &LiveSession<K>) -> &AnyLive {
    live
}

/// Who asks, and from where.
#[derive(Debug)]
pub(super) struct Asker {
    from: SocketAddr,
    headers: HeaderMap,
}

impl Asker {
    pub(super) const fn new(from: SocketAddr, headers: HeaderMap) -> Self {
        Self { from, headers }
    }

    /// Judges a password at a door.
    pub(super) async fn check(
        &self,
        app: &App,
        which: Which,
        identifier: &str,
        password: SecretBytes,
    ) -> Answer<Tried> {
        let lines = self.headers.get_all(COOKIE).iter();
        let device = app
            .device_cookie(which)
            .read(lines.map(HeaderValue::as_bytes));
        let tried = app.doors().of(which).login.check(Attempt {
            identifier,
            password,
            prefix: AddressPrefix::of(self.from.ip()),
            // One that is no token is none.
            device: device.ok().flatten(),
        });
        Ok(tried.await?)
    }

    /// What the browser calls itself.
    pub(super) fn client(&self) -> String {
        client(&self.headers)
    }
}

/// 401, with a page of the service's own.
pub(super) fn wrong(page: Html<String>) -> Response {
    let mut response = Shown::new(StatusCode::UNAUTHORIZED, page).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    response
}

/// 429, and when to come again.
pub(super) fn too_soon(app: &App, blocked: keyward_password::Blocked) -> Failure {
    let wait = match app.clock().now() {
        Ok(now) => blocked.retry.wait(now),
        Err(error) => return error.into(),
    };
    Failure::too_many(wait, Error::rejected(Reason::NOT_FOUND))
}

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
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    former: Option<LiveSession<User>>,
    _: OwnPage,
    headers: HeaderMap,
    form: SecretForm,
) -> Answer<Response> {
    let former = former.as_ref().map(any);
    log_in_at(&app, Which::Users, Asker::new(from, headers), former, form).await
}

pub(super) async fn admin_log_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    former: Option<LiveSession<Admin>>,
    _: OwnPage,
    headers: HeaderMap,
    form: SecretForm,
) -> Answer<Response> {
    let former = former.as_ref().map(any);
    log_in_at(&app, Which::Admins, Asker::new(from, headers), former, form).await
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

pub(super) async fn sign_up_page() -> Answer<Html<String>> {
    html(&SignUp {
        page: Page::public("/signup"),
        problem: None,
    })
}

/// What is said of what is no address. It says nothing of who has an account.
const NO_ADDRESS: &str = "That is no e-mail address: write it as ann@example.com.";

/// Asks for mail: the same answer whoever exists.
async fn ask(app: &App, which: Which, what: Ask, from: SocketAddr, email: &str) -> Answer<bool> {
    let Ok(address) = Identifier::email(email) else {
        return Ok(false);
    };
    let asked = app
        .doors()
        .of(which)
        .mail
        .ask(what, &address, AddressPrefix::of(from.ip()));
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
    ConnectInfo(from): ConnectInfo<SocketAddr>,
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
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    forgot_at(&app, Which::Users, from, form).await
}

pub(super) async fn admin_forgot(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    _: OwnPage,
    form: SecretForm,
) -> Answer<Response> {
    forgot_at(&app, Which::Admins, from, form).await
}

async fn forgot_at(
    app: &App,
    which: Which,
    from: SocketAddr,
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

/// The token in the address of a mailed link.
#[derive(Deserialize)]
pub(super) struct Linked {
    #[serde(default)]
    token: String,
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
fn void(error: Error) -> Answer<Response> {
    match error.kind() {
        ErrorKind::Rejected => {
            let page = html(&super::link_is_void())?;
            Ok(wrong(page))
        }
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

/// Who logs in is himself from here on, though staff acted in this browser before.
fn himself(app: &App, headers: &HeaderMap, answer: impl IntoResponse) -> Answer<Response> {
    if !app.says_staff(headers) {
        return Ok(answer.into_response());
    }
    Ok((app.web.forget::<Staff>()?, answer).into_response())
}

fn first_form(token: &str, problem: Option<String>) -> Answer<Html<String>> {
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

pub(super) async fn first_page(
    State(app): State<App>,
    Query(linked): Query<Linked>,
) -> Answer<Html<String>> {
    if !app.is_first(&linked.token).await? {
        return Err(Error::rejected(Reason::NOT_FOUND).into());
    }
    first_form(&linked.token, None)
}

pub(super) async fn first(
    State(app): State<App>,
    _: OwnPage,
    mut form: SecretForm,
) -> Answer<Response> {
    let token = form.text("token").map_err(Failure::input)?;
    let email = form.text("email").map_err(Failure::input)?;
    let typed = form.secret("password");
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
    let again = first_form(&token, Some(problem))?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}
