//! API keys, as arguments of handlers: one that takes a [`Key`] of a scope runs for a request with a key
//! that lives and has it, and for no other.
//!
//! ```no_run
//! use axum::extract::FromRef;
//! use axum::{Router, routing::{get, post}};
//! use keyward_axum::api_key::{AnyKey, Key, KeyScope, WebKeys};
//! use keyward_axum::{Origins, RoutePolicy, WebGuard, proof::guard};
//! use keyward_session::api_key::{ApiKeys, Scope};
//!
//! /// Reads what a tenant's servers are.
//! struct ReadServers;
//! impl KeyScope for ReadServers {
//!     const SCOPE: Scope = Scope::named("servers:read");
//! }
//! /// Starts deployments.
//! struct Deploy;
//! impl KeyScope for Deploy {
//!     const SCOPE: Scope = Scope::named("deployments:write");
//! }
//!
//! #[derive(Clone)]
//! struct App {
//!     keys: WebKeys,
//! }
//! impl FromRef<App> for WebKeys {
//!     fn from_ref(app: &App) -> Self {
//!         app.keys.clone()
//!     }
//! }
//!
//! async fn servers(key: Key<ReadServers>) -> String {
//!     format!("the servers of {}", key.tenant())
//! }
//! async fn deploy(key: Key<Deploy>) -> String {
//!     format!("begun for {}", key.tenant())
//! }
//! async fn whoami(key: AnyKey) -> String {
//!     format!("{} may do {}", key.name(), key.scopes())
//! }
//!
//! # fn routes(keys: ApiKeys) -> keyward_base::Result<Router> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let app = App { keys: WebKeys::new(keys, &web, "api")? };
//! let api = Router::new()
//!     .route("/servers", get(servers))
//!     .route("/deployments", post(deploy))
//!     .route("/whoami", get(whoami));
//! // No route of the group without a key, whatever its handler forgot.
//! let routes = Router::new()
//!     .nest("/api", guard::<AnyKey, _>(api, &app).into())
//!     .layer(RoutePolicy::machines(&web))
//!     .with_state(app);
//! # Ok(routes) }
//! ```
//!
//! Without `WebKeys` in the state there is no such router:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use keyward_axum::api_key::AnyKey;
//!
//! #[derive(Clone)]
//! struct App;
//!
//! async fn whoami(_: AnyKey) {}
//!
//! let routes: Router<App> = Router::new().route("/", get(whoami));
//! ```
//!
//! [`keyward_http::api_key`] says what is answered, and from where a key with ranges is good.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use keyward_session::api_key::{LiveKey, Scope};

pub use keyward_http::api_key::WebKeys;

use crate::failure::Failure;
use crate::proof;

/// A scope, as a type.
pub trait KeyScope: Send + Sync + 'static {
    /// What a key has to be good for.
    const SCOPE: Scope;
}

/// A key that lives, whatever it may do: for what every key may, and before a group of routes
/// ([`guard`](proof::guard)) whose handlers ask for a [`Key`] of a scope each; they cost no second check
/// then.
pub struct AnyKey(LiveKey);

/// A key that lives and may do `S`. Behind a [`guard`](proof::guard) of the same type, or of [`AnyKey`],
/// it is what the guard found out.
pub struct Key<S: KeyScope>(LiveKey, PhantomData<fn() -> S>);

impl AnyKey {
    /// The key, for what takes it.
    #[must_use]
    pub fn into_inner(self) -> LiveKey {
        self.0
    }
}

impl<S: KeyScope> Key<S> {
    /// The key, for what takes it.
    #[must_use]
    pub fn into_inner(self) -> LiveKey {
        self.0
    }
}

impl Deref for AnyKey {
    type Target = LiveKey;

    fn deref(&self) -> &LiveKey {
        &self.0
    }
}

impl<S: KeyScope> Deref for Key<S> {
    type Target = LiveKey;

    fn deref(&self) -> &LiveKey {
        &self.0
    }
}

impl fmt::Debug for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: KeyScope> fmt::Debug for Key<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A> FromRequestParts<A> for AnyKey
where
    A: Send + Sync,
    WebKeys: FromRef<A>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, Failure> {
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(proved);
        }
        WebKeys::from_ref(state).live(parts).await.map(Self)
    }
}

impl<A, S> FromRequestParts<A> for Key<S>
where
    A: Send + Sync,
    S: KeyScope,
    WebKeys: FromRef<A>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, Failure> {
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(proved);
        }
        let AnyKey(live) = AnyKey::from_request_parts(parts, state).await?;
        WebKeys::from_ref(state).require(&live, &S::SCOPE)?;
        Ok(Self(live, PhantomData))
    }
}
