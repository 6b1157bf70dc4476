//! What people, and administrators, do with their own account: the password, the address, who they
//! are shown again, and where they are logged in.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason, SecretBytes};
use keyward_password::{Identifier, LoggedIn, Tried};
use keyward_session::{Admin, Device, Kind, LiveSession, OwnKind, SessionId, Start, User};

use super::asker::{Answer, Asker, Stop, too_soon, wrong};
use super::asking::posted;
use super::doors::device_cookie;
use super::{After, admin_page, html, page};
use crate::accountview::{AccountPage, DeviceRow, Devices};
use crate::app::App;
use crate::desk::{Administrator, Book, Own, Set, Which};
use crate::logs::Log;
use crate::notice::Notice;
use crate::people::Person;
use crate::view::{Page, minute};

/// Somebody who is himself: at either door.
pub(super) trait Holder: Send + Sync + 'static {
    type Kind: OwnKind;
    const WHICH: Which;
    /// The page of devices.
    const DEVICES: &'static str;
    /// The page of approvals, and of the log that has them.
    const APPROVALS: &'static str;
    const LOG: &'static str;

    fn live(&self) -> &LiveSession<Self::Kind>;
    fn into_live(self) -> LiveSession<Self::Kind>;
    fn person(&self) -> &Person;
    /// What the organisation is called, if he is of one.
    fn organisation(&self) -> &str;
    fn page(&self, current: &'static str, notice: Option<Notice>) -> Page;
    fn tell_next(&self, path: &str, text: &'static str) -> String;
    fn told(&self, path: &str, after: &After) -> Option<Notice>;
    /// A log that he may read, by what an export of it is called.
    fn book(&self, called: &str) -> keyward_base::Result<Book>;
}

impl Holder for Own {
    type Kind = User;
    const WHICH: Which = Which::Users;
    const DEVICES: &'static str = "/devices";
    const APPROVALS: &'static str = "/approvals";
    const LOG: &'static str = "/audit";

    fn live(&self) -> &LiveSession<User> {
        &self.live
    }

    fn into_live(self) -> LiveSession<User> {
        self.live
    }

    fn person(&self) -> &Person {
        self.office.person()
    }

    fn organisation(&self) -> &str {
        self.office.organisation()
    }

    fn page(&self, current: &'static str, notice: Option<Notice>) -> Page {
        page(&self.office, current, notice)
    }

    fn tell_next(&self, path: &str, text: &'static str) -> String {
        self.office.tell_next(path, text, &[])
    }

    fn told(&self, path: &str, after: &After) -> Option<Notice> {
        after.notice(&self.office, path)
    }

    fn book(&self, called: &str) -> keyward_base::Result<Book> {
        match called == Log::Organisation.file() {
            true => Ok(self.office.book()),
            false => Err(Error::rejected(Reason::NOT_FOUND)),
        }
    }
}

impl Holder for Administrator {
    type Kind = Admin;
    const WHICH: Which = Which::Admins;
    const DEVICES: &'static str = "/admin/devices";
    const APPROVALS: &'static str = "/admin/approvals";
    const LOG: &'static str = "/admin/logins";

    fn live(&self) -> &LiveSession<Admin> {
        &self.live
    }

    fn into_live(self) -> LiveSession<Admin> {
        self.live
    }

    fn person(&self) -> &Person {
        Self::person(self)
    }

    fn organisation(&self) -> &'static str {
        "the service"
    }

    fn page(&self, current: &'static str, notice: Option<Notice>) -> Page {
        admin_page(self, current, notice)
    }

    fn tell_next(&self, path: &str, text: &'static str) -> String {
        Self::tell_next(self, path, text)
    }

    fn told(&self, path: &str, after: &After) -> Option<Notice> {
        Self::told(self, path, after.done.as_deref())
    }

    fn book(&self, called: &str) -> keyward_base::Result<Book> {
        let mut logs = [Log::Service, Log::Administrators].into_iter();
        let log = logs.find(|log| log.file() == called);
        Self::book(self, log.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?)
    }
}

fn view<H: Holder>(
    holder: &H,
    notice: Option<Notice>,
    problem: Option<String>,
) -> Answer<Html<String>> {
    let path = H::WHICH.account();
    let (live, person) = (holder.live(), holder.person());
    html(&AccountPage {
        page: holder.page(path, notice),
        path,
        email: person.email.clone(),
        organisation: holder.organisation().to_owned(),
        tenant: live.tenant().as_str().to_owned(),
        subject: live.subject().as_str().to_owned(),
        role: person.role.word(),
        authenticated: minute(live.authenticated_at()),
        problem,
    })
}

pub(super) async fn show<H: Holder>(
    Proved(holder): Proved<H>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    let notice = holder.told(H::WHICH.account(), &after);
    view(&holder, notice, None)
}

/// Who shows once more, by the form's current password, that it is his account.
async fn current<H: Holder>(
    app: &App,
    holder: &H,
    asker: &Asker,
    form: &mut SecretForm,
) -> Result<LoggedIn, Stop> {
    let (email, typed) = (&holder.person().email, form.secret("current"));
    match asker.check(app, H::WHICH, email, typed).await? {
        Tried::In(logged_in) => Ok(*logged_in),
        Tried::Refused => {
            let said = "The current password is another one.".to_owned();
            Err(Stop::with(wrong(view(holder, None, Some(said))?)))
        }
        Tried::Blocked(blocked) => Err(too_soon(app, blocked).into()),
    }
}

