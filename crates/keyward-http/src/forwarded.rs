//! Whom a proxy speaks for.
//!
//! What a request says of where it was before, anybody can write. A header is believed from a proxy
//! that the service names, and of it the one entry that this proxy, or the outermost of several, wrote
//! itself: the nth from the right. What stands further left is the client's own word, and is never
//! read.
//!
//! ```
//! use http::HeaderMap;
//! use keyward_http::forwarded::{Basis, Proxies};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let proxies = Proxies::x_forwarded_for(&["192.0.2.0/28"])?;
//! let mut headers = HeaderMap::new();
//! headers.append("x-forwarded-for", "10.9.9.9, 203.0.113.7".parse().unwrap());
//! // From the proxy: whom it saw, whatever that client had written.
//! let client = proxies.client("192.0.2.1".parse().unwrap(), &headers);
//! assert_eq!(client.address().to_string(), "203.0.113.7");
//! // From anybody else: who sent it.
//! let client = proxies.client("198.51.100.4".parse().unwrap(), &headers);
//! assert_eq!(client.address().to_string(), "198.51.100.4");
//! assert_eq!(client.basis(), Basis::Untrusted);
//! # Ok(()) }
//! ```
//!
//! The lines of each proxy's configuration are in `docs/web.md`. A proxy that speaks the PROXY protocol
//! says whom it speaks for before the first request: that is the server's to read, and the address it
//! gives is then the peer's.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{AddressPrefix, Error, Reason, Result};

use crate::entry;
use crate::loopback;
use crate::reason;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most proxies one after the other.
const MAX_HOPS: u8 = 8;

/// The most networks of proxies: what the largest content networks publish is a few dozen.
const MAX_TRUSTED: usize = 256;

/// The fewest bits of a network of proxies: 10.0.0.0/8 and fd00::/8 are the largest that a service has
/// to itself (RFC 1918, RFC 4193).
const FEWEST_BITS: u8 = 8;

/// The proxies in front of a service, and the one header by which they say whom they speak for. By
/// default there are none: the client is who connects.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Option<Arc<Rule>>);

#[derive(Clone, Debug)]
struct Rule {
    trusted: Vec<AddressPrefix>,
    header: Header,
    hops: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Header {
    Forwarded,
    XForwardedFor,
    Single(HeaderName),
}

impl Proxies {
    /// None: the client is who connects.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Proxies in these networks (`192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`), each of which adds whom
    /// it saw to the end of `X-Forwarded-For`, or writes that header anew. An entry is an address, with
    /// a port or without; brackets around IPv6 may be left out where there is no port.
    ///
    /// # Errors
    /// `Misuse` if there is no network or more than 256, or one that is not written so or has fewer
    /// than 8 bits: it would hold strangers.
    pub fn x_forwarded_for(trusted: &[&str]) -> Result<Self> {
        Self::of(trusted, Header::XForwardedFor)
    }

    /// The same with `Forwarded` (RFC 7239), of which `for` is read.
    ///
    /// # Errors
    /// As [`Proxies::x_forwarded_for`].
    pub fn forwarded(trusted: &[&str]) -> Result<Self> {
        Self::of(trusted, Header::Forwarded)
    }

    /// The same with a header that has one address and nothing else, such as `X-Real-IP`. The proxy
    /// must write it anew: one that passes on what a client sent is lied to. Of several proxies the
    /// outermost writes it, and the others pass it on.
    ///
    /// # Errors
    /// As [`Proxies::x_forwarded_for`]; and for a name that is none, or that has a list.
    pub fn single(header: &str, trusted: &[&str]) -> Result<Self> {
        let name = HeaderName::try_from(header)
            .map_err(|_| Error::misuse("the header of a proxy is one name, such as X-Real-IP"))?;
        if name == FORWARDED || name == X_FORWARDED_FOR {
            return Err(Error::misuse(
                "X-Forwarded-For and Forwarded are lists: take the call of that name",
            ));
        }
        Self::of(trusted, Header::Single(name))
    }

    /// How many proxies a request comes through, each of which adds an entry: 1 unless it is said.
    /// All of them have to be in the networks, since an entry that a stranger is said to have sent was
    /// not written by the next proxy.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 8, and 1 for a header of one address or where there are no proxies.
    pub fn hops(self, hops: u8) -> Result<Self> {
        let wrong = || {
            Error::misuse(
                "there are 1 to 8 proxies, which add to X-Forwarded-For or Forwarded each",
            )
        };
        let mut rule = self.0.map(Arc::unwrap_or_clone).ok_or_else(wrong)?;
        let single = matches!(rule.header, Header::Single(_));
        if !(1..=MAX_HOPS).contains(&hops) || (single && hops > 1) {
            return Err(wrong());
        }
        rule.hops = hops;
        Ok(Self(Some(Arc::new(rule))))
    }

    fn of(trusted: &[&str], header: Header) -> Result<Self> {
        let trusted = trusted
            .iter()
            .map(|text| AddressPrefix::parse(text))
            .collect::<Result<Vec<_>>>()?;
        let fits = (1..=MAX_TRUSTED).contains(&trusted.len());
        if !fits || trusted.iter().any(|net| net.bits() < FEWEST_BITS) {
            return Err(Error::misuse(
                "name 1 to 256 networks of proxies, each of at least 8 bits: whoever is in one can \
                 speak for anybody",
            ));
        }
        Ok(Self(Some(Arc::new(Rule {
            trusted,
            header,
            hops: 1,
        }))))
    }

