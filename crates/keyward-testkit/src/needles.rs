//! Finds pieces of a secret in bytes and files: every run of 8 bytes of it, as it is, in
//! hexadecimal, and in base64 at each of the three offsets, both alphabets; of a text also in
//! UTF-16, and escaped as programs escape text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Base64Url, Encoding as _};
use keyward_base::{Error, Result};

/// Bytes of a secret in one needle.
pub const WINDOW: usize = 8;

/// How a piece of a secret was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// As it is.
    Raw,
    /// Hexadecimal, of either case.
    Hex,
    /// Base64 or base64url.
    Base64,
    /// UTF-16, of either byte order.
    Utf16,
    /// With an escape in place of at least one character.
    Escaped,
}

/// A piece of a secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which secret, by the name it was added with.
    pub secret: String,
    /// How it was written.
    pub form: Form,
    /// Where, in bytes from the start.
    pub at: usize,
    /// The file, if it was found in one.
    pub file: Option<PathBuf>,
}

#[derive(Debug)]
struct Needle {
    secret: usize,
    form: Form,
    rest: Box<[u8]>,
}

/// The secrets to look for. Debug prints their names only.
#[derive(Default)]
pub struct Needles {
    names: Vec<String>,
    by_head: HashMap<[u8; WINDOW], Vec<Needle>>,
    // One bit for each hash of a head, so that most positions cost one look: at least sixteen for
    // each head, or most would pass.
    filter: Vec<u64>,
    filter_log: u32,
}

const LEAST_FILTER_LOG: u32 = 16;

impl Needles {
    /// Nothing to look for yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            filter: vec![0; 1 << (LEAST_FILTER_LOG - 6)],
            filter_log: LEAST_FILTER_LOG,
            ..Self::default()
        }
    }

    /// Adds every 8-byte window of `secret` in each form.
    ///
    /// # Errors
    /// `Misuse` if it is shorter than 8 bytes: it would never be found.
    pub fn add(&mut self, name: &str, secret: &[u8]) -> Result<()> {
        if secret.len() < WINDOW {
            return Err(Error::misuse(format!(
                "{name} is shorter than {WINDOW} bytes"
            )));
        }
        let id = self.names.len();
        self.names.push(name.to_owned());
        for window in secret.windows(WINDOW) {
            self.push(id, Form::Raw, window);
            let hex = keyward_base::encoding::hex(window);
            self.push(id, Form::Hex, hex.as_bytes());
            self.push(id, Form::Hex, hex.to_ascii_uppercase().as_bytes());
            for offset in 0..3 {
                let mut shifted = vec![0; offset];
                shifted.extend_from_slice(window);
                for text in [
                    Base64::encode_string(&shifted),
                    Base64Url::encode_string(&shifted),
                ] {
                    // The characters that the window alone decides: ten at each offset.
                    let from = [0, 2, 3].get(offset).copied().unwrap_or_default();
                    let inner = text.as_bytes().iter().skip(from).take(10);
                    self.push(id, Form::Base64, &inner.copied().collect::<Vec<u8>>());
                }
            }
        }
        Ok(())
    }

    /// [`Needles::add`], and every window of the text in UTF-16, and as programs escape it: for
    /// secrets of visible ASCII.
    ///
    /// # Errors
    /// `Misuse` if it is shorter than 8 bytes, or of other characters.
    pub fn add_text(&mut self, name: &str, secret: &str) -> Result<()> {
        if !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::misuse(format!("{name} is not visible ASCII")));
        }
        self.add(name, secret.as_bytes())?;
        let id = self.names.len().saturating_sub(1);
        for window in secret.as_bytes().windows(WINDOW) {
            let little: Vec<u8> = window.iter().flat_map(|b| [*b, 0]).collect();
            let big: Vec<u8> = window.iter().flat_map(|b| [0, *b]).collect();
            self.push(id, Form::Utf16, &little);
            self.push(id, Form::Utf16, &big);
            for escape in ESCAPES {
                let escaped: String = window.iter().map(|b| escape(char::from(*b))).collect();
                if escaped.as_bytes() != window {
                    self.push(id, Form::Escaped, escaped.as_bytes());
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, secret: usize, form: Form, text: &[u8]) {
        let Some((head, rest)) = text.split_first_chunk::<WINDOW>() else {
            return;
        };
        if self.by_head.len() >= 1 << self.filter_log.saturating_sub(4) {
            self.filter_log = self.filter_log.saturating_add(1);
            self.filter = vec![0; 1 << self.filter_log.saturating_sub(6)];
            for head in self.by_head.keys() {
                set(&mut self.filter, self.filter_log, head);
            }
        }
        set(&mut self.filter, self.filter_log, head);
        let known = self.by_head.entry(*head).or_default();
        if !known.iter().any(|n| n.secret == secret && *n.rest == *rest) {
            known.push(Needle {
                secret,
                form,
                rest: rest.into(),
            });
        }
    }

    /// Everything found in `bytes`.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut found = Vec::new();
        for (at, head) in bytes.windows(WINDOW).enumerate() {
            let Some(head) = head.first_chunk::<WINDOW>() else {
                continue;
            };
            let (word, bit) = slot(self.filter_log, head);
            if self.filter.get(word).is_none_or(|held| held & bit == 0) {
                continue;
            }
            let after = bytes.get(at.saturating_add(WINDOW)..).unwrap_or_default();
            for needle in self.by_head.get(head).into_iter().flatten() {
                if after.starts_with(&needle.rest) {
                    found.push(Finding {
                        secret: self.names.get(needle.secret).cloned().unwrap_or_default(),
                        form: needle.form,
                        at,
                        file: None,
                    });
                }
            }
        }
        found
    }

    /// Everything found in the file at `path`, or in all files below it.
    ///
    /// # Errors
    /// `Unavailable` if something there cannot be read.
    pub fn find_in(&self, path: &Path) -> Result<Vec<Finding>> {
        let unreadable = |e: std::io::Error| {
            Error::unavailable(format!("{} cannot be read", path.display())).with_source(e)
        };
        let kind = std::fs::symlink_metadata(path).map_err(unreadable)?;
        if kind.is_dir() {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(path).map_err(unreadable)? {
                found.extend(self.find_in(&entry.map_err(unreadable)?.path())?);
            }
            return Ok(found);
        }
        if !kind.is_file() {
            return Ok(Vec::new()); // A socket or pipe holds nothing at rest.
        }
        let mut found = self.find(&std::fs::read(path).map_err(unreadable)?);
        for finding in &mut found {
            finding.file = Some(path.to_owned());
        }
        Ok(found)
    }
}

