//! Where a key may be used from.

use std::fmt;
use std::net::IpAddr;

use keyward_base::{AddressPrefix, Error, Reason, Result};

/// At most 32 ranges of addresses that a key may be used from, or anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<AddressPrefix>);

impl Ranges {
    /// The most ranges that a key has.
    pub const MOST: usize = 32;

    /// From everywhere, and where the address of a client is not known.
    #[must_use]
    pub const fn anywhere() -> Self {
        Self(Vec::new())
    }

    /// From these ranges alone. None of them: [`Ranges::anywhere`].
    ///
    /// # Errors
    /// `Rejected` ([`Reason::TOO_LONG`]) for more than 32.
    pub fn new(ranges: impl IntoIterator<Item = AddressPrefix>) -> Result<Self> {
        let mut all = Vec::new();
        for range in ranges {
            if all.len() >= Self::MOST {
                return Err(Error::rejected(Reason::TOO_LONG));
            }
            all.push(range);
        }
        all.sort();
        all.dedup();
        Ok(Self(all))
    }

    /// Reads ranges such as `192.0.2.0/24` or `2001:db8::/32`, with spaces or commas between them.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`] for what [`AddressPrefix::parse`] does not read,
    /// [`Reason::TOO_LONG`] for more than 32.
    pub fn parse(text: &str) -> Result<Self> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let mut all = Vec::new();
        for word in words {
            if all.len() >= Self::MOST {
                return Err(Error::rejected(Reason::TOO_LONG));
            }
            let range = AddressPrefix::parse(word);
            all.push(range.map_err(|e| Error::rejected(Reason::MALFORMED).with_source(e))?);
        }
        Self::new(all)
    }

    /// Ranges that were stored; none if they do not stand in order, each once.
    pub(crate) fn of_stored(all: Vec<AddressPrefix>) -> Option<Self> {
        let is_in_order = all.windows(2).all(|pair| match pair {
            [a, b] => a < b,
            _ => false,
        });
        (all.len() <= Self::MOST && is_in_order).then_some(Self(all))
    }

    /// Whether a client may use the key from there. One whose address is not known may from anywhere
    /// alone.
    #[must_use]
    pub fn allow(&self, from: Option<IpAddr>) -> bool {
        if self.is_anywhere() {
            return true;
        }
        from.is_some_and(|from| self.0.iter().any(|range| range.contains(from)))
    }

    /// Whether each of them lies within one of `others`.
    #[must_use]
    pub fn is_within(&self, others: &Self) -> bool {
        if others.is_anywhere() {
            return true;
        }
        let lies_in = |of: &AddressPrefix, range: &AddressPrefix| {
            range.bits() <= of.bits() && of.coarser(range.bits(), range.bits()) == *range
        };
        let has = |of| others.0.iter().any(|range| lies_in(of, range));
        !self.is_anywhere() && self.0.iter().all(has)
    }

    /// Whether it is [`Ranges::anywhere`].
    #[must_use]
    pub const fn is_anywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, in order; none of anywhere.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &AddressPrefix> {
        self.0.iter()
    }
}

/// With a space between them; nothing of anywhere.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{range}")?;
        }
        Ok(())
    }
}