    /// Whether `peer` is one of them.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.0.as_deref().is_some_and(|rule| rule.trusts(peer))
    }

    /// Whether an address is of one of them.
    #[cfg(feature = "session")]
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.0.as_ref().is_some_and(|rule| rule.trusts(address))
    }

    /// Who sent a request that came from `peer` with these headers. In doubt it is the peer.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        let by_peer = |basis| Client {
            address: peer,
            basis,
        };
        let Some(rule) = self.0.as_deref().filter(|rule| rule.trusts(peer)) else {
            // The header that is read may have a name of the service's own.
            let own = self.0.as_deref().is_some_and(|rule| rule.is_in(headers));
            let claims = own || loopback::is_forwarded(headers);
            return by_peer(if claims {
                Basis::Untrusted
            } else {
                Basis::Peer
            });
        };
        match rule.named(headers) {
            Ok(address) => Client {
                address,
                basis: Basis::Header,
            },
            Err(basis) => by_peer(basis),
        }
    }
}

impl Rule {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(address))
    }

    /// Whether its header is among these, if that is none of the common ones.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        matches!(&self.header, Header::Single(name) if headers.contains_key(name))
    }

    fn named(&self, headers: &HeaderMap) -> Result<IpAddr, Basis> {
        let lines = |name: &HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes);
        match &self.header {
            Header::Single(name) => {
                let mut lines = lines(name);
                let one = lines.next().ok_or(Basis::Missing)?;
                let address = lines
                    .next()
                    .is_none()
                    .then(|| entry::address(one))
                    .flatten();
                address.ok_or(Basis::Unreadable)
            }
            Header::XForwardedFor => {
                let mut lines = lines(&X_FORWARDED_FOR).rev().peekable();
                lines.peek().ok_or(Basis::Missing)?;
                self.nth(lines.flat_map(|line| line.rsplit(|b| *b == b',').map(entry::address)))
            }
            Header::Forwarded => {
                let mut lines = lines(&FORWARDED).rev().peekable();
                lines.peek().ok_or(Basis::Missing)?;
                self.nth(lines.flat_map(entry::of_forwarded))
            }
        }
    }

    /// The entry of the outermost proxy. Each before it, from the right, names the proxy that sent it
    /// on; where that is none, somebody went around the outer ones.
    fn nth(&self, mut entries: impl Iterator<Item = Option<IpAddr>>) -> Result<IpAddr, Basis> {
        let mut next = || match entries.next() {
            Some(Some(address)) => Ok(address),
            Some(None) => Err(Basis::Unreadable),
            None => Err(Basis::TooFew),
        };
        for _ in 1..self.hops {
            if !self.trusts(next()?) {
                return Err(Basis::Bypassed);
            }
        }
        next()
    }
}

/// Who sent a request, as far as can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Client {
    address: IpAddr,
    basis: Basis,
}

impl Client {
    /// Its address. An IPv4 address that was written as IPv6 is IPv4 here.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The part of its address that it is taken to hold: what to count by.
    #[must_use]
    pub fn prefix(self) -> AddressPrefix {
        AddressPrefix::of(self.address)
    }

    /// How it is known.
    #[must_use]
    pub const fn basis(self) -> Basis {
        self.basis
    }
}

/// How a client's address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// From the connection: it is no proxy's, and says of no other address.
    Peer,
    /// From the header of a proxy.
    Header,
    /// From the connection, which is a proxy's that said of nobody: the proxy's own request.
    Missing,
    /// From the connection, which is no trusted proxy's and speaks for somebody all the same: a lie,
    /// or a proxy that the service was not told of. In the latter case all who come through it are
    /// counted as one, and one of them can use up what there is for all.
    Untrusted,
    /// From the connection: the header has fewer entries than there are proxies.
    TooFew,
    /// From the connection: the entry is no address.
    Unreadable,
    /// From the connection: an entry that a proxy should have sent names somebody else.
    Bypassed,
}

impl Basis {
    /// Why a header that was there was not believed; none if all is as it should be.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Peer | Self::Header | Self::Missing => None,
            Self::Untrusted => Some(reason::FORWARDED_UNTRUSTED),
            Self::TooFew => Some(reason::FORWARDED_TOO_FEW),
            Self::Unreadable => Some(reason::FORWARDED_UNREADABLE),
            Self::Bypassed => Some(reason::FORWARDED_BYPASSED),
        }
    }

    /// What an operator does about it.
    pub(crate) const fn fix(self) -> &'static str {
        match self {
            Self::Peer | Self::Header => "",
            Self::Missing => {
                "have the proxy write the header that the service reads: until then all who come through \
                 it are counted as one client, and one of them can lock out all; its own probes, before \
                 a client came, are no fault"
            }
            Self::Untrusted => {
                "if a proxy of yours sent it, name its network: until then all who come through it \
                 are counted as one client, and one of them can lock out all"
            }
            Self::TooFew => {
                "say how many proxies there are (hops), and have each add whom it saw to the header"
            }
            Self::Unreadable => {
                "have the outermost proxy write the address itself, not a name or an obfuscated one"
            }
            Self::Bypassed => {
                "let nobody but the outer proxies reach the inner ones, and name the networks of all"
            }
        }
    }
}
