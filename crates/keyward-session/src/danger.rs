//! What a hurried person should not find first.

use crate::cookie::Cookie;

/// Whoever runs the command line, as he makes API keys. No role bounds the scopes of what he makes; the
/// trail is told before it is made, he is its maker, and the key says of itself how it came to be.
/// Elsewhere a person does, by his own session ([`ApiKeys::issue`](crate::api_key::ApiKeys::issue)).
pub use keyward_base::danger::Operator;

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
