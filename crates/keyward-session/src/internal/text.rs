//! The text of internal secrets. `docs/formats/internal.md` specifies it.

use keyward_base::{Error, RecordId, Result, SecretBytes, Timestamp};

use super::{MAX_SECRET_LEN, MAX_TEXT_LEN, MIN_SECRET_LEN};

/// How an entry is made.
pub(super) const HOW: &str = "write id:secret or id:secret:until on each line; \
    make a secret with: head -c 32 /dev/urandom | base64";

/// The id of a secret that stands alone.
const ALONE: &str = "default";

/// The most characters of an id.
const MAX_ID_LEN: usize = 64;

/// An entry as it was read. The secret is a part of the text.
pub(super) struct Entry<'a> {
    pub(super) id: RecordId,
    pub(super) secret: &'a [u8],
    pub(super) until: Option<Timestamp>,
}

/// The entries of a text: blank ones are left out.
///
/// # Errors
/// `Misuse` beyond 8 KiB, and with each entry that is none.
pub(super) fn entries(text: &SecretBytes) -> Result<impl Iterator<Item = Result<Entry<'_>>>> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Error::misuse(
            "the text of internal secrets has more than 8 KiB: leave out those that ended",
        ));
    }
    let whole = text.expose();
    let parts = whole
        .split(|b| matches!(b, b'\n' | b','))
        .map(<[u8]>::trim_ascii)
        .filter(|part| !part.is_empty());
    // A secret alone has no other beside it, which would have no name to tell them apart.
    let is_alone = parts.clone().count() == 1;
    Ok(parts.map(move |part| entry(part, is_alone)))
}

fn entry(part: &[u8], is_alone: bool) -> Result<Entry<'_>> {
    let mut fields = part.splitn(3, |b| *b == b':');
    let (id, secret, until) = match (fields.next(), fields.next(), fields.next()) {
        (Some(secret), None, _) if is_alone => (ALONE.as_bytes(), secret, None),
        (Some(id), Some(secret), until) => (id, secret, until),
        _ => {
            return Err(Error::misuse(format!(
                "an internal secret has no id: {HOW}"
            )));
        }
    };
    check(secret)?;
    Ok(Entry {
        id: read_id(id)?,
        secret,
        until: until.map(end).transpose()?,
    })
}

fn read_id(id: &[u8]) -> Result<RecordId> {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let id = std::str::from_utf8(id).ok();
    let id = id.filter(|id| id.len() <= MAX_ID_LEN && id.as_bytes().iter().all(word));
    id.and_then(|id| RecordId::new(id).ok()).ok_or_else(|| {
        Error::misuse("the id of an internal secret is 1 to 64 letters, digits, '-', '.' and '_'")
    })
}

/// When a secret ends.
fn end(text: &[u8]) -> Result<Timestamp> {
    let wrong = || {
        Error::misuse(
            "the end of an internal secret is a day such as 2027-01-31, or a time such as \
             2027-01-31T12:00:00Z",
        )
    };
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let day = |text: &str| {
        let day: jiff::civil::Date = text.parse().ok()?;
        let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        (day.to_string() == text).then_some(start)
    };
    let time = |text: &str| {
        let time: jiff::Timestamp = text.parse().ok()?;
        (text.len() == 20 && time.to_string() == text).then_some(time)
    };
    // No other way to write it than that of the page: whole seconds, UTC.
    let end = day(text).or_else(|| time(text)).ok_or_else(wrong)?;
    u64::try_from(end.as_millisecond())
        .map(Timestamp::from_millis)
        .map_err(|_| wrong())
}

/// Refuses what is no secret, and what is plainly not random.
///
/// Of the hexadecimal of 32 random bytes, fewer than 10 characters are distinct in one case of 10^12,
/// and of their base64 in far fewer. Letters of one case and no digit are words, or a key held down:
/// of random base64 there is one in 10^9 of them, of hexadecimal one in 10^27.
fn check(secret: &[u8]) -> Result<()> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let bare = secret.iter().rposition(|b| *b != b'=');
    let bare = bare
        .and_then(|last| secret.get(..=last))
        .unwrap_or_default();
    let padding = secret.len().saturating_sub(bare.len());
    if !bare.iter().copied().all(token) || padding > 2 {
        return Err(Error::misuse(format!(
            "an internal secret has a character that no bearer token has: {HOW}"
        )));
    }
    if bare.len() < MIN_SECRET_LEN || secret.len() > MAX_SECRET_LEN {
        return Err(Error::misuse(format!(
            "an internal secret has 43 to 256 characters: {HOW}"
        )));
    }
    let none = |kind: fn(&u8) -> bool| !bare.iter().any(kind);
    let are_words =
        none(u8::is_ascii_digit) && (none(u8::is_ascii_uppercase) || none(u8::is_ascii_lowercase));
    let mut seen = [false; 256];
    for b in bare {
        if let Some(seen) = seen.get_mut(usize::from(*b)) {
            *seen = true;
        }
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let repeats = |period: usize| {
        let later = bare.iter().skip(period);
        bare.iter().zip(later).all(|(a, b)| a == b)
    };
    let is_periodic = (1..=bare.len() / 2).any(repeats);
    if distinct < 10 || is_periodic || are_words {
        return Err(Error::misuse(format!(
            "an internal secret is a pattern or words, not random: {HOW}"
        )));
    }
    Ok(())
}
