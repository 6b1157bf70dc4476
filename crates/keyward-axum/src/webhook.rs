//! Webhooks of others, verified before a handler sees them.
//!
//! A handler that takes a [`Verified`] runs for a request that was proved, and for no other. It
//! names the provider as a type, so that what signed nothing does not fit where the whole body has
//! to be signed:
//!
//! ```
//! use axum::{Json, Router, extract::{FromRef, State}, response::Response, routing::post};
//! use keyward_axum::webhook::{Verified, WebhookProvider, WebhookRoute};
//! use keyward_webhook::{Claims, WholeBody};
//!
//! struct GitHub;
//! impl WebhookProvider for GitHub {
//!     type Coverage = WholeBody;
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Push {
//!     // None in the `ping` that GitHub sends first, to every new webhook.
//!     after: Option<String>,
//! }
//!
//! #[derive(Clone)]
//! struct App {
//!     github: WebhookRoute<GitHub>,
//!     once: Claims,
//! }
//! impl FromRef<App> for WebhookRoute<GitHub> {
//!     fn from_ref(app: &App) -> Self {
//!         app.github.clone()
//!     }
//! }
//!
//! async fn pushed(State(app): State<App>, hook: Verified<GitHub, Json<Push>>) -> Response {
//!     let push = hook.body().0.after.clone();
//!     let work = async move {
//!         if let Some(commit) = push {
//!             println!("deploy {commit}");
//!         }
//!         Ok::<_, std::io::Error>(())
//!     };
//!     let done = app.once.handle(hook.endpoint(), &hook.proof(), work).await;
//!     hook.answer(&done).await
//! }
//!
//! let routes: Router<App> = Router::new().route("/hooks/{tenant}/{endpoint}", post(pushed));
//! ```
//!
//! A body of another form than `T` is 500, so that it comes again when the service knows it: a
//! type has to take every event that the provider is set up to send.
//!
//! # In which order
//!
//! 1. The layers before it. Put the route behind [`RoutePolicy::machines`](crate::RoutePolicy),
//!    with a [`body_limit`](crate::RoutePolicy::body_limit) of the scheme's
//!    [`body_limit`](keyward_webhook::Scheme) or more: the smaller of the two counts, and both
//!    answer 413. A layer that decompresses bodies must not stand before it: providers sign the
//!    bytes as they send them, and a body that was changed on the way does not verify.
//! 2. The endpoint that the path names, the shape of the headers, the time of signing.
//! 3. The secrets are looked up. For an endpoint that is not there, verifying goes on with a
//!    secret that nobody has: it costs and reads like a wrong signature.
//! 4. The body is read, up to the limit, and the proof is checked over its bytes. The time of
//!    signing and the ends of secrets are held against the clock once more, so that nobody keeps a
//!    request fresh by sending its body slowly.
//! 5. The body is read as JSON, if the handler wants it so.
//!
//! What is refused is answered as [`keyward_webhook::answer`] says, and its reason goes to the
//! audit alone.

use std::fmt;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRef, FromRequest, RawPathParams, Request};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, RequestExt as _};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, Limited};
use keyward_base::{Clock, Error, ErrorKind, Reason, RecordId, Result, Tenant};
use keyward_webhook::{
    Answers, Coverage, Endpoint, Outcome, OwnedWebhook, SecretSource, VerifiedWebhook, Webhook,
    reason,
};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::form::limited;

/// A provider, as a type: what tells its routes from those of others.
pub trait WebhookProvider: Send + Sync + 'static {
    /// What its proof covers, as its scheme says.
    type Coverage: Coverage;
}

/// What routes of a provider need. A cheap clone, and part of the application's state.
pub struct WebhookRoute<P: WebhookProvider>(Arc<Inner<P>>);

struct Inner<P: WebhookProvider> {
    webhook: Webhook<P::Coverage>,
    secrets: Arc<dyn SecretSource>,
    answers: Arc<Answers>,
    clock: Arc<dyn Clock>,
    fixed: Option<Endpoint>,
}

