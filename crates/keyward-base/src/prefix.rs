//! The part of an address that one client is taken to hold.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Error, Result};

/// The part of an IP address that one client is taken to hold, to count what comes from there: all of
/// an IPv4 address, and the first 64 bits of an IPv6 one, of which a household has at least 2^64
/// (RFC 6177, section 2; RFC 4291, section 2.5.1). An IPv4 address that is written as IPv6
/// (`::ffff:a.b.c.d`, as a socket for both sees it) is the IPv4 address.
///
/// ```
/// use keyward_base::AddressPrefix;
///
/// let of = |text: &str| AddressPrefix::of(text.parse().unwrap());
/// assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
/// assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
/// assert_eq!(of("2001:db8::1").to_string(), "2001:db8::/64");
/// assert_eq!(of("192.0.2.7").coarser(24, 48).to_string(), "192.0.2.0/24");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressPrefix {
    address: IpAddr,
    len: u8,
}

impl AddressPrefix {
    /// The bytes that [`AddressPrefix::to_bytes`] gives.
    pub const LEN: usize = 18;

    /// That of a client at `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
            len: u8::MAX,
        }
        .coarser(32, 64)
    }

    /// Reads `192.0.2.0/24` or `2001:db8::/32`, or an address without a length, which is itself alone.
    ///
    /// # Errors
    /// `Misuse` for anything else: where bits are set behind the length (`192.0.2.7/24` may be meant
    /// as either), and for an IPv4 address that is written as IPv6.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::misuse(
                "an address range is written as 192.0.2.0/24 or 2001:db8::/32, without a bit behind \
                 its length, and one of IPv4 as IPv4",
            )
        };
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let len = match len {
            // As numbers are written: no sign, no zero before another digit.
            Some(len) => (0..=most)
                .find(|known| known.to_string() == len)
                .ok_or_else(wrong)?,
            None => most,
        };
        let prefix = Self {
            address: address.to_canonical(),
            len: u8::MAX,
        }
        .coarser(len, len);
        if prefix.address == address {
            return Ok(prefix);
        }
        Err(wrong())
    }

    /// Whether `address` is in it. An IPv4 address that is written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = Self {
            address: address.to_canonical(),
            len: u8::MAX,
        };
        address.coarser(self.len, self.len) == self
    }

    /// How many bits of it are set down.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.len
    }

    /// The first `v4` bits of it, or `v6` if it is one of IPv6: a larger neighbourhood. It never gets
    /// smaller by that.
    #[must_use]
    pub fn coarser(self, v4: u8, v6: u8) -> Self {
        // No bit is left of a prefix of no bits.
        let mask = |len: u8, of: u8, all: u128| {
            all.checked_shl(u32::from(of.saturating_sub(len)))
                .unwrap_or(0)
                & all
        };
        match self.address {
            IpAddr::V4(address) => {
                let len = v4.min(self.len).min(32);
                let mask = u32::try_from(mask(len, 32, u128::from(u32::MAX))).unwrap_or(0);
                Self {
                    address: Ipv4Addr::from_bits(address.to_bits() & mask).into(),
                    len,
                }
            }
            IpAddr::V6(address) => {
                let len = v6.min(self.len).min(128);
                let mask = mask(len, 128, u128::MAX);
                Self {
                    address: Ipv6Addr::from_bits(address.to_bits() & mask).into(),
                    len,
                }
            }
        }
    }

    /// As a field of a MAC: 4 or 6, the length in bits, and 16 bytes of address, those of IPv4 first.
    /// No two prefixes have the same bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (family, address) = match self.address {
            IpAddr::V4(address) => {
                let mut wide = [0; 16];
                for (to, from) in wide.iter_mut().zip(address.octets()) {
                    *to = from;
                }
                (4, wide)
            }
            IpAddr::V6(address) => (6, address.octets()),
        };
        for (to, from) in bytes
            .iter_mut()
            .zip([family, self.len].into_iter().chain(address))
        {
            *to = from;
        }
        bytes
    }

    /// Reads what [`AddressPrefix::to_bytes`] wrote; none of anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let [family, len, wide @ ..] = bytes;
        let address: IpAddr = match family {
            4 => {
                let (address, _): (&[u8; 4], _) = wide.split_first_chunk()?;
                Ipv4Addr::from(*address).into()
            }
            6 => Ipv6Addr::from(*wide).into(),
            _ => return None,
        };
        if address.to_canonical() != address {
            return None;
        }
        let most = if address.is_ipv4() { 32 } else { 128 };
        let whole = Self {
            address,
            len: u8::MAX,
        };
        let read = whole.coarser(*len, *len);
        (*len <= most && read.to_bytes() == *bytes).then_some(read)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl fmt::Debug for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressPrefix({self})")
    }
}
