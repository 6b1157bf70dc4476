//! Who sent a request, from whatever proxy it came.

use std::net::IpAddr;

use http::request::Parts;
use keyward_base::{AddressPrefix, Error, Result};

use crate::forwarded::{Basis, Client};

/// Who sent a request: what the guard's [`Proxies`](crate::Proxies) make of the connection and its header. Without
/// proxies it is who connects, and behind one that the guard was not told of, that one.
///
/// Among a request's extensions once a [`crate::RoutePolicy`] decided on it, if it was told the peer's
/// address; [`ClientIp::of`] takes it from there. With axum it is an argument of handlers, and the
/// service has to be served with `into_make_service_with_connect_info::<SocketAddr>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClientIp(Client);

impl ClientIp {
    /// That of a request.
    ///
    /// # Errors
    /// `Misuse` if no [`crate::RoutePolicy`] was asked about it, or none that knew the peer's address.
    pub fn of(request: &Parts) -> Result<Self> {
        request.extensions.get().copied().ok_or_else(|| {
            Error::misuse(
                "the client's address is not known: put a RoutePolicy before the route, and tell it \
                 the peer's address (axum: serve the router with \
                 into_make_service_with_connect_info::<SocketAddr>())",
            )
        })
    }

    /// Hands it to what comes after the guard.
    pub(crate) fn put(client: Client, request: &mut Parts) {
        request.extensions.insert(Self(client));
    }

    /// See [`Client::address`].
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.0.address()
    }

    /// See [`Client::prefix`].
    #[must_use]
    pub fn prefix(self) -> AddressPrefix {
        self.0.prefix()
    }

    /// See [`Client::basis`].
    #[must_use]
    pub const fn basis(self) -> Basis {
        self.0.basis()
    }
}
