//! Where a request comes from, to count what comes from there.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::Extensions;
use http::request::Parts;
use keyward_base::{AddressPrefix, Error};
use keyward_http::Peer;

use crate::failure::Failure;

/// The address that the connection comes from, or the part of it that one client is taken to hold:
/// what a throttle counts by. It is the socket's: what a header says of other addresses, anybody can
/// write. Behind a proxy it is the proxy's, so that all who come through it are counted as one.
///
/// The service has to be served with
/// [`into_make_service_with_connect_info::<SocketAddr>()`](axum::Router::into_make_service_with_connect_info);
/// without, it is `Misuse`: 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // An extractor is taken apart where it is an argument.
pub struct PeerPrefix(pub AddressPrefix);

/// Tells what is not axum's of the address that the server knows.
pub(crate) fn tell(request: &mut Extensions) {
    if let Some(ConnectInfo(peer)) = request.get::<ConnectInfo<SocketAddr>>() {
        let peer = Peer(peer.ip());
        request.insert(peer);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PeerPrefix {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let ConnectInfo(peer) = ConnectInfo::<SocketAddr>::from_request_parts(parts, state)
            .await
            .map_err(|_| {
                Error::misuse(
                    "the peer's address is not known: serve the router with \
                     into_make_service_with_connect_info::<SocketAddr>()",
                )
            })?;
        Ok(Self(AddressPrefix::of(peer.ip())))
    }
}