impl<P: WebhookProvider> WebhookRoute<P> {
    /// Routes whose path has parameters `tenant` and `endpoint`, as in
    /// `/hooks/{tenant}/{endpoint}`.
    #[must_use]
    pub fn new(
        webhook: Webhook<P::Coverage>,
        secrets: Arc<dyn SecretSource>,
        answers: Arc<Answers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner {
            webhook,
            secrets,
            answers,
            clock,
            fixed: None,
        }))
    }

    /// A route for one endpoint, whatever its path: for a service that has one.
    #[must_use]
    pub fn of_one(
        webhook: Webhook<P::Coverage>,
        secrets: Arc<dyn SecretSource>,
        answers: Arc<Answers>,
        clock: Arc<dyn Clock>,
        endpoint: Endpoint,
    ) -> Self {
        Self(Arc::new(Inner {
            webhook,
            secrets,
            answers,
            clock,
            fixed: Some(endpoint),
        }))
    }

    async fn answer(&self, endpoint: &Endpoint, delivery: &Result<Outcome>) -> Response {
        self.0.answers.answer(endpoint, delivery).await.response()
    }

    /// The endpoint that a request came to.
    fn endpoint(&self, path: Result<RawPathParams, RawPathParamsRejection>) -> Result<Endpoint> {
        if let Some(fixed) = &self.0.fixed {
            return Ok(fixed.clone());
        }
        let path = match path {
            Ok(path) => Some(path),
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
                return Err(Error::rejected(reason::UNKNOWN_ENDPOINT));
            }
            Err(_) => None,
        };
        let part = |name: &str| {
            let found = path
                .as_ref()
                .and_then(|path| path.iter().find(|(known, _)| *known == name));
            found.map(|(_, value)| value).ok_or_else(|| {
                Error::misuse(
                    "a webhook route needs {tenant} and {endpoint} in its path, or one endpoint \
                     (WebhookRoute::of_one)",
                )
            })
        };
        let unknown = |_| Error::rejected(reason::UNKNOWN_ENDPOINT);
        Ok(Endpoint {
            tenant: Tenant::new(part("tenant")?).map_err(unknown)?,
            id: RecordId::new(part("endpoint")?).map_err(unknown)?,
        })
    }

    async fn verify(
        &self,
        endpoint: &Endpoint,
        request: Request,
    ) -> Result<OwnedWebhook<P::Coverage>> {
        let inner = &self.0;
        let now = inner.clock.now()?;
        // A limit of a layer before this one holds too.
        let (parts, body) = request.with_limited_body().into_parts();
        let received = inner.webhook.receive(&parts.headers, now)?;
        let secrets = received.look_up(inner.secrets.as_ref(), endpoint).await?;
        let too_long = || Error::rejected(reason::BODY_TOO_LONG);
        let limit = received.body_limit();
        let stated = parts.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|len| len > limit) {
            return Err(too_long());
        }
        let body = Limited::new(body, limit).collect().await;
        let body = body.map_err(|e| match limited(e.as_ref()) {
            true => too_long(),
            false => Error::rejected(Reason::MALFORMED),
        })?;
        // However slowly its body came: it counts when it is all there.
        let received = inner.webhook.receive(&parts.headers, inner.clock.now()?)?;
        received.verify_owned(&secrets, body.to_bytes().into())
    }
}

impl<P: WebhookProvider> Clone for WebhookRoute<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: WebhookProvider> fmt::Debug for WebhookRoute<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRoute")
            .field("provider", &self.0.webhook.scheme().name)
            .field("endpoint", &self.0.fixed)
            .finish_non_exhaustive()
    }
}

/// What a handler takes of the body of a request that was verified.
pub trait WebhookBody: Sized + Send {
    /// Reads it.
    ///
    /// # Errors
    /// `Rejected` for a body of no form that the provider sends: 400. `Misuse` for one of another
    /// form than the service expects: 500, so that it comes again when that is mended.
    fn read(body: &[u8]) -> Result<Self>;
}

/// The body is not read: [`Verified::proof`] has its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Raw;

impl WebhookBody for Raw {
    fn read(_: &[u8]) -> Result<Self> {
        Ok(Self)
    }
}

impl<T: DeserializeOwned + Send> WebhookBody for Json<T> {
    fn read(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map(Json).map_err(|e| {
            let error = match e.classify() {
                serde_json::error::Category::Data => {
                    Error::misuse("a verified webhook does not have the form that is expected here")
                }
                _ => Error::rejected(reason::BAD_BODY),
            };
            error.with_source(e)
        })
    }
}

/// A request that was verified as one of provider `P`, and its body as `T`: [`Json`], or nothing
/// ([`Raw`]).
#[must_use = "the sender waits for an answer"]
pub struct Verified<P: WebhookProvider, T = Raw> {
    route: WebhookRoute<P>,
    endpoint: Endpoint,
    hook: OwnedWebhook<P::Coverage>,
    body: T,
}

impl<P: WebhookProvider, T> Verified<P, T> {
    /// The endpoint that it came to.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What was verified.
    pub fn proof(&self) -> VerifiedWebhook<'_, P::Coverage> {
        self.hook.get()
    }

    /// What was read of its body.
    pub const fn body(&self) -> &T {
        &self.body
    }

    /// The answer to its sender. What is told to the audit, is told before.
    pub async fn answer(&self, delivery: &Result<Outcome>) -> Response {
        self.route.answer(&self.endpoint, delivery).await
    }
}

impl<P: WebhookProvider, T> fmt::Debug for Verified<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("endpoint", &self.endpoint)
            .field("proof", &self.proof())
            .finish_non_exhaustive()
    }
}

impl<S, P, T> FromRequest<S> for Verified<P, T>
where
    S: Send + Sync,
    P: WebhookProvider,
    T: WebhookBody,
    WebhookRoute<P>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Response> {
        let route = WebhookRoute::from_ref(state);
        let path = request.extract_parts::<RawPathParams>().await;
        // A path that no endpoint can have is answered at once: there is nobody to tell of it.
        let endpoint = route.endpoint(path).map_err(|error| match error.kind() {
            ErrorKind::Rejected => Failure::at(StatusCode::UNAUTHORIZED, error).into_response(),
            _ => Failure::from(error).into_response(),
        })?;
        let hook = match route.verify(&endpoint, request).await {
            Ok(hook) => hook,
            Err(error) => return Err(route.answer(&endpoint, &Err(error)).await),
        };
        match T::read(hook.get().body()) {
            Ok(body) => Ok(Self {
                route,
                endpoint,
                hook,
                body,
            }),
            Err(error) => Err(route.answer(&endpoint, &Err(error)).await),
        }
    }
}