fn unfit<H: Holder>(holder: &H, why: String) -> Result<Response, Stop> {
    let again = view(holder, None, Some(why))?;
    Err(Stop::with(Shown::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        again,
    )))
}

/// Changes the password: every session ends, and this browser gets a new one.
pub(super) async fn password<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    asker: Asker,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    let typed = form.secret("password");
    let again = SecretBytes::copy_of(typed.expose());
    let logged_in = current(&app, &holder, &asker, &mut form).await?;
    let address = Identifier::email(&holder.person().email)?;
    let changed = app.change_password(H::WHICH, &address, logged_in, typed);
    if let Set::Unfit(why) = changed.await? {
        return unfit(&holder, why);
    }
    let Tried::In(logged_in) = asker.check(&app, H::WHICH, address.as_str(), again).await? else {
        // Somebody changed it once more.
        return Ok(Redirect::to(H::WHICH.login()).into_response());
    };
    let device = device_cookie(&app, H::WHICH, logged_in.device())?;
    let start = Start::new().client(&asker.client());
    let started = app.doors().sessions.start(*logged_in, start).await?;
    let session = app.web.begin(&started)?;
    let to = Redirect::to(H::WHICH.account());
    Ok((session, device, to).into_response())
}

/// Mails a link to the new address.
pub(super) async fn email<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    asker: Asker,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    let email = form.text("email").map_err(Failure::input)?;
    let logged_in = current(&app, &holder, &asker, &mut form).await?;
    let Ok(new) = Identifier::email(&email) else {
        return unfit(&holder, "That is no e-mail address.".to_owned());
    };
    let address = Identifier::email(&holder.person().email)?;
    let mail = &app.doors().of(H::WHICH).mail;
    posted(&app, mail.change_email(&address, &new, logged_in).await)?;
    let said = "If mail may be sent there now, a link is on its way to the new address.";
    Ok(Redirect::to(&holder.tell_next(H::WHICH.account(), said)).into_response())
}

/// Shows once more who he is: a session under a new id.
pub(super) async fn again<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    asker: Asker,
    mut form: SecretForm,
) -> Result<Response, Stop> {
    let logged_in = current(&app, &holder, &asker, &mut form).await?;
    let device = device_cookie(&app, H::WHICH, logged_in.device())?;
    let sessions = &app.doors().sessions;
    let started = sessions
        .reauthenticate(holder.into_live(), logged_in)
        .await?;
    let session = app.web.begin(&started)?;
    Ok((session, device, Redirect::to(H::WHICH.account())).into_response())
}

fn row(device: Device) -> DeviceRow {
    let staff = device.kind == Kind::Staff;
    let title = match (device.name.as_str(), device.client.as_str()) {
        ("", "") => "A device".to_owned(),
        ("", client) => client.to_owned(),
        (name, _) => name.to_owned(),
    };
    let methods = device.methods.iter().map(|word| match word.as_str() {
        "pwd" => "password",
        "link" => "mailed link",
        other => other,
    });
    DeviceRow {
        id: device.id.to_string(),
        title,
        own: device.is_current,
        kind: match device.kind {
            Kind::Admin => "administration",
            Kind::Pending => "waits for a second factor",
            Kind::Staff => "staff",
            _ => "session",
        },
        methods: methods.collect::<Vec<_>>().join(", "),
        staff,
        reason: device.staff_reason.unwrap_or_default(),
        created: minute(device.created),
        seen: minute(device.last_seen),
        client: device.client,
        name: device.name,
    }
}

pub(super) async fn devices<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    let found = app.doors().sessions.devices(holder.live()).await?;
    html(&Devices {
        page: holder.page(H::DEVICES, holder.told(H::DEVICES, &after)),
        path: H::DEVICES,
        devices: found.into_iter().map(row).collect(),
    })
}

fn id(text: &str) -> Result<SessionId, Error> {
    SessionId::parse(text).map_err(|_| Error::rejected(Reason::NOT_FOUND))
}

pub(super) async fn end_device<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(device): Path<String>,
) -> Answer<Response> {
    let device = id(&device)?;
    let own = device == holder.live().id();
    app.doors()
        .sessions
        .end_device(holder.live(), device)
        .await?;
    if own {
        let to = Redirect::to(H::WHICH.login());
        return Ok((app.web.log_out::<H::Kind>()?, to).into_response());
    }
    let said = "It is logged out.";
    Ok(Redirect::to(&holder.tell_next(H::DEVICES, said)).into_response())
}

pub(super) async fn end_others<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
) -> Answer<Redirect> {
    app.doors().sessions.end_others(holder.live()).await?;
    let said = "All others are logged out.";
    Ok(Redirect::to(&holder.tell_next(H::DEVICES, said)))
}

pub(super) async fn name_device<H: Holder>(
    State(app): State<App>,
    Proved(holder): Proved<H>,
    Path(device): Path<String>,
    mut form: SecretForm,
) -> Answer<Redirect> {
    let device = id(&device)?;
    let name = form.text("name").map_err(Failure::input)?;
    let named = app
        .doors()
        .sessions
        .name(holder.live(), device, &name)
        .await;
    let said = match named {
        Ok(()) => "It has that name now.",
        Err(e) if matches!(e.reason(), Some(Reason::TOO_LONG | Reason::MALFORMED)) => {
            "A name has at most 64 bytes, and nothing that is not shown."
        }
        Err(e) => return Err(e.into()),
    };
    Ok(Redirect::to(&holder.tell_next(H::DEVICES, said)))
}
