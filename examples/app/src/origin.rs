//! Where people reach the service: scheme, name and port, as they stand in the address bar.

use std::fmt;
use std::net::SocketAddr;

use keyward_axum::Origins;
use keyward_base::{Error, Result};

/// The names of this machine, for which no foreign DNS answers.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The public origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicOrigin {
    /// Nobody said: wherever it listens on loopback, under each of this machine's names.
    Listener,
    /// `http` on loopback, at this name and port.
    Loopback(String),
    /// `https`, which a proxy in front takes off.
    Https(String),
}

impl PublicOrigin {
    /// Reads an origin as a browser writes it: `https` with any name, `http` on loopback alone.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::misuse(
                "DEPLOYDESK_PUBLIC_ORIGIN must be what stands in the address bar, without a path: \
                 https://desk.example.com, https://desk.example.com:8443, or, on this machine \
                 alone, http://localhost:8080",
            )
        };
        Origins::only(&[text]).map_err(|_| wrong())?;
        let plain = !text.bytes().any(|b| b.is_ascii_uppercase());
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong()),
        };
        // A browser leaves the scheme's own port out.
        let own = if https { ":443" } else { ":80" };
        let name = match rest.split_once("]:") {
            Some((address, _)) => format!("{address}]"),
            None if rest.starts_with('[') => rest.to_owned(),
            None => rest.split(':').next().unwrap_or_default().to_owned(),
        };
        let port = rest.get(name.len()..).unwrap_or_default();
        // 0, and digits with a 0 in front, no address bar shows.
        if !plain || port == own || port.starts_with(":0") {
            return Err(wrong());
        }
        match https {
            true => Ok(Self::Https(text.to_owned())),
            false if LOOPBACK.contains(&name.as_str()) => Ok(Self::Loopback(text.to_owned())),
            false => Err(wrong()),
        }
    }

    /// Whether nobody but this machine reaches it, without encryption: for development.
    pub(crate) const fn is_loopback(&self) -> bool {
        !matches!(self, Self::Https(_))
    }

    /// What a request may be for.
    pub(crate) fn origins(&self) -> Result<Origins> {
        match self {
            Self::Listener => Ok(Origins::loopback()),
            Self::Loopback(text) | Self::Https(text) => Origins::only(&[text]),
        }
    }
}

impl PublicOrigin {
    /// The start of an address that is mailed, where it listens at `addr`.
    pub(crate) fn base(&self, addr: SocketAddr) -> String {
        match self {
            Self::Listener => format!("http://{addr}"),
            Self::Loopback(text) | Self::Https(text) => text.clone(),
        }
    }
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener => f.write_str("http on loopback"),
            Self::Loopback(text) | Self::Https(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_a_browser_writes_it_or_not_at_all() {
        for good in ["https://desk.example.com", "https://desk.example.com:8443"] {
            let origin = PublicOrigin::parse(good).unwrap();
            assert_eq!(origin, PublicOrigin::Https(good.to_owned()));
            assert!(!origin.is_loopback());
        }
        for good in [
            "http://localhost",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            let origin = PublicOrigin::parse(good).unwrap();
            assert_eq!(origin, PublicOrigin::Loopback(good.to_owned()));
            assert!(origin.is_loopback());
        }
        for bad in [
            "",
            "desk.example.com",
            "http://desk.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com:8080",
            "https://desk.example.com/",
            "https://desk.example.com/path",
            "https://user@desk.example.com",
            "https://desk.example.com:443",
            "http://localhost:80",
            "https://desk.example.com:0",
            "https://desk.example.com:08443",
            "https://Desk.example.com",
            "HTTPS://desk.example.com",
            "https://desk.example.com https://other.example.com",
            "https://",
            "https://desk.example.com:99999",
            "ftp://desk.example.com",
            "null",
            "*",
            "http://[::1]x:80",
        ] {
            let refused = PublicOrigin::parse(bad).unwrap_err();
            let said = refused.to_string();
            assert!(said.contains("DEPLOYDESK_PUBLIC_ORIGIN"), "{bad}: {said}");
        }
    }
}
