//! Whether a name is made of words, as names of variables are, so that it can be no piece of a key.
//!
//! A key is random in the letters of base32, base64 or hexadecimal, and what is random is none of
//! two thousand words. So the bound needs no guess of how random a name looks: of 12 small letters
//! at random, one in a hundred million is a row of such words, and of other alphabets fewer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use keyward_base::SecretBytes;

/// The fewest bytes of a word that would give away something of a value.
pub(super) const LONG: usize = 12;

/// The most letters of a name with small letters, `-` or `.` in it that need not be of words.
const MOST_UNKNOWN: usize = 8;

/// The most digits of a name that has to be made of words: more than a version or a size has.
const MOST_DIGITS: usize = 4;

/// Letters of the longest word.
const LONGEST: usize = 22;

/// What names of variables are made of, as the projects that publish theirs write them.
static WORDS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("words.txt").split_ascii_whitespace().collect());

/// Whether `name` may be shown: it is shorter than `least`, or made of words parted by `_`, `-`,
/// `.`, digits or a capital. In a name of capitals, digits and `_` alone, as most are, a part of
/// less than [`LONG`] letters may be any word that can be spoken, such as a project's own name. Of
/// any other, a third is words.
pub(super) fn are_in(name: &str, least: usize) -> bool {
    if name.len() < least {
        return true;
    }
    let is_conventional = is_conventional(name);
    let (mut known, mut unknown) = (0_usize, 0_usize);
    for part in name.split(['_', '-', '.']) {
        let (of_words, of_none) = letters(part);
        known = known.saturating_add(of_words);
        unknown = unknown.saturating_add(of_none);
        if is_conventional && of_none > 0 && (part.len() >= LONG || !can_be_spoken(part)) {
            return false;
        }
    }
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let has_words = if is_conventional {
        digits == 0 || known > 0
    } else {
        unknown <= MOST_UNKNOWN && known.saturating_mul(3) >= name.len()
    };
    has_words && digits <= MOST_DIGITS
}

/// Whether it is of capitals, digits and `_` alone.
fn is_conventional(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Of six letters, one is a vowel.
fn can_be_spoken(part: &str) -> bool {
    part.len() < 6 || part.contains(['A', 'E', 'I', 'O', 'U', 'Y'])
}

/// How many letters of a part belong to words of at least three, and how many to none.
fn letters(part: &str) -> (usize, usize) {
    let (mut known, mut unknown) = (0_usize, 0_usize);
    for word in part.split(|c: char| c.is_ascii_digit()).flat_map(camel) {
        if !is_known(word) {
            unknown = unknown.saturating_add(word.len());
        } else if word.len() >= 3 {
            known = known.saturating_add(word.len());
        }
    }
    (known, unknown)
}

/// `connection`, `String` of `connectionString`; `AWS`, `Region` of `AWSRegion`.
fn camel(letters: &str) -> impl Iterator<Item = &str> {
    let mut rest = letters;
    std::iter::from_fn(move || {
        let count = |from: &str, of: fn(&u8) -> bool| from.bytes().take_while(of).count();
        let upper = count(rest, u8::is_ascii_uppercase);
        let lower = count(
            rest.get(upper..).unwrap_or_default(),
            u8::is_ascii_lowercase,
        );
        // The last of several capitals begins the next word, if one follows.
        let len = match (upper, lower) {
            (0 | 1, _) => upper.saturating_add(lower),
            (_, 0) => upper,
            _ => upper.saturating_sub(1),
        };
        let (word, after) = rest.split_at_checked(len)?;
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether it is a word, or several of at least three letters without anything between.
fn is_known(word: &str) -> bool {
    // What is asked about may turn out to be a piece of a key: the copy is wiped.
    let mut copy = SecretBytes::copy_of(word.as_bytes());
    copy.expose_mut().make_ascii_lowercase();
    let word = std::str::from_utf8(copy.expose()).unwrap_or_default();
    if WORDS.contains(word) {
        return true;
    }
    let mut ends = vec![false; word.len().saturating_add(1)];
    if let Some(start) = ends.first_mut() {
        *start = true;
    }
    for from in 0..word.len() {
        if ends.get(from) != Some(&true) {
            continue;
        }
        for len in 3..=LONGEST {
            let to = from.saturating_add(len);
            let known = word.get(from..to).is_some_and(|w| WORDS.contains(w));
            if let Some(end) = ends.get_mut(to).filter(|_| known) {
                *end = true;
            }
        }
    }
    ends.last() == Some(&true)
}
