//! What an answer does with the browser's cookies.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// `"storage"`: what pages kept in the browser. Not `"cookies"`, which would take those of all hosts
/// of the site, and not `"cache"`, which has nothing of what is `no-store`.
const STORAGE: &str = "\"storage\"";

/// Sets the cookie of a session, or has the browser forget it: a part of an answer, which no cache
/// keeps then. With axum it is a part of what a handler returns.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is part of an answer"]
pub struct SessionCookie {
    cookie: HeaderValue,
    clears_storage: bool,
}

impl SessionCookie {
    pub(super) const fn of(cookie: HeaderValue) -> Self {
        Self {
            cookie,
            clears_storage: false,
        }
    }

    pub(super) fn and_storage(self) -> Self {
        Self {
            clears_storage: true,
            ..self
        }
    }

    /// Puts it on an answer.
    pub fn put(self, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, self.cookie);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.clears_storage {
            let name = HeaderName::from_static("clear-site-data");
            headers.insert(name, HeaderValue::from_static(STORAGE));
        }
    }
}