/// How programs write a character that they escape.
const ESCAPES: [fn(char) -> String; 11] = [
    |c| percent(c, |code| format!("%{code:02X}")),
    |c| percent(c, |code| format!("%{code:02x}")),
    // JSON, and Rust's `Debug`; JSON with `\/`; for HTML; a shell in double quotes.
    |c| backslash(c, "\"\\"),
    |c| backslash(c, "\"\\/"),
    |c| unicode(c, |code| format!("\\u{code:04x}")),
    |c| unicode(c, |code| format!("\\u{code:04X}")),
    |c| backslash(c, "\"\\$`"),
    |c| backslash(c, "'\\"),
    |c| entity(c, |name, _| format!("&{name};")),
    |c| entity(c, |_, code| format!("&#{code};")),
    |c| entity(c, |_, code| format!("&#x{code:x};")),
];

fn percent(c: char, escape: fn(u32) -> String) -> String {
    if c.is_ascii_alphanumeric() || "-._~".contains(c) {
        return c.to_string();
    }
    escape(u32::from(c))
}

fn backslash(c: char, escaped: &str) -> String {
    if escaped.contains(c) {
        return format!("\\{c}");
    }
    c.to_string()
}

fn unicode(c: char, escape: fn(u32) -> String) -> String {
    if "<>&'".contains(c) {
        return escape(u32::from(c));
    }
    backslash(c, "\"\\")
}

fn entity(c: char, escape: fn(&str, u32) -> String) -> String {
    let names = [
        ('&', "amp"),
        ('<', "lt"),
        ('>', "gt"),
        ('"', "quot"),
        ('\'', "apos"),
    ];
    let name = names.iter().find(|(named, _)| *named == c);
    name.map_or_else(|| c.to_string(), |(_, name)| escape(name, u32::from(c)))
}

fn set(filter: &mut [u64], log: u32, head: &[u8; WINDOW]) {
    let (word, bit) = slot(log, head);
    if let Some(word) = filter.get_mut(word) {
        *word |= bit;
    }
}

fn slot(log: u32, head: &[u8; WINDOW]) -> (usize, u64) {
    let mixed = u64::from_le_bytes(*head).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = mixed >> 64_u32.saturating_sub(log);
    (
        usize::try_from(hash >> 6).unwrap_or_default(),
        1 << (hash & 63),
    )
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Needles").field(&self.names).finish()
    }
}
