//! Routes for the service's own cron, and for other services of its operator's.
//!
//! ```no_run
//! use std::sync::Arc;
//! use keyward_base::SystemClock;
//! use keyward_crypto::Provider;
//! use keyward_http::{Failure, Origins, WebGuard};
//! use keyward_http::internal::WebInternal;
//! use keyward_session::InternalSecrets;
//!
//! # fn state() -> keyward_base::Result<WebInternal> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let clock = Arc::new(SystemClock::new());
//! let secrets = InternalSecrets::from_env("APP_CRON_SECRET", &Provider::default(), clock)?;
//! let internal = match secrets {
//!     Some(secrets) => WebInternal::new(secrets, &web, "internal")?,
//!     None => WebInternal::none(), // Such routes are 404.
//! };
//! # Ok(internal) }
//!
//! // The parts on which a policy for machines decided, as `RoutePolicy::decide` left them.
//! fn cron(internal: &WebInternal, request: &http::request::Parts) -> Result<String, Failure> {
//!     let caller = internal.caller(request)?;
//!     Ok(format!("by {}", caller.id()))
//! }
//! ```
//!
//! | | status |
//! |---|---|
//! | there are no secrets | 404 |
//! | no `Authorization`, or another scheme than `Bearer` | 401, `WWW-Authenticate: Bearer realm="…"` |
//! | any other `Authorization`, several, a secret that is none or has ended | 401, with `error="invalid_token"` |
//! | the clock is not available | 503 |
//! | no [`RoutePolicy::machines`](crate::RoutePolicy::machines) before the route | 500 |

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use keyward_base::{Error, Reason, Result};
use keyward_session::{Internal, InternalSecrets};

use crate::bearer::Bearer;
use crate::failure::Failure;
use crate::guard::WebGuard;

/// Internal secrets, and how a request that has none is answered. A cheap clone, and part of an
/// application's state.
#[derive(Clone)]
pub struct WebInternal(Option<Arc<Inner>>);

struct Inner {
    secrets: InternalSecrets,
    bearer: Bearer,
}

impl WebInternal {
    /// Routes that `secrets` open, of a service that answers as `guard` says, for a `realm` (see
    /// [`Challenge::bearer`](crate::Challenge::bearer)).
    ///
    /// # Errors
    /// `Misuse` for a realm that is none; and if the origins of `guard` are plain HTTP and not on
    /// loopback: a bearer token goes over TLS only (RFC 6750, section 5.3).
    pub fn new(secrets: InternalSecrets, guard: &WebGuard, realm: &str) -> Result<Self> {
        let bearer = Bearer::of(guard, realm)?;
        Ok(Self(Some(Arc::new(Inner { secrets, bearer }))))
    }

    /// Routes that nothing opens: each is answered as if it was not there.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Who sends a request, if it has one of the secrets.
    ///
    /// # Errors
    /// A refusal, as [`crate::internal`] says.
    pub fn caller(&self, request: &Parts) -> Result<Internal, Failure> {
        let Some(inner) = &self.0 else {
            return Err(Failure::from(Error::rejected(Reason::NOT_FOUND)));
        };
        let token = inner.bearer.token(request)?;
        let checked = inner.secrets.check(token.as_bytes());
        checked.map_err(|error| inner.bearer.refused(error))
    }
}

impl fmt::Debug for WebInternal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.0.as_ref().map(|inner| &inner.secrets);
        f.debug_tuple("WebInternal").field(&secrets).finish()
    }
}
