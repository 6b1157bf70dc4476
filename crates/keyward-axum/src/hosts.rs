//! The names a service answers for.
//!
//! A browser applies its same-origin rule by name. An attacker who owns a name may point it at
//! any address, this machine's loopback too ("DNS rebinding"), and is then the same origin as the
//! service. Only the `Host` header still tells, so a service has to know its own names.

use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use keyward_base::{Error, Reason, Result};

/// A host name or address, in lower case, and the port if one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    name: String,
    port: Option<u16>,
}

impl Authority {
    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`. No user part, no path, nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                (text.get(..address.len().checked_add(2)?)?, port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, port) = text.split_at(end);
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
                if !(1..=253).contains(&name.len()) || !name.bytes().all(plain) {
                    return None;
                }
                (name, port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self {
            name: name.to_ascii_lowercase(),
            port,
        })
    }

    /// Whether both name the same host and port, where `default` stands for a port left out.
    pub(crate) fn same(&self, other: &Self, default: u16) -> bool {
        self.name == other.name && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

#[derive(Clone, Debug)]
enum Names {
    Listed(Arc<[Authority]>),
    Loopback,
}

/// The names a service answers for. Any other is refused with `421 Misdirected Request`.
#[derive(Clone, Debug)]
pub struct Hosts(Names);

impl Hosts {
    /// `localhost`, `127.0.0.1` and `[::1]`, at any port: what a service on loopback is called,
    /// and what no foreign DNS answers for.
    #[must_use]
    pub const fn loopback() -> Self {
        Self(Names::Loopback)
    }

    /// Exactly these, each `name` or `name:port`.
    ///
    /// # Errors
    /// `Misuse` if there is none, or one that is not a host name.
    pub fn only(names: &[&str]) -> Result<Self> {
        let listed: Option<Vec<_>> = names.iter().map(|name| Authority::parse(name)).collect();
        match listed {
            Some(listed) if !listed.is_empty() => Ok(Self(Names::Listed(listed.into()))),
            _ => Err(Error::misuse(
                "hosts must be at least one host name, such as app.example.com or app.example.com:8443",
            )),
        }
    }

    /// The host that a request names, if it is one of ours.
    pub(crate) fn admit(&self, request: &Parts, default_port: u16) -> Result<Authority> {
        let refused = || Error::rejected(Reason::ForeignHost);
        let host = named(request, default_port).ok_or_else(refused)?;
        let known = match &self.0 {
            Names::Listed(listed) => listed.iter().any(|own| own.same(&host, default_port)),
            Names::Loopback => {
                matches!(host.name.as_str(), "localhost" | "127.0.0.1" | "[::1]")
            }
        };
        if known { Ok(host) } else { Err(refused()) }
    }
}

/// The host a request names: the `Host` header, the authority of its target (HTTP/2, or the
/// absolute form of HTTP/1.1), and if both, only if they agree (RFC 9112, section 3.2).
fn named(request: &Parts, default_port: u16) -> Option<Authority> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (Some(one), None) => Some(Authority::parse(one.to_str().ok()?)?),
        (None, None) => None,
        _ => return None,
    };
    let target = match request.uri.authority() {
        Some(authority) => Some(Authority::parse(authority.as_str())?),
        None => None,
    };
    match (header, target) {
        (Some(header), Some(target)) => header.same(&target, default_port).then_some(header),
        (header, target) => header.or(target),
    }
}
