//! Whether a request is of a browser on this machine, for what is there while a service is developed.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::request::Parts;
use keyward_base::Result;

use crate::guard::WebGuard;

/// Passes a request of a browser on this machine, as [`keyward_http::loopback::check`] says, by the
/// address of the connection where the service knows of it (see [`crate::PeerPrefix`]).
///
/// # Errors
/// `Rejected`: [`NOT_LOOPBACK`](crate::reason::NOT_LOOPBACK), or
/// [`FOREIGN_HOST`](crate::reason::FOREIGN_HOST) for a host that is none of the service's.
pub fn check(guard: &WebGuard, request: &Parts) -> Result<()> {
    let known = request.extensions.get::<ConnectInfo<SocketAddr>>();
    keyward_http::loopback::check(guard, request, known.map(|ConnectInfo(peer)| peer.ip()))
}
