//! axum layers and extractors of keyward.
//!
//! A [`WebGuard`] says what a service's routes have in common, and a [`RoutePolicy`] puts it before
//! a group of them. Both kinds keep:
//!
//! - security headers on every response, refusals and error pages included;
//! - a list of the origins the service answers at, so that a name that an attacker's DNS points at
//!   this machine reaches nothing;
//! - a limit on the body;
//! - error bodies that depend on the status alone: no path, message or schema leaves, and a handler
//!   that panics is a 500 like any other;
//! - an id of the request, in its header and the answer's.
//!
//! [`RoutePolicy::pages`] is for people: what may change something must come from a page of the
//! service, and a key opens none. [`RoutePolicy::machines`] is for webhooks, bearer tokens and cron jobs, which have no
//! page: it asks for no origin, and takes cookies away.
//!
//! ```
//! use axum::{Router, routing::{get, post}};
//! use keyward_axum::{Origins, RoutePolicy, WebGuard};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let guard = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let hooks = Router::new().route("/hooks/git", post(|| async { "taken" }));
//! let pages = Router::new().route("/", get(|| async { "hello" }));
//! let app: Router = hooks
//!     .layer(RoutePolicy::machines(&guard).body_limit(25 * 1024 * 1024))
//!     .merge(pages.layer(RoutePolicy::pages(&guard)));
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `api_key` (feature `session`) | API keys, as arguments of handlers |
//! | `approval` (feature) | approvals: handlers for agents, and the pages of links |
//! | [`authorization`] | `Authorization: Bearer`, read strictly |
//! | [`challenge`] | what a 401 asks for |
//! | [`client_ip`] | who sent a request, from whatever proxy it came |
//! | [`content`] | the Content-Security-Policy, typed |
//! | [`cors`] | which pages of other origins may call machine routes |
//! | `danger` (feature `session`) | what a hurried person should not find first |
//! | [`failure`] | [`keyward_base::Error`] as a response |
//! | [`form`] | an extractor for forms that carry secrets |
//! | [`forwarded`] | whom a proxy speaks for, as plain functions |
//! | [`guard`] | what all routes have in common |
//! | `internal` (feature `session`) | routes for cron, and for services among each other |
//! | `leak` (feature `session`) | reports of keys that were found |
//! | `limit` (feature) | rate limits: 429, and the fields that tell of them |
//! | [`loopback`] | whether a request is of a browser on this machine |
//! | [`nonce`] | a nonce for the scripts and styles of one page |
//! | [`origins`] | the origins a service answers at |
//! | [`peer`] | where a request comes from, to count what comes from there |
//! | [`policy`] | the knobs, and the reason for each default |
//! | [`proof`] | a proof before a whole group of routes |
//! | [`reason`] | why a request was refused |
//! | [`request_id`] | what tells one request from another, in every log |
//! | [`route`] | the layer |
//! | `serve` (feature) | a server with limits on connections |
//! | `session` (feature) | sessions, as arguments of handlers |
//! | [`shown`] | error pages that the service writes itself |
//! | `webhook` (feature) | webhooks that are verified before a handler sees them |
//!
//! What is decided and how it is answered is of [`keyward_http`], which knows nothing of axum: most
//! modules below are its own. A service of another framework takes that crate alone.
//!
//! What the HTTP server itself refuses before a request exists (a malformed request line, a
//! header section that is too large) never reaches a layer, and is answered by the server's own
//! bare status. How long a client may take to send is the server's to limit too: that of feature
//! `serve` does.

#[cfg(feature = "session")]
pub mod api_key;
#[cfg(feature = "approval")]
pub mod approval;
pub mod form;
#[cfg(feature = "session")]
pub mod internal;
#[cfg(feature = "session")]
pub mod leak;
#[cfg(feature = "limit")]
pub mod limit;
pub mod loopback;
mod multipart;
pub mod peer;
pub mod proof;
pub mod route;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "session")]
pub mod session;
pub mod shown;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use form::SecretForm;
pub use peer::PeerPrefix;
pub use route::RoutePolicy;
pub use shown::Shown;

// What is not axum's.
#[cfg(feature = "session")]
pub use keyward_http::danger;
pub use keyward_http::{
    Challenge, ClientIp, ContentPolicy, Cors, Failure, Finding, InRequest, Nonce, Origins, Proxies,
    Referrer, WebGuard, authorization, bodies, challenge, client_ip, content, cors, failure,
    forwarded, guard, nonce, origins, policy, reason, request_id, words,
};
