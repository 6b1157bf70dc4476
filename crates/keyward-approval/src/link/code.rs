//! The six digits that go with a link.

use std::fmt;

use keyward_base::{Domain, Error, Reason, Result, Tenant};
use keyward_crypto::Provider;
use keyward_keys::Finder;
use secrecy::{ExposeSecret as _, SecretString};

use crate::gate::GateId;

/// Digits of a code: one of 10^6 is found in [five tries](crate::gate::TRIES) one time in 200,000, and
/// six are read from a mail and typed without looking twice.
pub(super) const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;
/// The greatest multiple of it among numbers of 32 bits: what lies beyond is drawn again, or the lower
/// codes would come more often.
const FAIR: u32 = u32::MAX - u32::MAX % CODES;
/// Draws before the source of randomness is taken for broken: one in 4,295 is drawn again.
const DRAWS: usize = 16;

/// Whose, which gate, and the code: a [keyed name](Finder::name).
pub const CODE: Domain<(&Tenant, GateId, &str)> = Domain::new("keyward/v1/approval-code");

/// Six digits that go with a link, wiped on drop and never printed: in the mail, or on the screen of who
/// asks, and never on the page that asks for it or in an address.
pub struct Code(SecretString);

impl Code {
    pub(super) fn new(provider: &Provider) -> Result<Self> {
        for _ in 0..DRAWS {
            let mut drawn = [0; 4];
            provider.fill(&mut drawn)?;
            let drawn = u32::from_be_bytes(drawn);
            if drawn < FAIR {
                let text = format!("{:0width$}", drawn % CODES, width = DIGITS);
                return Ok(Self(SecretString::from(text)));
            }
        }
        Err(Error::unavailable(
            "the source of randomness gives the same again and again",
        ))
    }

    /// Reads what somebody typed: six digits, with a space in their middle or none, and spaces around.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for anything else: no try of the link is taken for it.
    pub(super) fn parse(typed: &str) -> Result<Self> {
        let malformed = || Error::rejected(Reason::MALFORMED);
        if typed.len() > 64 {
            return Err(malformed());
        }
        let mut digits = String::with_capacity(typed.len());
        match typed.trim().split_once(' ') {
            Some((front, back)) if front.len() == 3 => digits.extend([front, back]),
            Some(_) => return Err(malformed()),
            None => digits.push_str(typed.trim()),
        }
        let code = Self(SecretString::from(digits));
        let is_code = |text: &str| text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if is_code(code.expose()) {
            return Ok(code);
        }
        Err(malformed())
    }

    /// The six digits. Named so that every place that looks at a secret can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it: who has the store and not the ring finds no code by it.
    pub(super) fn digest(&self, key: &Finder, tenant: &Tenant, gate: GateId) -> [u8; 32] {
        key.name(CODE, &(tenant, gate, self.expose()))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}
