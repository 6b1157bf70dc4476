//! Where a try comes from, as far as it is counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of a client's address that one subscriber has: an IPv4 address, or the first 64 bits of an
/// IPv6 one (RFC 6177, 2: no end site has less). Who has one has all 2^64 addresses behind it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix(IpAddr);

impl Prefix {
    /// Of the address of the peer that sent the request. An IPv4-mapped one is IPv4 (RFC 4291, 2.5.5.2).
    /// A forwarding header counts only if a proxy of the service's own wrote it: what the client wrote
    /// is as good as he likes.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(cut(address.to_canonical(), 32, 64))
    }

    /// How it is counted where there is no room for it by itself, from fine to coarse.
    pub(super) fn coarser(self) -> [Self; 2] {
        [Self(cut(self.0, 24, 48)), Self(cut(self.0, 16, 32))]
    }

    /// 17 bytes: how it is counted and the address that is left.
    pub(super) fn to_bytes(self, level: u8) -> [u8; 17] {
        let address = match self.0 {
            // As a mapped one: the two families are told apart.
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut out = [level; 17];
        let (_, rest) = out.split_at_mut(1);
        rest.copy_from_slice(&address.octets());
        out
    }
}

/// The address without what is behind so many bits.
fn cut(address: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(v4)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128_u32.saturating_sub(v6))
                .unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// An address is somebody's: it is not printed.
impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prefix(..)")
    }
}
