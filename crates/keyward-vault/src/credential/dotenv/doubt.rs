//! What a loader takes for a name although it may be a piece of a value: the second line of one
//! that was not quoted, the end of one that base64 wrapped, a value below its name.
//!
//! Names are stored in clear and shown. So a word that could be either is refused, and the way out
//! is said: a value in quotes is a value to everyone.

use super::reading::{Reading, Trouble};
use super::words::{self, LONG};

/// The fewest bytes of a line that was wrapped: tools wrap at 64, 70 or 76.
const WRAPPED: usize = 60;

/// The most bytes of a name.
const MAX_NAME: usize = 255;

pub(super) const NAME_OR_VALUE: &str = "what could be a name could be a part of a value: put quotes around this value and the one above, as in NAME=\"value\", or use kind opaque";
const NO_NAME: &str = "a name is letters, digits, '_', '-' and '.', with a letter or '_' among them, at most 255; for other files use kind opaque";
const NO_WORDS: &str = "a name of 12 characters or more is made of words, as in DATABASE_URL, and this could be a part of a value: part its words by '_', or use kind opaque";
const STRAY_QUOTE: &str =
    "a quote closes what none opened: put quotes around the whole value, or use kind opaque";

/// # Errors
/// The first place of which it is in doubt what it is.
pub(super) fn check(text: &str, reading: &Reading) -> Result<(), Trouble> {
    // Whether a value may follow on the next line.
    let mut expects_value = false;
    // Whether a value that was not quoted may go on there.
    let mut follows_unquoted = false;
    // The value above, if it was not quoted.
    let mut above = "";
    for (number, entry) in reading.entries.iter().enumerate() {
        let name = entry.name(text);
        let trouble = |what| Err(Trouble::at(entry.name.start, what));
        if !is_name(name) {
            return trouble(NO_NAME);
        }
        let Some(value) = &entry.value else {
            if is_key_material(name) {
                return trouble(super::reading::NO_ASSIGNMENT);
            }
            (expects_value, above) = (false, "");
            continue;
        };
        let raw = text.get(value.span.clone()).unwrap_or_default().trim();
        let is_within = raw.is_empty() && name.len() >= LONG && goes_on(above);
        above = if value.quoted { "" } else { raw };
        if is_within || follows_unquoted && could_go_on(name) || is_list(name, raw) {
            return trouble(NAME_OR_VALUE);
        }
        if value.quoted {
            if !words::are_in(name) {
                return trouble(NO_WORDS);
            }
            (expects_value, follows_unquoted) = (false, false);
            continue;
        }
        let inside = text.get(value.inside.clone()).unwrap_or_default();
        if is_padding(raw) {
            return trouble(NAME_OR_VALUE);
        }
        if number > 0 && (ends_in_stray_quote(raw) || ends_in_stray_quote(inside)) {
            return trouble(STRAY_QUOTE);
        }
        // Below a name without a value, a long word in front of `=` may be that value. Of capitals
        // and digits alone are most names, and few secrets that hold a `=`.
        let is_below =
            expects_value && name.len() >= LONG && name.bytes().any(|b| b.is_ascii_lowercase());
        if is_below || (raw.is_empty() && is_key_material(name)) {
            return trouble(NAME_OR_VALUE);
        }
        if !words::are_in(name) {
            return trouble(NO_WORDS);
        }
        expects_value = raw.is_empty();
        follows_unquoted = true;
    }
    Ok(())
}

/// Whether it could be a key of a connection string that was wrapped there, as in
/// `SharedAccessKeyName=`: words of small letters with nothing between them.
fn could_go_on(name: &str) -> bool {
    name.len() >= LONG
        && name.bytes().any(|b| b.is_ascii_lowercase())
        && !name.contains(['_', '-', '.'])
}

/// Whether a value without quotes may go on below it: it is itself a line of such a file, or as
/// long as the lines that tools wrap to.
fn goes_on(above: &str) -> bool {
    let is_assignment = |(name, _): (&str, &str)| {
        is_name(name) && !name.starts_with('-') && name.bytes().any(|b| b.is_ascii_alphabetic())
    };
    above.split_once('=').is_some_and(is_assignment)
        || (above.len() >= WRAPPED && !above.contains(char::is_whitespace))
}

/// Whether the line could be such a string from one of its keys on.
fn is_list(name: &str, raw: &str) -> bool {
    let has_more = |rest: &str| rest.split(';').skip(1).any(|pair| pair.contains('='));
    could_go_on(name) && !raw.starts_with(['"', '\'', '`']) && has_more(raw)
}

/// Whether it is a name that may be shown.
pub(in super::super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && name.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// Whether it begins with `=` and no word follows that: the padding of base64.
fn is_padding(raw: &str) -> bool {
    raw.strip_prefix('=').is_some_and(|rest| {
        let rest = rest.trim_start_matches('=');
        !rest.starts_with(|c: char| c.is_alphanumeric())
    })
}

/// Whether a quote that has no partner ends it; or a word of it, except `'`, which words end in.
fn ends_in_stray_quote(value: &str) -> bool {
    let ends_a_word = |quote: char| {
        let mut after = value.split(quote).skip(1);
        quote != '\'' && after.any(|rest| rest.starts_with(char::is_whitespace))
    };
    ['"', '\'', '`'].into_iter().any(|quote| {
        let is_odd = !value.matches(quote).count().is_multiple_of(2);
        is_odd && (value.ends_with(quote) || ends_a_word(quote))
    })
}

/// Whether a word that stands where a piece of a value may looks like keys and tokens do, and not
/// like words.
fn is_key_material(word: &str) -> bool {
    let odd = |part: &&str| !is_made_of_words(part);
    let odd_len: usize = word.split(['_', '-', '.']).filter(odd).map(str::len).sum();
    word.len() >= 8 && (odd_len >= 4 || is_like_base64url(word))
}

/// Names are parted by `-` or by `_`; base64url holds both, and letters of both cases.
fn is_like_base64url(word: &str) -> bool {
    word.contains('-')
        && word.contains('_')
        && word.bytes().any(|b| b.is_ascii_lowercase())
        && word.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether `part` looks like `DATABASE`, `databaseUrl`, `base64` or `v2`: few and long runs of
/// letters of one case and of digits. Measured on whole words: of random base64 one in 500 passes
/// at 12 characters and one in 5000 at 20.
fn is_made_of_words(part: &str) -> bool {
    let mixed = part.bytes().any(|b| b.is_ascii_lowercase())
        && part.bytes().any(|b| b.is_ascii_uppercase());
    let runs = Runs::of(part);
    if part.len() <= 3 {
        return !mixed || runs.words == 1;
    }
    if mixed {
        let least = if part.len() < 10 { 6 } else { 9 };
        return runs.single == 0
            && runs.inner_digits == 0
            && runs.letters.saturating_mul(2) >= runs.words.saturating_mul(least);
    }
    let breaks = runs.words.saturating_add(runs.digits).saturating_sub(1);
    breaks < 2 && part.len() < 24
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
