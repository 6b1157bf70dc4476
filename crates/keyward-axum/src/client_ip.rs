//! Who sent a request, from whatever proxy it came.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use keyward_base::{AddressPrefix, Error};

use crate::failure::Failure;
use crate::forwarded::{Basis, Client, Proxies};

/// Who sent a request: what the guard's [`Proxies`] make of the connection and its header. Without
/// proxies it is who connects, and behind one that the guard was not told of, that one.
///
/// The route needs a [`crate::RoutePolicy`] before it, and the service has to be served with
/// [`into_make_service_with_connect_info::<SocketAddr>()`](axum::Router::into_make_service_with_connect_info);
/// without, it is `Misuse`: 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClientIp(Client);

impl ClientIp {
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

/// Who sent it; none if the connection's address is not known.
pub(crate) fn of(proxies: &Proxies, request: &Parts) -> Option<Client> {
    let ConnectInfo(peer) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(proxies.client(peer.ip(), &request.headers))
}

/// Hands it to what comes after the guard.
pub(crate) fn put(client: Client, request: &mut Parts) {
    request.extensions.insert(ClientIp(client));
}

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get().copied().ok_or_else(|| {
            Failure::from(Error::misuse(
                "the client's address is not known: put a RoutePolicy before the route, and serve \
                 the router with into_make_service_with_connect_info::<SocketAddr>()",
            ))
        })
    }
}
