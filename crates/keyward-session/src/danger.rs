//! What a hurried person should not find first.

use keyward_base::{Subject, Tenant};

use crate::cookie::Cookie;

/// The same cookie without `Secure` and under a name of its own, `loopback-…`: it goes over plain
/// HTTP, where whoever listens has the session, and any service at the same name, on whatever port,
/// can set it.
///
/// For a browser on the machine that the service runs on. Safari sends no `Secure` cookie to
/// `http://localhost` (WebKit bug 281149), and older Chromium keeps none there whose name begins with
/// `__Host-`. Ask first
/// whether the request comes from there: by the public origin and `Host`, both loopback, and by the
/// absence of forwarding headers, since a proxy connects from loopback as well.
#[must_use]
pub const fn loopback_cookie(cookie: Cookie) -> Cookie {
    cookie.on_loopback()
}

/// Somebody who makes API keys without a session: whoever runs the command line, beside the service's
/// own files. Nothing proves who he is or what he may do, and no role bounds the scopes of what he makes;
/// the trail is told before it is made, and the key says of itself how it came to be.
///
/// A page or an API never makes one: there a person does, by his own session
/// ([`ApiKeys::issue`](crate::api_key::ApiKeys::issue)).
#[derive(Clone, Debug)]
#[must_use = "it makes nothing by itself"]
pub struct Operator {
    tenant: Tenant,
    subject: Subject,
}

impl Operator {
    /// `subject` is who the trail names, and the maker of the keys; `tenant` is whose they are.
    pub const fn of(tenant: Tenant, subject: Subject) -> Self {
        Self { tenant, subject }
    }

    pub(crate) const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(crate) const fn subject(&self) -> &Subject {
        &self.subject
    }
}
