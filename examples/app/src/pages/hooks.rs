//! What GitHub and Slack send. Programs call these, so that nothing that a browser adds counts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::response::Response;
use keyward_axum::webhook::{Verified, WebhookProvider, WebhookRoute};
use keyward_axum::{RoutePolicy, WebGuard};
use keyward_webhook::{Webhook, WholeBody, handshake, preset};

use crate::desk::Desk;
use crate::hooks::Sender;
use crate::hooks::source::SecretsOf;
use crate::routes::{Routes, post};

#[derive(Debug)]
struct GitHub;
impl WebhookProvider for GitHub {
    type Coverage = WholeBody;
}

#[derive(Debug)]
struct Slack;
impl WebhookProvider for Slack {
    type Coverage = WholeBody;
}

/// What the routes of webhooks work with.
#[derive(Clone, Debug)]
pub(super) struct Hooks {
    desk: Arc<Desk>,
    github: WebhookRoute<GitHub>,
    slack: WebhookRoute<Slack>,
}

impl FromRef<Hooks> for WebhookRoute<GitHub> {
    fn from_ref(hooks: &Hooks) -> Self {
        hooks.github.clone()
    }
}

impl FromRef<Hooks> for WebhookRoute<Slack> {
    fn from_ref(hooks: &Hooks) -> Self {
        hooks.slack.clone()
    }
}

fn route<P: WebhookProvider<Coverage = WholeBody>>(
    desk: &Desk,
    sender: Sender,
) -> keyward_base::Result<WebhookRoute<P>> {
    let endpoints = Arc::clone(desk.endpoints());
    let webhook = Webhook::new(sender.scheme(), *desk.crypto())?;
    let secrets = Arc::new(SecretsOf { endpoints, sender });
    let (answers, clock) = (Arc::clone(desk.answers()), Arc::clone(desk.clock()));
    Ok(WebhookRoute::new(webhook, secrets, answers, clock))
}

impl Hooks {
    pub(super) fn new(desk: &Arc<Desk>) -> keyward_base::Result<Self> {
        Ok(Self {
            desk: Arc::clone(desk),
            github: route(desk, Sender::GitHub)?,
            slack: route(desk, Sender::Slack)?,
        })
    }
}

/// The routes of webhooks.
pub(super) fn routes() -> Routes<Hooks> {
    Routes::new()
        .route("/hooks/github/{tenant}/{endpoint}", post(github))
        .route("/hooks/slack/{tenant}/{endpoint}", post(slack))
}

/// That of machines, with the larger limit of the two on a body: each scheme has its own behind it.
pub(super) fn policy(guard: &WebGuard) -> RoutePolicy {
    RoutePolicy::machines(guard).body_limit(preset::GITHUB.body_limit)
}

async fn github(State(hooks): State<Hooks>, hook: Verified<GitHub>) -> Response {
    let taken = hooks.desk.take_in(hook.endpoint(), &hook.proof()).await;
    hook.answer(&taken).await
}

async fn slack(State(hooks): State<Hooks>, hook: Verified<Slack>) -> Response {
    match handshake::slack(&hook.proof()) {
        Ok(None) => {
            let taken = hooks.desk.take_in(hook.endpoint(), &hook.proof()).await;
            hook.answer(&taken).await
        }
        Ok(Some(challenge)) => challenge.response().map(Body::from),
        Err(error) => hook.answer(&Err(error)).await,
    }
}
