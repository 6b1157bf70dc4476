//! The time of a signature: a strict number, and whether it is near enough.

use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};

use crate::reason;
use crate::scheme::{Time, Unit};

/// Reads a decimal number without sign or leading zero, of at most 15 digits, which no arithmetic
/// here can overflow.
pub(crate) fn number(text: &[u8]) -> Result<u64> {
    let plain = match text {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 15 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !plain {
        return Err(Error::rejected(reason::BAD_TIME));
    }
    Ok(text.iter().fold(0_u64, |number, digit| {
        let digit = u64::from(digit.wrapping_sub(b'0'));
        number.saturating_mul(10).saturating_add(digit)
    }))
}

impl Time {
    /// The moment that `text` names, if it is within the window around `now`.
    pub(crate) fn check(self, text: &[u8], now: Timestamp) -> Result<Timestamp> {
        let signed = number(text)?;
        let now = self.unit.count(now);
        if now.saturating_sub(signed) > self.unit.of(self.window.past) {
            return Err(Error::rejected(reason::STALE));
        }
        if signed.saturating_sub(now) > self.unit.of(self.window.future) {
            return Err(Error::rejected(reason::FUTURE));
        }
        Ok(Timestamp::from_millis(
            signed.saturating_mul(self.unit.millis()),
        ))
    }
}

impl Unit {
    /// How many whole ones of it lie before `at`.
    pub(crate) fn count(self, at: Timestamp) -> u64 {
        at.as_millis().checked_div(self.millis()).unwrap_or(0)
    }

    pub(crate) const fn millis(self) -> u64 {
        match self {
            Self::Millis => 1,
            Self::Seconds => 1000,
        }
    }

    fn of(self, span: Duration) -> u64 {
        match self {
            Self::Millis => u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            Self::Seconds => span.as_secs(),
        }
    }
}
