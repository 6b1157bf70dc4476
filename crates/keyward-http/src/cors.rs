//! Which pages of other origins may call machine routes from a browser.
//!
//! Source: the CORS protocol of the Fetch standard. Cookies are never part of it
//! (`Access-Control-Allow-Credentials` is not sent), and no origin is allowed by a pattern.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use keyward_base::{Error, Result};

use crate::authority::Authority;
use crate::reason;

/// How long a browser remembers what a preflight said. It sends each request that is not simple twice
/// without; and goes on for so long after an origin was taken off the list. Chromium keeps at most two
/// hours.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The most bytes of the list of headers that a preflight asks for: some forty names.
const MAX_ASKED: usize = 1024;

/// What a page may read of an answer beside what every page may.
const EXPOSED: &str = "ratelimit, ratelimit-policy, retry-after, x-request-id";

/// Pages of other origins that may call machine routes.
#[derive(Clone, Debug)]
pub struct Cors(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    origins: Vec<HeaderValue>,
    methods: Vec<Method>,
    headers: Vec<HeaderName>,
}

impl Cors {
    /// Pages of exactly these origins, each as a browser writes it: `https://console.example.com`, with
    /// a port if it is not 443; or `http` on loopback, for development. They may `GET`, `HEAD` and
    /// `POST`, with `Authorization` and `Content-Type`.
    ///
    /// # Errors
    /// `Misuse` if there is none, or one that is not written so: `*`, `null`, upper case, a path.
    pub fn only(origins: &[&str]) -> Result<Self> {
        let origins: Option<Vec<_>> = origins.iter().map(|origin| listed(origin)).collect();
        match origins {
            Some(origins) if !origins.is_empty() => Ok(Self(Arc::new(Inner {
                origins,
                methods: vec![Method::GET, Method::HEAD, Method::POST],
                headers: vec![http::header::AUTHORIZATION, http::header::CONTENT_TYPE],
            }))),
            _ => Err(Error::misuse(
                "name each origin that may call as a browser writes it, such as \
                 https://console.example.com; there is no pattern for many",
            )),
        }
    }

    /// Other methods.
    #[must_use]
    pub fn methods(mut self, methods: &[Method]) -> Self {
        Arc::make_mut(&mut self.0).methods = methods.to_vec();
        self
    }

    /// Other headers that a page may set.
    ///
    /// # Errors
    /// `Misuse` for what is no name of a header, and for `*`, which browsers read as all of them.
    pub fn headers(mut self, headers: &[&str]) -> Result<Self> {
        let names: Option<Vec<_>> = headers
            .iter()
            .map(|name| HeaderName::try_from(*name).ok().filter(|_| *name != "*"))
            .collect();
        Arc::make_mut(&mut self.0).headers =
            names.ok_or_else(|| Error::misuse("a header that a page may set is one name"))?;
        Ok(self)
    }

    /// Answers a preflight; none if the request is none.
    ///
    /// # Errors
    /// `Rejected` if it asks for what is not allowed.
    pub(crate) fn preflight(&self, request: &Parts) -> Result<Option<Response<Bytes>>> {
        let headers = &request.headers;
        let is_one = request.method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_one {
            return Ok(None);
        }
        if self.caller(headers).is_none() || !self.has_method(headers) || !self.has_all(headers) {
            return Err(Error::rejected(reason::CROSS_ORIGIN));
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let out = response.headers_mut();
        let methods: Vec<_> = self.0.methods.iter().map(Method::as_str).collect();
        let names: Vec<_> = self.0.headers.iter().map(HeaderName::as_str).collect();
        for (name, list) in [
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, names),
        ] {
            // Names and methods are ASCII.
            if let Ok(value) = HeaderValue::try_from(list.join(", ")) {
                out.insert(name, value);
            }
        }
        out.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE.as_secs().into());
        Ok(Some(response))
    }

    /// The listed origin that a request is from.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = single(headers, &ORIGIN)?;
        let mut listed = self.0.origins.iter();
        listed.find(|listed| *listed == origin).cloned()
    }

    fn has_method(&self, headers: &HeaderMap) -> bool {
        let asked = single(headers, &ACCESS_CONTROL_REQUEST_METHOD);
        let same = |asked: &HeaderValue| {
            let mut methods = self.0.methods.iter();
            methods.any(|method| method.as_str().as_bytes() == asked.as_bytes())
        };
        asked.is_some_and(same)
    }

    fn has_all(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let (asked, more) = (lines.next(), lines.next());
        let Some(asked) = asked else {
            return true;
        };
        let known = |name: &[u8]| {
            let name = name.trim_ascii();
            let mut names = self.0.headers.iter();
            names.any(|known| name.eq_ignore_ascii_case(known.as_str().as_bytes()))
        };
        more.is_none()
            && asked.len() <= MAX_ASKED
            && asked.as_bytes().split(|b| *b == b',').all(known)
    }
}

/// That other origins may call, and the listed one that does.
pub(crate) struct Across(pub(crate) Option<HeaderValue>);

/// Sets what a browser goes by, over whatever a handler had set.
pub(crate) fn put(across: Option<&Across>, on: &mut HeaderMap) {
    on.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    on.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    let Some(Across(caller)) = across else {
        return;
    };
    // Whoever keeps the answer keeps it for one origin.
    on.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = caller {
        on.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        on.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let one = lines.next()?;
    lines.next().is_none().then_some(one)
}

fn listed(origin: &str) -> Option<HeaderValue> {
    let (scheme, default, rest) = match origin.strip_prefix("https://") {
        Some(rest) => ("https", 443, rest),
        None => ("http", 80, origin.strip_prefix("http://")?),
    };
    let authority = Authority::parse(rest)?;
    let on_loopback = matches!(authority.name(), "localhost" | "127.0.0.1" | "[::1]");
    let written = format!("{scheme}://{authority}") == origin && authority.port() != Some(default);
    if !written || (scheme == "http" && !on_loopback) {
        return None;
    }
    HeaderValue::try_from(origin).ok()
}
