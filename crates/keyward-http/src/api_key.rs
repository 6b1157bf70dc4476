//! API keys: from `Authorization: Bearer` to whose it is and what it may do, and what is answered where
//! there is none.
//!
//! ```no_run
//! use keyward_http::api_key::WebKeys;
//! use keyward_http::{Failure, Origins, WebGuard};
//! use keyward_session::api_key::{ApiKeys, Scope};
//!
//! const READ: Scope = Scope::named("servers:read");
//!
//! # fn state(keys: ApiKeys) -> keyward_base::Result<WebKeys> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let keys = WebKeys::new(keys, &web, "api")?;
//! # Ok(keys) }
//!
//! // The parts on which a policy for machines decided, as `RoutePolicy::decide` left them.
//! async fn servers(keys: &WebKeys, request: &http::request::Parts) -> Result<String, Failure> {
//!     let key = keys.live(request).await?;
//!     keys.require(&key, &READ)?;
//!     Ok(format!("the servers of {}", key.tenant()))
//! }
//! ```
//!
//! # What is answered
//!
//! | | status |
//! |---|---|
//! | no `Authorization`, or another scheme than `Bearer` | 401, `WWW-Authenticate: Bearer realm="…"` |
//! | any other `Authorization`, several, a key that is none, lives no more, or is used from where it may not be | 401, with `error="invalid_token"` |
//! | a key without the scope | 403, with `error="insufficient_scope", scope="…"` |
//! | store, keys or clock are not available | 503, with `Retry-After` |
//! | a key whose row is not what was written | 500 |
//! | no [`RoutePolicy::machines`](crate::RoutePolicy::machines) before the route | 500 |
//!
//! The body depends on the status alone (RFC 6750, section 3.1, has the words of the challenge). An answer
//! for which a key was asked for is kept by no shared cache, and says `Vary: Authorization`.
//!
//! # From where
//!
//! A key with ranges is good from an address that is known, and from none that only stands in for one:
//! that of the connection where no proxy is in front, and of what a trusted proxy says the client's. It is
//! not good from the address of a proxy, whoever it speaks for: one that says of nobody, one that the
//! service was not told of and which speaks for others, a header that cannot be read, and an address
//! inside the networks of the service's own [`Proxies`] however it came there. So name the proxies themselves and not all of the
//! network around them, if clients in it are to have keys with ranges.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use keyward_base::{ErrorKind, Result};
use keyward_session::api_key::{ApiKeys, LiveKey, Scope};

use crate::bearer::Bearer;
use crate::client_ip::ClientIp;
use crate::failure::Failure;
use crate::forwarded::{Basis, Proxies};
use crate::guard::WebGuard;

/// API keys, and how a request without one is answered. A cheap clone, and part of an application's
/// state.
#[derive(Clone)]
pub struct WebKeys(Arc<Inner>);

struct Inner {
    keys: ApiKeys,
    proxies: Proxies,
    bearer: Bearer,
}

impl WebKeys {
    /// Keys of a service that answers as `guard` says, for a `realm` (see
    /// [`Challenge::bearer`](crate::Challenge::bearer)).
    ///
    /// # Errors
    /// `Misuse` for a realm that is none; and if the origins of `guard` are plain HTTP and not on
    /// loopback: a bearer token goes over TLS only (RFC 6750, section 5.3).
    pub fn new(keys: ApiKeys, guard: &WebGuard, realm: &str) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            keys,
            proxies: guard.proxies.clone(),
            bearer: Bearer::of(guard, realm)?,
        })))
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &ApiKeys {
        &self.0.keys
    }

    /// The key of a request, if it lives and may be used from there. What it may do is asked next
    /// ([`WebKeys::require`]).
    ///
    /// # Errors
    /// A refusal, as [`crate::api_key`] says.
    pub async fn live(&self, request: &Parts) -> Result<LiveKey, Failure> {
        let text = self.0.bearer.token(request)?;
        let checked = self.0.keys.check(text, self.address(request)).await;
        checked.map_err(|error| self.0.bearer.refused(error))
    }

    /// That a key may do this.
    ///
    /// # Errors
    /// A refusal: 403, which names the scope.
    pub fn require(&self, key: &LiveKey, scope: &Scope) -> Result<(), Failure> {
        key.require(scope).map_err(|error| match error.kind() {
            ErrorKind::Rejected => self.0.bearer.beyond(scope.as_str(), error),
            _ => Failure::from(error),
        })
    }

    /// Where a request comes from, if that is known and not assumed.
    fn address(&self, request: &Parts) -> Option<IpAddr> {
        let client = ClientIp::of(request).ok()?;
        let is_known = match client.basis() {
            Basis::Peer => true,
            Basis::Header => !self.0.proxies.has(client.address()),
            Basis::Missing
            | Basis::Untrusted
            | Basis::TooFew
            | Basis::Unreadable
            | Basis::Bypassed => false,
        };
        is_known.then(|| client.address())
    }
}

impl fmt::Debug for WebKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebKeys").field(&self.0.keys).finish()
    }
}
