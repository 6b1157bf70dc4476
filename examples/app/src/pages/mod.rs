//! The pages: what each address answers.

mod account;
mod admin;
mod api;
mod api_keys;
mod approvals;
mod asker;
mod asking;
mod audit;
mod credentials;
mod cron;
mod deployments;
mod doors;
mod first;
mod home;
mod hooks;
mod keys;
mod links;
mod members;
mod outbox;
mod webhooks;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use keyward_axum::api_key::AnyKey;
use keyward_axum::approval;
use keyward_axum::internal::Internal;
use keyward_axum::leak::{self, LeakReports, MAX_BODY};
use keyward_axum::{Failure, RoutePolicy, WebGuard};
use keyward_base::Error;
use serde::Deserialize;

use account::Holder;
use hooks::Hooks;

use crate::app::App;
use crate::desk::{Administrator, Desk, Office, Own, by_link};
use crate::log;
use crate::notice::Notice;
use crate::routes::{Listed, Routes, any, get, post};
use crate::view::{ErrorPage, Page, Whose};

/// Where scanners of secrets report keys that they found.
const REPORTS: &str = "/leaks";

/// All routes, each in the group of those who may ask for it.
struct Groups {
    public: Routes<App>,
    links: Routes,
    outbox: Routes<App>,
    own: Routes<App>,
    office: Routes<App>,
    administration: Routes<App>,
    held: Routes<App>,
    admin_held: Routes<App>,
    probe: Routes<App>,
    api: Routes<App>,
    internal: Routes<App>,
    reports: Routes<LeakReports>,
    hooks: Routes<Hooks>,
}

impl Groups {
    fn declared() -> Self {
        Self {
            public: public(),
            links: Routes::of_links(&[by_link(false), by_link(true)]),
            outbox: outbox::routes(),
            own: own(),
            office: office(),
            administration: administration(),
            held: held::<Own>("/approvals"),
            admin_held: held::<Administrator>("/admin/approvals"),
            probe: probe(),
            api: api(),
            internal: Routes::new().route("/internal/cron", post(cron::run)),
            reports: Routes::new().route(REPORTS, post(leak::receive)),
            hooks: hooks::routes(),
        }
    }
}

/// Every route there can be: who may ask, methods, address.
pub(crate) fn listed() -> Vec<String> {
    let all = Groups::declared();
    let groups = [
        ("anybody", all.public.listed()),
        ("anybody", all.links.listed()),
        ("this machine", all.outbox.listed()),
        ("a person himself", all.own.listed()),
        ("a person or staff", all.office.listed()),
        ("a person himself", all.held.listed()),
        ("an administrator", all.administration.listed()),
        ("an administrator", all.admin_held.listed()),
        ("a program", all.probe.listed()),
        ("a key", all.api.listed()),
        ("an internal secret", all.internal.listed()),
        ("a signed report", all.reports.listed()),
        ("a signed delivery", all.hooks.listed()),
    ];
    let lines = groups.iter().flat_map(|(who, listed)| {
        let line = move |one: &Listed| format!("{who}\t{}\t{}", one.methods.join(","), one.path);
        listed.iter().map(line)
    });
    lines.collect()
}

/// The routes of a service, behind their policies.
pub(crate) fn routes(desk: Arc<Desk>) -> keyward_base::Result<Routes> {
    let origin = &desk.settings().origin;
    let guard = WebGuard::new(origin.origins()?)
        .proxies(desk.settings().proxies.clone().unwrap_or_default())
        .trail(desk.trail().clone(), desk.clock().clone())
        .error_page(error_page)
        .report(log::behind_responses(desk.clock().clone()));
    let app = App::new(desk, &guard)?;
    let all = Groups::declared();
    let api = all.api.limits(app.api_limits().before_keys(&guard));
    let machines = all
        .probe
        .merge(api.behind::<AnyKey>(&app))
        .merge(all.internal.behind::<Internal>(&app))
        .with_state(app.clone())
        .run_to_the_end();
    let machines = machines.policy(RoutePolicy::machines(&guard));
    let reports = match &app.settings().scanner {
        Some(scanner) => {
            let reports = LeakReports::new(app.api_keys().clone(), scanner.keys.clone());
            all.reports.with_state(reports)
        }
        // Whose reports nobody can verify are not taken, and no page is there either.
        None => Routes::new().route(REPORTS, any(api::nothing)),
    };
    let reports = reports
        .run_to_the_end()
        .policy(RoutePolicy::machines(&guard).body_limit(MAX_BODY));
    let hooks = all.hooks.with_state(Hooks::new(&app)?);
    let hooks = hooks.policy(hooks::policy(&guard));
    let links = all.links.answered_by(approvals::links(&app, &guard)?);
    let mut pages = all.public;
    if app.post().sent().is_some() {
        pages = pages.merge(all.outbox);
    }
    let pages = pages
        .merge(all.own.behind::<Own>(&app))
        .merge(all.office.behind::<Office>(&app))
        .merge(all.administration.behind::<Administrator>(&app))
        .merge(all.held.behind::<Own>(&app))
        .merge(all.admin_held.behind::<Administrator>(&app))
        .with_state(app)
        .merge(links)
        .run_to_the_end()
        .policy(RoutePolicy::pages(&guard));
    Ok(machines.merge(reports).merge(hooks).merge(pages))
}

