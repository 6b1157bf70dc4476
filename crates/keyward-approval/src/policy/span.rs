//! Spans of time as a policy writes them: `90s`, `30m`, `4h`, `7d`.

use std::time::Duration;

use keyward_base::{Error, Result};

use crate::action::limits;

/// Reads a whole number, without a zero in front, and its unit: 1 second to 30 days.
pub(super) fn parse(text: &str, of: &str) -> Result<Duration> {
    let wrong = || {
        Error::misuse(format!(
            "{of} is a span of 1 second to 30 days, such as 90s, 30m, 4h or 7d"
        ))
    };
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 60 * 60,
        Some(b'd') => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let plain = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    let span = number
        .parse::<u64>()
        .ok()
        .filter(|_| plain)
        .and_then(|number| number.checked_mul(unit))
        .map(Duration::from_secs);
    span.filter(|span| *span <= limits::SPAN).ok_or_else(wrong)
}
