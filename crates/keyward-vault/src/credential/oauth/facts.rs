//! When a token expires, in the forms in which providers say so.

use keyward_base::Timestamp;
use serde_json::value::RawValue;

use super::fields::Fields;
use super::{optional, text};
use crate::credential::Note;

/// From here on a moment is in milliseconds: in seconds it would be after the year 5000.
pub(super) const LEAST_MILLIS: u64 = 100_000_000_000;

/// Milliseconds, since the epoch or since `from`.
pub(super) struct Expiry {
    at: Option<u64>,
    within: Option<u64>,
    from: Option<u64>,
}

impl Expiry {
    pub(super) fn of(fields: &Fields<'_>, notes: &mut Vec<Note>) -> Self {
        let at = optional("expires_at", &fields.expires_at, moment, notes);
        let on = optional("expires_on", &fields.expires_on, moment, notes);
        // None expires as it is issued: providers write 0 for one that does not expire.
        let lasting = |raw: &RawValue| millis(raw).filter(|millis| *millis > 0);
        let within = optional("expires_in", &fields.expires_in, lasting, notes);
        let before = notes.len();
        let from = optional("created_at", &fields.created_at, moment, notes);
        // From when it lasts is then not known.
        let is_in_doubt = notes.len() > before;
        Self {
            at: at.or(on),
            within: within.filter(|_| !is_in_doubt),
            from,
        }
    }

    /// When it expires, in milliseconds since the epoch.
    pub(super) fn millis(&self, now: Timestamp) -> Option<u64> {
        let from = self.from.unwrap_or(now.as_millis());
        let relative = self.within.map(|within| from.saturating_add(within));
        self.at.or(relative)
    }
}

fn moment(raw: &RawValue) -> Option<u64> {
    let millis = millis(raw)?;
    let as_written = millis / 1000;
    Some(if as_written >= LEAST_MILLIS && millis != u64::MAX {
        as_written
    } else {
        millis
    })
}

/// Seconds, as a number or as text, in milliseconds. At most [`u64::MAX`].
fn millis(raw: &RawValue) -> Option<u64> {
    let decoded;
    let text = if raw.get().starts_with('"') {
        decoded = text::unquote(raw)?;
        std::str::from_utf8(decoded.expose()).ok()?.trim()
    } else {
        raw.get()
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let thousandths = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |sum: u64, digit| {
            let digit = u64::from(digit.wrapping_sub(b'0'));
            sum.saturating_mul(10).saturating_add(digit)
        });
    // All digits: what does not fit is beyond all that does.
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(whole.saturating_mul(1000).saturating_add(thousandths))
}
