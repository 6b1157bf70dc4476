//! What the web layer of keyward decides, as plain functions over `http` types: for a service of any
//! framework. With axum take `keyward-axum`, which is made of them.
//!
//! A [`WebGuard`] says what a service's routes have in common, and a [`RoutePolicy`] what a group of
//! them admits. [`RoutePolicy::decide`] takes the head of a request and the address that it came from,
//! and says whether it goes on, and as what, or how it is answered. [`Passed::finish`] takes the head of the answer.
//! Both kinds keep:
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
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use keyward_http::{Decision, Origins, RoutePolicy, WebGuard, caught};
//!
//! # async fn serve() -> keyward_base::Result<()> {
//! let guard = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let pages = RoutePolicy::pages(&guard);
//!
//! // A request as the framework has it.
//! # let request = || Request::builder().header("host", "app.example.com").body(()).unwrap();
//! let (mut head, body) = request().into_parts();
//! let peer = "192.0.2.7".parse().ok();
//! let answer: Response<Bytes> = match pages.decide(&mut head, peer).settle().await {
//!     Decision::Answer(answer) => answer,
//!     Decision::Pass(passed) => match caught::run(handle(&head, body)).await {
//!         Some(answer) => passed.finished(answer),
//!         None => passed.panicked().await,
//!     },
//! };
//! assert_eq!(answer.headers()["x-frame-options"], "DENY");
//!
//! async fn handle(_: &http::request::Parts, _: ()) -> Response<Bytes> {
//!     Response::new(Bytes::from("hello"))
//! }
//! # Ok(()) }
//! # fn main() { // Nothing waits here.
//! #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! #     let done = std::pin::pin!(serve()).poll(&mut context);
//! #     assert!(matches!(done, std::task::Poll::Ready(Ok(()))));
//! # }
//! ```
//!
//! A service of tower has the same as a layer (feature `tower`): [`RoutePolicy`] is one, over requests
//! and responses of any body.
//!
//! | module | what it holds |
//! |---|---|
//! | `api_key` (feature `session`) | API keys: whose a request is, and what it may do |
//! | `approval` (feature) | approvals: agents ask, wait and read; people decide on the page of a link |
//! | [`authorization`] | `Authorization: Bearer`, read strictly |
//! | [`bodies`] | bodies of errors |
//! | [`caught`] | panics of what stands behind the guard |
//! | [`challenge`] | what a 401 asks for |
//! | [`client_ip`] | who sent a request, from whatever proxy it came |
//! | [`content`] | the Content-Security-Policy, typed |
//! | [`cors`] | which pages of other origins may call machine routes |
//! | `danger` (feature `session`) | what a hurried person should not find first |
//! | [`decide`] | what a group of routes admits, and what becomes of its answers |
//! | [`failure`] | [`keyward_base::Error`] as a response |
//! | [`fields`] | the fields of a form |
//! | [`forwarded`] | whom a proxy speaks for |
//! | [`guard`] | what all routes have in common |
//! | `internal` (feature `session`) | routes for cron, and for services among each other |
//! | `layer` (feature `tower`) | the layer |
//! | `leak` (feature `session`) | reports of keys that were found |
//! | `limit` (feature) | rate limits: 429, and the fields that tell of them |
//! | [`loopback`] | whether a request is of a browser on this machine |
//! | [`nonce`] | a nonce for the scripts and styles of one page |
//! | [`origins`] | the origins a service answers at |
//! | [`peer`] | where a connection comes from |
//! | [`policy`] | the knobs, and the reason for each default |
//! | [`reason`] | why a request was refused |
//! | [`request_id`] | what tells one request from another, in every log |
//! | `session` (feature) | sessions: from a cookie to whose it is |
//!
//! Feature `axum` adds the traits of axum's handlers and nothing else: `keyward-axum` turns it on.

#[cfg(feature = "session")]
pub mod api_key;
#[cfg(feature = "approval")]
pub mod approval;
mod authority;
pub mod authorization;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "session")]
mod bearer;
pub mod bodies;
pub mod caught;
pub mod challenge;
pub mod client_ip;
pub mod content;
pub mod cors;
#[cfg(feature = "session")]
pub mod danger;
pub mod decide;
mod entry;
pub mod failure;
pub mod fields;
pub mod forwarded;
pub mod guard;
mod headers;
#[cfg(feature = "session")]
pub mod internal;
#[cfg(feature = "tower")]
pub mod layer;
#[cfg(feature = "session")]
pub mod leak;
#[cfg(feature = "limit")]
pub mod limit;
pub mod loopback;
pub mod nonce;
mod noted;
pub mod origins;
pub mod peer;
pub mod policy;
pub mod reason;
pub mod request_id;
mod same_origin;
mod seen;
#[cfg(feature = "session")]
pub mod session;

pub use bodies::words;
pub use challenge::Challenge;
pub use client_ip::ClientIp;
pub use content::ContentPolicy;
pub use cors::Cors;
pub use decide::{Decided, Decision, Passed, RoutePolicy};
pub use failure::Failure;
pub use forwarded::Proxies;
pub use guard::WebGuard;
pub use nonce::Nonce;
pub use noted::Finding;
pub use origins::Origins;
pub use peer::Peer;
pub use policy::Referrer;
pub use request_id::InRequest;
