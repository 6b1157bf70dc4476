//! A proof before a whole group of routes.
//!
//! A handler whose argument is the proof cannot be reached without it; one that forgot the argument
//! can. [`guard`] puts the proof before all of a group, so that there is nothing to forget:
//!
//! ```
//! use axum::{Router, extract::FromRequestParts, http::request::Parts, routing::get};
//! use keyward_axum::{Challenge, Failure, Origins, RoutePolicy, WebGuard, proof::guard};
//! use keyward_base::{Error, Reason};
//!
//! #[derive(Clone)]
//! struct App;
//!
//! struct Admin; // Which the application finds out at each request.
//! impl FromRequestParts<App> for Admin {
//!     type Rejection = Failure;
//!     async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Failure> {
//!         Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND)))
//!     }
//! }
//!
//! # fn main() -> keyward_base::Result<()> {
//! let web = WebGuard::new(Origins::loopback());
//! let pages = Router::new()
//!     .route("/", get(|| async { "all of it" }))
//!     .route("/users", get(|| async { "and all of them" }));
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "for everybody" }))
//!     .nest("/admin", guard::<Admin, _>(pages, &App).into())
//!     .layer(RoutePolicy::pages(&web))
//!     .with_state(App);
//! # Ok(()) }
//! ```

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use keyward_base::Error;

use crate::failure::Failure;

/// Puts the proof `P` before each route of `routes`, whatever its method, and before its fallback if
/// it has one of its own. What has no route is answered by the router that the group is put into.
///
/// The proof is found out once for a request. A handler that needs it takes [`Proved`].
///
/// An `Option` or a `Result` of a proof is none: it lets everybody in.
pub fn guard<P, S>(routes: Router<S>, state: &S) -> Group<S>
where
    P: FromRequestParts<S> + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    let guarded = routes.layer(from_fn_with_state(state.clone(), prove::<P, S>));
    // A fallback that is none of its own is left to others: of two of axum's own, the second stays.
    Group(guarded.merge(Router::new()))
}

async fn prove<P, S>(
    axum::extract::State(state): axum::extract::State<S>,
    request: Request,
    next: Next,
) -> Response
where
    P: FromRequestParts<S> + Send + 'static,
    S: Send + Sync,
{
    let (mut parts, body) = request.into_parts();
    let proof = match P::from_request_parts(&mut parts, &state).await {
        Ok(proof) => proof,
        Err(refused) => return refused.into_response(),
    };
    parts
        .extensions
        .insert(Kept(Arc::new(Mutex::new(Some(proof)))));
    next.run(Request::from_parts(parts, body)).await
}

/// Routes behind a proof. It is merged or nested into a router as it is ([`Into`]); routes cannot be
/// added any more, since they would stand beside the proof.
#[must_use]
pub struct Group<S>(Router<S>);

impl<S> From<Group<S>> for Router<S> {
    fn from(group: Group<S>) -> Self {
        group.0
    }
}

impl<S> fmt::Debug for Group<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group(..)")
    }
}

/// A proof on its way from the guard to the handler. It is taken once.
struct Kept<P>(Arc<Mutex<Option<P>>>);

impl<P> Clone for Kept<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Takes what a guard before this route proved; none if none did, or if it was taken.
pub(crate) fn take<P: Send + 'static>(parts: &Parts) -> Option<P> {
    let Kept(kept) = parts.extensions.get::<Kept<P>>()?;
    kept.lock().ok()?.take()
}

/// What `of` makes of the proof that a guard before this route found out, which stays where it is.
#[cfg(feature = "limit")]
pub(crate) fn look<P: Send + 'static, T>(parts: &Parts, of: impl Fn(&P) -> T) -> Option<T> {
    let Kept(kept) = parts.extensions.get::<Kept<P>>()?;
    kept.lock().ok()?.as_ref().map(of)
}

/// The proof that [`guard`] found out before this route. Without a guard of that proof, or where
/// another argument took it, it is `Misuse`: 500.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // An extractor is taken apart where it is an argument.
pub struct Proved<P>(pub P);

impl<P: Send + 'static, S: Sync> FromRequestParts<S> for Proved<P> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        take(parts).map(Self).ok_or_else(|| {
            Failure::from(Error::misuse(
                "no guard put this proof before the route, or another argument took it",
            ))
        })
    }
}