/// What anybody may ask for. Nothing of an organisation is behind it.
fn public() -> Routes<App> {
    Routes::new()
        .route("/", get(home::public))
        .route("/signup", get(asking::sign_up_page).post(asking::sign_up))
        .route("/sent", get(asking::sent))
        .route("/login", get(doors::log_in_page).post(doors::log_in))
        .route("/logout", post(doors::log_out))
        .route("/forgot", get(asking::forgot_page).post(asking::forgot))
        .route("/password", get(links::link).post(links::password))
        .route("/email", get(links::link).post(links::email))
        .route("/enter", get(links::link).post(links::enter))
        .route("/admin/first", get(first::page).post(first::make))
        .route(
            "/admin/login",
            get(doors::admin_log_in_page).post(doors::admin_log_in),
        )
        .route("/admin/logout", post(doors::admin_log_out))
        .route(
            "/admin/forgot",
            get(asking::admin_forgot_page).post(asking::admin_forgot),
        )
        .route(
            "/admin/password",
            get(links::admin_link).post(links::admin_password),
        )
        .route(
            "/admin/email",
            get(links::admin_link).post(links::admin_email),
        )
        .route("/admin/leave", post(admin::leave))
        .route(
            "/style.css",
            get(|| {
                asset(
                    "text/css; charset=utf-8",
                    include_str!("../../assets/style.css"),
                )
            }),
        )
        .route(
            "/icon.svg",
            get(|| asset("image/svg+xml", include_str!("../../assets/icon.svg"))),
        )
}

/// For an organisation's people, and for staff who act for one.
fn office() -> Routes<App> {
    Routes::new()
        .route("/overview", get(home::show))
        .route("/audit", get(audit::show))
        .route("/audit/{seq}", get(audit::entry))
        .route(
            "/deployments",
            get(deployments::list).post(deployments::start),
        )
        .route("/deployments/{id}", get(deployments::show))
        .route("/deployments/{id}/stop", post(deployments::stop))
        .route("/deployments/{id}/prompt", post(deployments::ask))
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/{id}", get(webhooks::show))
        .route("/webhooks/{id}/{row}/replay", post(webhooks::replay))
        .route("/webhooks/{id}/{row}/forget", post(webhooks::forget))
        .route("/{section}", get(credentials::list))
        .route("/{section}/{id}", get(credentials::show))
}

/// For an organisation's people alone: what is secret, and who they are.
fn own() -> Routes<App> {
    Routes::new()
        .merge(account::<Own>("/account", "/devices"))
        .route("/audit/export", post(audit::export))
        .route("/members", get(members::show))
        .route("/members/invite", post(members::invite))
        .route("/members/rename", post(members::rename))
        .route("/members/role", post(members::role))
        .route("/api-keys", get(api_keys::list).post(api_keys::make))
        .route("/api-keys/{id}", get(api_keys::show))
        .route("/api-keys/{id}/rotate", post(api_keys::rotate))
        .route("/api-keys/{id}/narrow", post(api_keys::narrow))
        .route("/api-keys/{id}/revoke", post(api_keys::revoke))
        .route("/webhooks", post(webhooks::create))
        .route("/webhooks/new", get(webhooks::blank))
        .route(
            "/webhooks/{id}/replace",
            get(webhooks::replacing).post(webhooks::replace),
        )
        .route("/webhooks/{id}/delete", post(webhooks::delete))
        .route("/{section}", post(credentials::connect))
        .route("/{section}/new", get(credentials::blank))
        .route("/{section}/{id}/reveal", post(credentials::reveal))
        .route("/{section}/{id}/public-key", post(credentials::public_key))
        .route(
            "/{section}/{id}/replace",
            get(credentials::replacing).post(credentials::replace),
        )
        .route("/{section}/{id}/delete", post(credentials::delete))
}

