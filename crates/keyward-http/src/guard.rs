//! What all routes of a service have in common.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use keyward_base::audit::Trail;
use keyward_base::{Clock, Error, RequestId};
use keyward_crypto::Provider;

use crate::bodies::ErrorPage;
use crate::content::ContentPolicy;
use crate::forwarded::Proxies;
use crate::headers;
use crate::noted::{Finding, Noted};
use crate::origins::Origins;
use crate::policy::Referrer;
use crate::request_id::InRequest;

type Reporter = Arc<dyn Fn(&Error, Option<&RequestId>) + Send + Sync>;

/// What all routes of a service have in common: where it answers, what its pages may load, how
/// errors look and who is told of them. A [`crate::RoutePolicy`] puts it before routes.
#[derive(Clone)]
pub struct WebGuard {
    pub(crate) origins: Origins,
    pub(crate) content: ContentPolicy,
    pub(crate) referrer: Referrer,
    pub(crate) page: Option<ErrorPage>,
    pub(crate) report: Option<Reporter>,
    pub(crate) proxies: Proxies,
    pub(crate) noted: Noted,
    pub(crate) provider: Provider,
}

impl WebGuard {
    /// The strict defaults of [`crate::policy`] and [`ContentPolicy::strict`].
    #[must_use]
    pub fn new(origins: Origins) -> Self {
        Self {
            origins,
            content: ContentPolicy::strict(),
            referrer: Referrer::default(),
            page: None,
            report: None,
            proxies: Proxies::none(),
            noted: Noted::default(),
            provider: Provider::default(),
        }
    }

    /// Another content policy.
    #[must_use]
    pub fn content(mut self, content: ContentPolicy) -> Self {
        self.content = content;
        self
    }

    /// Another referrer policy.
    #[must_use]
    pub const fn referrer(mut self, referrer: Referrer) -> Self {
        self.referrer = referrer;
        self
    }

    /// An HTML page for each error status, where pages are answered. It is given the status and
    /// nothing else, so that it has nothing to tell.
    #[must_use]
    pub fn error_page(mut self, page: fn(StatusCode) -> String) -> Self {
        self.page = Some(page);
        self
    }

    /// The proxies in front of the service. Without this there are none, and [`crate::ClientIp`] is
    /// who connects.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Records what the guard sees on `trail`, as well as can be: `web.forwarded`, failed for the
    /// reason, for forwarding headers that are not believed, and for requests of trusted proxies none of
    /// which has named a client yet. Of each reason at most one event is
    /// recorded in a minute; it says how many there were since the one before (`count`), so that nobody
    /// fills the record by sending headers. Counted alike: `web.panic`, where a handler panicked;
    /// `web.limited`, where a limit refused; and `web.limit`, where one could not be read and the
    /// request was let through.
    #[must_use]
    pub fn trail(mut self, trail: Trail, clock: Arc<dyn Clock>) -> Self {
        self.noted = self.noted.on(trail, clock);
        self
    }

    /// What an operator should mend, as far as the requests told since the start: for a page of
    /// health, or a command. Clones of the guard count together.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.noted.findings()
    }

    /// Is told every error behind a response, refusals at the guard included, and each forwarding
    /// header that is not believed, which refuses nothing: for the log.
    #[must_use]
    pub fn report(mut self, report: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.report = Some(Arc::new(move |error, _| report(error)));
        self
    }

    /// The same, with the id of the request; none where no randomness was to be had for one. In the
    /// place of [`WebGuard::report`].
    #[must_use]
    pub fn report_in_request(
        mut self,
        report: impl Fn(&Error, Option<&RequestId>) + Send + Sync + 'static,
    ) -> Self {
        self.report = Some(Arc::new(report));
        self
    }

    /// Takes the randomness of request ids and nonces from `provider`.
    #[must_use]
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    pub(crate) fn tell(&self, error: &Error, of: Option<&InRequest>) {
        if let Some(report) = &self.report {
            report(error, of.map(|InRequest(id)| id));
        }
    }

    /// The headers of every response.
    pub(crate) fn headers(&self) -> HeaderMap {
        headers::of(&self.content, self.referrer, self.origins.scheme())
    }
}

impl fmt::Debug for WebGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebGuard")
            .field("origins", &self.origins)
            .field("content", &self.content)
            .field("referrer", &self.referrer)
            .finish_non_exhaustive()
    }
}
