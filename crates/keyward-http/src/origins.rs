//! The origins a service answers at: scheme, name and port, as they stand in the address bar.
//!
//! A browser applies its same-origin rule by name. An attacker who owns a name may point it at
//! any address, this machine's loopback too ("DNS rebinding"), and is then the same origin as the
//! service. Only the `Host` header still tells, so a service has to know its own names.

use std::fmt;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use keyward_base::{Error, Result};

use crate::authority::Authority;
use crate::reason;

/// How the client reaches the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The start of an origin.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    /// The port that an origin leaves out.
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Clone, Debug)]
enum Known {
    Listed(Scheme, Arc<[Authority]>),
    Loopback,
}

/// The origins a service answers at. A request for any other name is refused with
/// `421 Misdirected Request`.
#[derive(Clone, Debug)]
pub struct Origins(Known);

/// The one of its own origins that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    scheme: Scheme,
    authority: Authority,
}

impl Own {
    /// Whether `origin`, as an `Origin` header writes it, is this one.
    pub(crate) fn is(&self, origin: &str) -> bool {
        origin
            .strip_prefix(self.scheme.prefix())
            .and_then(Authority::parse)
            .is_some_and(|other| self.authority.same(&other, self.scheme.port()))
    }
}

impl Origins {
    /// `http` at `localhost`, `127.0.0.1` and `[::1]`, on any port: what a service on loopback is
    /// called, and what no foreign DNS answers for.
    #[must_use]
    pub const fn loopback() -> Self {
        Self(Known::Loopback)
    }

    /// Exactly these, each as a browser shows it: `https://app.example.com`, or
    /// `https://app.example.com:8443` for a service on another port than 443.
    ///
    /// All are `https`, here or at a proxy in front; or all are `http`, for a network where
    /// nobody listens. A proxy must pass the `Host` header on. One that takes the port off it may
    /// do so, as long as only one of these has that name.
    ///
    /// # Errors
    /// `Misuse` if there is none, if one is not an origin, or if the schemes differ.
    pub fn only(origins: &[&str]) -> Result<Self> {
        let wrong = || {
            Error::misuse(
                "origins must be at least one of the form https://app.example.com or \
                 https://app.example.com:8443, without a path, all with the same scheme",
            )
        };
        let scheme = match origins.first() {
            Some(first) if first.starts_with(Scheme::Https.prefix()) => Scheme::Https,
            _ => Scheme::Http,
        };
        let listed: Option<Vec<_>> = origins
            .iter()
            .map(|origin| Authority::parse(origin.strip_prefix(scheme.prefix())?))
            .collect();
        match listed {
            Some(listed) if !listed.is_empty() => Ok(Self(Known::Listed(scheme, listed.into()))),
            _ => Err(wrong()),
        }
    }

    /// Whether all of them are on loopback: `localhost`, `127.0.0.1` or `[::1]`, on any port.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            Known::Listed(_, listed) => listed.iter().all(on_loopback),
            Known::Loopback => true,
        }
    }

    /// Whether browsers hold them for safe from who listens: over TLS, or on loopback.
    #[cfg(feature = "session")]
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme() == Scheme::Https || self.is_loopback()
    }

    /// The path of an address that is at one of them; none for any other address.
    #[cfg(feature = "approval")]
    pub(crate) fn path_of<'a>(&self, address: &'a str) -> Option<&'a str> {
        let scheme = self.scheme();
        let rest = address.strip_prefix(scheme.prefix())?;
        let (host, path) = rest.split_at(rest.find('/')?);
        let host = Authority::parse(host)?;
        let is_own = match &self.0 {
            Known::Listed(_, listed) => listed.iter().any(|own| own.same(&host, scheme.port())),
            Known::Loopback => on_loopback(&host),
        };
        is_own.then_some(path)
    }

    pub(crate) const fn scheme(&self) -> Scheme {
        match self.0 {
            Known::Listed(scheme, _) => scheme,
            Known::Loopback => Scheme::Http,
        }
    }

    /// The own origin that a request is for.
    pub(crate) fn addressed(&self, request: &Parts) -> Result<Own> {
        let refused = || Error::rejected(reason::FOREIGN_HOST);
        let scheme = self.scheme();
        let host = named(request, scheme.port()).ok_or_else(refused)?;
        let authority = match &self.0 {
            Known::Listed(_, listed) => of_host(listed, &host, scheme.port()),
            Known::Loopback => on_loopback(&host).then_some(host),
        };
        let authority = authority.ok_or_else(refused)?;
        Ok(Own { scheme, authority })
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Known::Loopback => f.write_str("http on loopback"),
            Known::Listed(scheme, listed) => {
                for (at, authority) in listed.iter().enumerate() {
                    let space = if at == 0 { "" } else { " " };
                    write!(f, "{space}{}{authority}", scheme.prefix())?;
                }
                Ok(())
            }
        }
    }
}

fn on_loopback(host: &Authority) -> bool {
    matches!(host.name(), "localhost" | "127.0.0.1" | "[::1]")
}

/// The listed origin of that host and port; for a host without a port, as a proxy may have left
/// it, also the only one of that name. The `Origin` header is compared with the listed one, so
/// that this loosens nothing.
fn of_host(listed: &[Authority], host: &Authority, default_port: u16) -> Option<Authority> {
    if let Some(exact) = listed.iter().find(|own| own.same(host, default_port)) {
        return Some(exact.clone());
    }
    let mut named = listed.iter().filter(|own| own.name() == host.name());
    match (host.port(), named.next(), named.next()) {
        (None, Some(one), None) => Some(one.clone()),
        _ => None,
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