/// For the service's administrators.
fn administration() -> Routes<App> {
    Routes::new()
        .merge(account::<Administrator>("/admin/account", "/admin/devices"))
        .route("/admin", get(admin::show))
        .route("/admin/invite", post(admin::invite))
        .route("/admin/act", post(admin::act))
        .route("/admin/audit", get(audit::show_service))
        .route("/admin/audit/export", post(audit::export_service))
        .route("/admin/audit/{seq}", get(audit::entry_of_service))
        .route("/admin/logins", get(audit::show_administrators))
        .route("/admin/logins/export", post(audit::export_administrators))
        .route("/admin/logins/{seq}", get(audit::entry_of_administrators))
        .route("/keys", get(keys::show))
        .route("/keys/rotate", post(keys::rotate))
        .route("/keys/rewrap", post(keys::rewrap))
        .route("/keys/rotate-webhooks", post(keys::rotate_webhooks))
        .route("/keys/{id}/disable", post(keys::disable))
        .route("/keys/{id}/enable", post(keys::enable))
        .route("/keys/{id}/destroy", post(keys::destroy))
}

/// What waits until somebody approved it, at either door.
fn held<H: Holder>(approvals: &str) -> Routes<App> {
    let of = |rest: &str| format!("{approvals}{rest}");
    Routes::new()
        .route(approvals, get(approvals::list::<H>))
        .route(&of("/policy"), get(approvals::policy::<H>))
        .route(
            &of("/{id}"),
            get(approvals::show::<H>).post(approvals::decide::<H>),
        )
        .route(&of("/{id}/export"), post(approvals::take::<H>))
        .route(&of("/{id}/proof"), post(approvals::proof::<H>))
}

/// What somebody does with his own account, at either door.
fn account<H: Holder>(account: &str, devices: &str) -> Routes<App> {
    let of = |path: &str, rest: &str| format!("{path}{rest}");
    Routes::new()
        .route(account, get(account::show::<H>))
        .route(&of(account, "/password"), post(account::password::<H>))
        .route(&of(account, "/email"), post(account::email::<H>))
        .route(&of(account, "/again"), post(account::again::<H>))
        .route(devices, get(account::devices::<H>))
        .route(&of(devices, "/others/end"), post(account::end_others::<H>))
        .route(&of(devices, "/{id}/end"), post(account::end_device::<H>))
        .route(&of(devices, "/{id}/name"), post(account::name_device::<H>))
}

/// For programs that show nothing.
fn probe() -> Routes<App> {
    Routes::new()
        .route("/healthz", get(healthy))
        .route("/api/{*rest}", any(api::nothing))
}

/// For programs that show an API key. What each may is an argument of its handler.
fn api() -> Routes<App> {
    Routes::new()
        .route("/api/whoami", get(api::whoami))
        .route("/api/servers", get(api::servers))
        .route("/api/variables", get(api::variables))
        .route("/api/approvals", post(api::ask))
        .route("/api/approvals/{gate}", get(approval::read))
        .route("/api/deployments", get(api::deployments).post(api::deploy))
        .route("/api/deployments/{id}", get(api::deployment))
        .route("/api/deployments/{id}/log", get(api::log))
}

/// For whatever watches over the process: 503 while the keyring cannot be reached.
async fn healthy(State(app): State<App>) -> Result<&'static str, Failure> {
    app.probe().await?;
    Ok("ok\n")
}

/// A file that is the same for everybody, so that it may be cached.
async fn asset(kind: &'static str, body: &'static str) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")],
        body,
    )
}

/// The page of an error status: the same words each time.
fn error_page(status: StatusCode) -> String {
    let words = keyward_axum::words(status);
    let page = ErrorPage {
        status: status.as_u16(),
        words,
    };
    page.render().unwrap_or_else(|_| words.to_owned())
}

fn html(page: &impl Template) -> Result<Html<String>, Failure> {
    let text = page
        .render()
        .map_err(|e| Error::unavailable("a page cannot be made").with_source(e.to_string()))?;
    Ok(Html(text))
}

/// What a page is told by the one that sent the browser here.
#[derive(Debug, Deserialize)]
struct After {
    done: Option<String>,
}

impl After {
    /// What is to be said at `path`, once.
    fn notice(&self, office: &Office, path: &str) -> Option<Notice> {
        office.told(path, self.done.as_deref())
    }
}

fn page(office: &Office, current: &'static str, notice: Option<Notice>) -> Page {
    Page {
        current,
        whose: Whose::Office {
            organisation: office.organisation().to_owned(),
            staff: office.staff(),
        },
        notice,
    }
}

fn admin_page(admin: &Administrator, current: &'static str, notice: Option<Notice>) -> Page {
    Page {
        current,
        whose: Whose::Admin {
            email: admin.person().email.clone(),
        },
        notice,
    }
}
