//! The administration of the service: what it holds, who administrates it, and acting for a user.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::session::{LiveSession, OwnPage};
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, ErrorKind, Reason, Subject, Tenant};
use keyward_password::Identifier;
use keyward_session::Staff;

use super::asker::{Answer, FRESH, fresh, wrong};
use super::asking::posted;
use super::{After, admin_page, html};
use crate::app::App;
use crate::desk::{Administrator, Which};
use crate::hookview::refused_in_words;
use crate::organisation::Organisation;
use crate::people::Person;
use crate::view::{Admin, PersonRow};

/// How many people are shown.
const LIMIT: usize = 500;

const NOT_FRESH: &str = "That asks that you showed who you are within the last 15 minutes: do so at \
                         Account, and come back.";

async fn view(admin: &Administrator, after: &After, problem: Option<&str>) -> Answer<Html<String>> {
    let notice = admin.told("/admin", after.done.as_deref());
    let people = admin.people(LIMIT).await?.into_iter();
    html(&Admin {
        page: admin_page(admin, "/admin", notice),
        problem: problem.map(str::to_owned),
        keys: admin.desk().keys_in_short().await?,
        refused: refused_in_words(&admin.desk().refused().sums()),
        people: people
            .map(|listed| PersonRow {
                email: listed.person.email,
                role: listed.person.role.word(),
                organisation: listed.organisation,
                tenant: listed.tenant,
                subject: listed.subject,
            })
            .collect(),
    })
}

pub(super) async fn show(
    Proved(admin): Proved<Administrator>,
    Query(after): Query<After>,
) -> Answer<Html<String>> {
    view(&admin, &after, None).await
}

/// Mails an invitation to administrate the service.
pub(super) async fn invite(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
    mut form: SecretForm,
) -> Answer<Response> {
    let none = After { done: None };
    let email = form.text("email").map_err(Failure::input)?;
    let Ok(address) = Identifier::email(&email) else {
        let again = view(&admin, &none, Some("That is no e-mail address.")).await?;
        return Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response());
    };
    if fresh(&app, &admin.live)?.is_none() {
        return Ok(wrong(view(&admin, &none, Some(NOT_FRESH)).await?));
    }
    posted(&app, admin.invite(&address).await)?;
    let said = "If mail may be sent there now, the invitation is on its way.";
    Ok(Redirect::to(&admin.tell_next("/admin", said)).into_response())
}

/// Acts for a user, with a reason: a session of its own, which he sees among his devices.
pub(super) async fn act(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
    mut form: SecretForm,
) -> Answer<Response> {
    let none = After { done: None };
    let not_found = |_| Error::rejected(Reason::NOT_FOUND);
    let tenant = form.text("tenant").map_err(Failure::input)?;
    let tenant = Tenant::new(&tenant).map_err(not_found)?;
    let subject = form.text("subject").map_err(Failure::input)?;
    let subject = Subject::new(&subject).map_err(not_found)?;
    let reason = form.text("reason").map_err(Failure::input)?;
    // One of an organisation's people: administrators are of none.
    if !Organisation::is_there(app.data(), &tenant).await? {
        return Err(Error::rejected(Reason::NOT_FOUND).into());
    }
    Person::fetch(app.data(), &tenant, &subject).await?;
    if reason.is_empty() {
        let said = "Say why: the user sees it, and so does the record.";
        let again = view(&admin, &none, Some(said)).await?;
        return Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, again).into_response());
    }
    let sessions = &app.doors().sessions;
    if fresh(&app, &admin.live)?.is_none() {
        return Ok(wrong(view(&admin, &none, Some(NOT_FRESH)).await?));
    }
    let fresh = sessions.fresh::<_, FRESH>(admin.live)?;
    let started = match sessions.act_as(fresh, &tenant, &subject, &reason).await {
        Ok(started) => started,
        Err(e) if e.kind() == ErrorKind::Rejected => {
            return Err(Failure::input(Error::misuse("the reason cannot be kept")));
        }
        Err(e) => return Err(e.into()),
    };
    let to = Redirect::to(Which::Users.home());
    Ok((app.web.begin(&started)?, to).into_response())
}

/// Ends acting for a user. Where that has ended already, its cookie goes all the same: until then
/// nobody in this browser is himself.
pub(super) async fn leave(
    State(app): State<App>,
    staff: Option<LiveSession<Staff>>,
    _: OwnPage,
) -> Answer<Response> {
    if let Some(staff) = staff {
        app.doors().sessions.end(&staff).await?;
    }
    Ok((app.web.forget::<Staff>()?, Redirect::to("/admin")).into_response())
}
