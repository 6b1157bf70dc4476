//! axum layers and extractors of keyward.
//!
//! One layer, [`Door`], stands in front of a service and keeps what every page needs:
//!
//! - security headers on every response, refusals and error pages included;
//! - a list of the host names the service answers for, so that a name that an attacker's DNS
//!   points at this machine reaches nothing;
//! - the same-origin check on every method that may change something;
//! - a limit on the body;
//! - error bodies that depend on the status alone: no path, message or schema leaves.
//!
//! ```
//! use axum::{Router, routing::get};
//! use keyward_axum::{Door, Hosts, Transport};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let door = Door::new(Hosts::only(&["app.example.com"])?, Transport::Tls);
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(door);
//! # Ok(()) }
//! ```
//!
//! Put the layer on last: axum does not apply a layer to routes that are added after it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`content`] | the Content-Security-Policy, typed |
//! | [`door`] | the layer |
//! | [`failure`] | [`keyward_base::Error`] as a response |
//! | [`form`] | an extractor for forms that carry secrets |
//! | [`hosts`] | the names a service answers for |
//! | [`policy`] | the knobs, and the reason for each default |
//!
//! What the HTTP server itself refuses before a request exists (a malformed request line, a
//! header section that is too large) never reaches a layer, and is answered by the server's own
//! bare status.

pub mod content;
pub mod door;
pub mod failure;
pub mod form;
mod headers;
pub mod hosts;
mod multipart;
mod origin;
pub mod policy;

pub use content::ContentPolicy;
pub use door::Door;
pub use failure::{Failure, Shown};
pub use form::SecretForm;
pub use hosts::Hosts;
pub use policy::{Referrer, Transport};
