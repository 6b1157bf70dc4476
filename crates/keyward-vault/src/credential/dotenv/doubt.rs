//! What a loader takes for a name although it may be a piece of a value: the second line of one
//! that was not quoted, the end of one that base64 wrapped, a value below its name.
//!
//! Names are stored in clear and shown. So a word that could be either is refused, and the way out
//! is said: a value in quotes is a value to everyone.

use super::reading::{Reading, Trouble};

/// The most bytes of a name.
const MAX_NAME: usize = 255;

pub(super) const NAME_OR_VALUE: &str = "what could be a name could be a part of a value: put quotes around the value, as in NAME=\"value\", or use kind opaque";
const NO_NAME: &str = "a name is letters, digits, '_', '-' and '.', with a letter or '_' among them, at most 255; for other files use kind opaque";
const STRAY_QUOTE: &str =
    "a quote closes what none opened: put quotes around the whole value, or use kind opaque";

/// # Errors
/// The first place of which it is in doubt what it is.
pub(super) fn check(text: &str, reading: &Reading) -> Result<(), Trouble> {
    // Whether a value may follow on the next line.
    let mut expects_value = false;
    for (number, entry) in reading.entries.iter().enumerate() {
        let name = entry.name(text);
        let trouble = |what| Err(Trouble::at(entry.name.start, what));
        if !is_name(name) {
            return trouble(NO_NAME);
        }
        let Some(value) = &entry.value else {
            if is_key_material(name, true) {
                return trouble(super::reading::NO_ASSIGNMENT);
            }
            expects_value = true;
            continue;
        };
        if value.quoted {
            expects_value = false;
            continue;
        }
        let raw = text.get(value.span.clone()).unwrap_or_default().trim();
        // `=` and nothing else: the padding of base64.
        if !raw.is_empty() && raw.bytes().all(|byte| byte == b'=') {
            return trouble(NAME_OR_VALUE);
        }
        if number > 0 && ends_in_stray_quote(raw) {
            return trouble(STRAY_QUOTE);
        }
        if is_key_material(name, raw.is_empty() || expects_value) {
            return trouble(NAME_OR_VALUE);
        }
        expects_value = raw.is_empty();
    }
    Ok(())
}

/// Whether it is a name that may be shown.
pub(in super::super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && name.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// Whether the last character is a quote that has no partner before it.
fn ends_in_stray_quote(raw: &str) -> bool {
    ['"', '\'', '`']
        .into_iter()
        .any(|quote| raw.ends_with(quote) && !raw.matches(quote).count().is_multiple_of(2))
}

/// Whether a word looks like keys and tokens do, and not like words. Where the lines around it
/// make it `suspect`, less is enough.
fn is_key_material(word: &str, suspect: bool) -> bool {
    let least = if suspect { 8 } else { 12 };
    let odd = |part: &&str| !is_made_of_words(part, suspect);
    let odd_len: usize = word.split(['_', '-', '.']).filter(odd).map(str::len).sum();
    word.len() >= least && odd_len >= 8
}

/// Whether `part` looks like `DATABASE`, `awsS3BucketName`, `base64` or `v2`: few and long runs of
/// letters of one case and of digits. Measured: of random base64 one in forty passes at 12
/// characters, one in 160 at 20; where it is suspect, one in 2000 at 12 and none from 16 on.
fn is_made_of_words(part: &str, suspect: bool) -> bool {
    let mixed = part.bytes().any(|b| b.is_ascii_lowercase())
        && part.bytes().any(|b| b.is_ascii_uppercase());
    let runs = Runs::of(part);
    if part.len() <= 3 {
        return true;
    }
    if mixed {
        let letters = runs.letters.saturating_mul(2);
        return if suspect {
            runs.single == 0 && runs.inner_digits == 0 && letters >= runs.words.saturating_mul(9)
        } else {
            runs.single <= 1 && runs.inner_digits <= 1 && letters >= runs.words.saturating_mul(7)
        };
    }
    let upper = part.bytes().any(|b| b.is_ascii_uppercase());
    let breaks = runs.words.saturating_add(runs.digits).saturating_sub(1);
    match (suspect, upper) {
        (true, _) => breaks < 2 && part.len() < 24,
        (false, true) => breaks < 3 || part.len() < 16,
        (false, false) => breaks < 3,
    }
}

/// The runs of a part: `aws` `S` `3` `Bucket` of `awsS3Bucket`.
#[derive(Default)]
struct Runs {
    /// Runs of letters, and how many letters they have.
    words: usize,
    letters: usize,
    /// Words of one letter.
    single: usize,
    /// Runs of digits, and how many of them letters follow.
    digits: usize,
    inner_digits: usize,
}

impl Runs {
    fn of(part: &str) -> Self {
        let mut runs = Self::default();
        let mut rest = part.as_bytes();
        while !rest.is_empty() {
            let count =
                |from: &[u8], of: fn(&u8) -> bool| from.iter().take_while(|b| of(b)).count();
            let digits = count(rest, u8::is_ascii_digit);
            let upper = count(rest, u8::is_ascii_uppercase);
            let lower = count(
                rest.get(upper..).unwrap_or_default(),
                u8::is_ascii_lowercase,
            );
            let len = match (digits, upper, lower) {
                (0, 0 | 1, lower) => upper.saturating_add(lower),
                // The last of several capitals begins the next word, if one follows.
                (0, upper, 0) => upper,
                (0, upper, _) => upper.saturating_sub(1),
                (digits, ..) => digits,
            };
            rest = rest.get(len.max(1)..).unwrap_or_default();
            if digits > 0 {
                runs.digits = runs.digits.saturating_add(1);
                let inner = usize::from(!rest.is_empty());
                runs.inner_digits = runs.inner_digits.saturating_add(inner);
            } else {
                runs.words = runs.words.saturating_add(1);
                runs.letters = runs.letters.saturating_add(len);
                runs.single = runs.single.saturating_add(usize::from(len == 1));
            }
        }
        runs
    }
}
