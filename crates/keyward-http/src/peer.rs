//! Where a connection comes from.

use std::net::IpAddr;

/// The address that the connection comes from: the socket's, never a header's. Whoever serves knows it,
/// and hands it to [`crate::RoutePolicy::decide`], which puts it among the request's extensions; before
/// the layer (`tower`) the server puts it there itself. With axum that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // One address, for a server to put in.
pub struct Peer(pub IpAddr);
