//! Webhook endpoints and what came to them.

use axum::extract::{Path, Query};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, SecretForm, Shown};
use keyward_base::{Error, Reason, SecretBytes};

use super::{After, html, page};
use crate::desk::{Office, Own};
use crate::hooks::Name;
use crate::hookview::counts_in_words;
use crate::hookview::{MadeWebhook, NewWebhook, OneWebhook, Webhooks};
use crate::input::{self, Refused};
use crate::view::{FormView, Part, address};

const PATH: &str = "/webhooks";

/// Deliveries that the overview shows.
const LATELY: usize = 50;

type Answer<T> = Result<T, Failure>;

/// As the browser named this service, which the policy of the pages has looked at.
fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or_default()
}

fn page_of(name: &Name) -> String {
    format!("{PATH}/{}", address(&name.text()))
}

pub(super) async fn list(
    Proved(office): Proved<Office>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer<Html<String>> {
    let endpoints = office.all_endpoints(host(&headers)).await?;
    let mut deliveries = Vec::new();
    for endpoint in &endpoints {
        deliveries.extend(office.deliveries(&Name::parse(&endpoint.id)?).await?);
    }
    deliveries.sort_by_key(|row| std::cmp::Reverse(row.at));
    deliveries.truncate(LATELY);
    html(&Webhooks {
        page: page(&office, PATH, after.notice(&office, PATH)),
        endpoints,
        deliveries,
        counts: counts_in_words(office.delivery_counts().await?),
    })
}

pub(super) async fn show(
    Proved(office): Proved<Office>,
    Path(id): Path<String>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer<Html<String>> {
    let name = Name::parse(&id)?;
    let endpoint = office.one_endpoint(&name, host(&headers)).await?;
    let notice = after.notice(&office, &endpoint.path);
    html(&OneWebhook {
        page: page(&office, PATH, notice),
        endpoint,
        deliveries: office.deliveries(&name).await?,
    })
}

fn blank_form() -> FormView {
    FormView {
        action: PATH.to_owned(),
        back: PATH.to_owned(),
        ..FormView::default()
    }
}

fn form_page(office: &Office, form: FormView) -> Answer<Html<String>> {
    html(&NewWebhook {
        page: page(office, PATH, None),
        form,
    })
}

/// The form again, with what to mend and without anything secret.
fn again(office: &Office, mut form: FormView, refused: Refused) -> Answer<Response> {
    match refused {
        Refused::Mend(problem) => form.problem = Some(problem),
        Refused::Failed(error) => return Err(error.into()),
    }
    let page = form_page(office, form)?;
    Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// To the endpoint's page, or by way of the one that shows a secret that was made.
async fn stored(
    office: &Office,
    name: &Name,
    made: Option<SecretBytes>,
    host: &str,
    said: &'static str,
) -> Answer<Response> {
    let Some(value) = made else {
        let to = office.tell_next(&page_of(name), said, &[]);
        return Ok(Redirect::to(&to).into_response());
    };
    let shown = html(&MadeWebhook {
        page: page(office, PATH, None),
        endpoint: office.one_endpoint(name, host).await?,
        secret: Part {
            name: "Secret".to_owned(),
            value,
        },
    })?;
    Ok(shown.into_response())
}

pub(super) async fn blank(Proved(Own { office, .. }): Proved<Own>) -> Answer<Html<String>> {
    form_page(&office, blank_form())
}

pub(super) async fn create(
    Proved(Own { office, .. }): Proved<Own>,
    headers: HeaderMap,
    mut form: SecretForm,
) -> Answer<Response> {
    let mut view = blank_form();
    let made = async {
        let name = input::endpoint(&mut form, &mut view)?;
        let pasted = input::signing_secret(&mut form, name.sender)?;
        let made = office.new_endpoint(&name, pasted.as_ref()).await;
        let made = made.map_err(|e| match Refused::on_first_put(e) {
            Refused::Failed(error) => Refused::from(error),
            taken => taken,
        });
        Ok((name, made?))
    };
    match made.await {
        Ok((name, made)) => {
            stored(&office, &name, made, host(&headers), "Sealed and stored.").await
        }
        Err(refused) => again(&office, view, refused),
    }
}

/// The form for a secret that is pasted.
pub(super) async fn replacing(
    Proved(Own { office, .. }): Proved<Own>,
    Path(id): Path<String>,
) -> Answer<Html<String>> {
    let name = Name::parse(&id)?;
    let endpoint = office.one_endpoint(&name, "").await?;
    if name.sender.is_given_a_secret() {
        return Err(Error::rejected(Reason::NOT_FOUND).into());
    }
    form_page(&office, over(&name, endpoint.revision))
}

fn over(name: &Name, revision: u64) -> FormView {
    FormView {
        id: name.id.as_str().to_owned(),
        revision: Some(revision),
        action: format!("{}/replace", page_of(name)),
        back: page_of(name),
        ..FormView::default()
    }
}

pub(super) async fn replace(
    Proved(Own { office, .. }): Proved<Own>,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut form: SecretForm,
) -> Answer<Response> {
    let name = Name::parse(&id)?;
    let revision = input::revision(&mut form)?;
    // What is not there is not there, whatever is sent for it.
    office.one_endpoint(&name, "").await?;
    let view = over(&name, revision.number());
    let made = async {
        let pasted = input::signing_secret(&mut form, name.sender)?;
        let replaced = office
            .replace_secret(&name, pasted.as_ref(), revision)
            .await?;
        Ok::<_, Refused>(replaced)
    };
    let said = "Replaced. The former secret counts until the time below.";
    match made.await {
        Ok(made) => stored(&office, &name, made, host(&headers), said).await,
        Err(Refused::Mend(problem)) if name.sender.is_given_a_secret() => {
            // There is no form to show it at.
            Err(Failure::conflict(Error::misuse(problem.text)))
        }
        Err(refused) => again(&office, view, refused),
    }
}

pub(super) async fn delete(
    Proved(Own { office, .. }): Proved<Own>,
    Path(id): Path<String>,
    mut form: SecretForm,
) -> Answer<Redirect> {
    let name = Name::parse(&id)?;
    let revision = input::revision(&mut form)?;
    office.delete_endpoint(&name, revision).await?;
    Ok(Redirect::to(&office.tell_next(PATH, "Deleted.", &[])))
}

pub(super) async fn replay(
    Proved(office): Proved<Office>,
    Path((id, row)): Path<(String, String)>,
) -> Answer<Redirect> {
    let name = Name::parse(&id)?;
    let said = match office.replay(&name, &row).await? {
        true => "It is handled again.",
        false => "It waits, or is being handled.",
    };
    Ok(Redirect::to(&office.tell_next(&page_of(&name), said, &[])))
}

pub(super) async fn forget(
    Proved(office): Proved<Office>,
    Path((id, row)): Path<(String, String)>,
) -> Answer<Redirect> {
    let name = Name::parse(&id)?;
    office.forget(&name, &row).await?;
    let said = "Forgotten. If it is sent again, it is taken in anew.";
    Ok(Redirect::to(&office.tell_next(&page_of(&name), said, &[])))
}
