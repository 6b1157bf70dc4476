//! How soon a password would be guessed, by zxcvbn. It takes milliseconds, and leaves copies of the
//! password in memory that was given back: so it is a feature that is off.

use crate::password::Password;
use crate::people::Words;

/// It takes 1 ms for 49 characters and 4 to 8 for 128; whoever types more than 64 is not helped by it.
const PREFIX: usize = 64;

/// Whether fewer than 10^`log10` guesses would do.
pub(super) fn is_guessed(password: &Password, words: &Words, log10: u8) -> bool {
    // What is no text is guessed by nobody who has lists of words.
    let Ok(text) = std::str::from_utf8(password.bytes()) else {
        return false;
    };
    let end = text
        .char_indices()
        .nth(PREFIX)
        .map_or(text.len(), |(at, _)| at);
    let prefix = text.get(..end).unwrap_or(text);
    zxcvbn::zxcvbn(prefix, &words.all()).guesses_log10() < f64::from(log10)
}
