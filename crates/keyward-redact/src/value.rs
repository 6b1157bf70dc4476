//! What of a value is looked for: the value, and the parts of it that are secrets by themselves.

mod armour;
mod connection;
mod json;
mod lines;
mod pieces;

use keyward_base::SecretBytes;

use crate::policy::{LARGE_LEN, LEAST_LEN};

/// How deep a value in a value is looked for: a key file in a JSON string, a URL in that.
const MAX_DEPTH: u32 = 3;

/// What is to be looked for.
pub(crate) struct Part {
    pub(crate) bytes: SecretBytes,
    /// Whether it is looked for in every form.
    pub(crate) in_all_forms: bool,
}

/// The parts of one value, each in as many pieces as its length asks for.
pub(crate) struct Parts {
    /// The first pieces are the value itself.
    pub(crate) parts: Vec<Part>,
    /// Whether one is longer than a piece.
    pub(crate) in_pieces: bool,
    /// Whether there is a password in it that is too short to be looked for by itself.
    pub(crate) short_password: bool,
}

/// Takes `value` apart: itself, then what `is_secret` of what stands in it. `anyway` says that
/// the password in it is a part however short it is.
pub(crate) fn parts(value: &[u8], anyway: bool, is_secret: impl Fn(&[u8]) -> bool) -> Parts {
    let mut found = Found {
        is_secret: &is_secret,
        anyway,
        is_large: value.len() > LARGE_LEN,
        parts: Vec::new(),
        in_pieces: false,
        short_password: false,
    };
    found.piece(trimmed(value));
    found.within(trimmed(value), 0);
    Parts {
        parts: found.parts,
        in_pieces: found.in_pieces,
        short_password: found.short_password,
    }
}

/// A value without the white space around it, which is seldom written with it. Bytes that are no
/// text are left alone.
pub(crate) fn trimmed(value: &[u8]) -> &[u8] {
    match std::str::from_utf8(value) {
        Ok(_) => value.trim_ascii(),
        Err(_) => value,
    }
}

struct Found<'a> {
    is_secret: &'a dyn Fn(&[u8]) -> bool,
    anyway: bool,
    is_large: bool,
    parts: Vec<Part>,
    in_pieces: bool,
    short_password: bool,
}

impl Found<'_> {
    /// Adds a part that was found, unless it is too short or no secret, and what stands in it.
    fn add(&mut self, part: &[u8], depth: u32) {
        let part = trimmed(part);
        if part.len() < LEAST_LEN || !(self.is_secret)(part) {
            return;
        }
        self.piece(part);
        self.within(part, depth);
    }

    fn piece(&mut self, part: &[u8]) {
        let pieces = pieces::of(part);
        let is_long = pieces.len() > 1;
        self.in_pieces |= is_long;
        let pieces = pieces.into_iter().map(|piece| Part {
            bytes: SecretBytes::copy_of(piece),
            in_all_forms: !is_long && !self.is_large,
        });
        self.parts.extend(pieces);
    }

    /// Adds what stands in `value`.
    fn within(&mut self, value: &[u8], depth: u32) {
        let Some(deeper) = depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH) else {
            return;
        };
        if let Some(strings) = json::strings(value) {
            for string in strings {
                self.add(string.expose(), deeper);
            }
            return;
        }
        if let Some(inside) = armour::decoded(value) {
            self.add(inside.expose(), MAX_DEPTH);
        }
        for line in lines::of(value) {
            self.add(line, deeper);
        }
        let passwords = connection::passwords(value);
        if self.anyway {
            for password in &passwords {
                self.piece(trimmed(password.expose()));
            }
            return;
        }
        // Where one ends is a matter of dialects: short is one that is so in all of them.
        let is_short = |password: &SecretBytes| (1..LEAST_LEN).contains(&password.len());
        self.short_password |= !passwords.is_empty() && passwords.iter().all(is_short);
        for password in passwords {
            self.add(password.expose(), MAX_DEPTH);
        }
    }
}
