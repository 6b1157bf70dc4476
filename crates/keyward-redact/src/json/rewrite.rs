//! Masks the strings, keys and numbers of a JSON text, and leaves every other byte as it is.
//!
//! A text is looked at in two views: as it is written, and each string as what it says. Afterwards
//! no secret is left in either view. Where one reaches over quotes or other structure, the text
//! cannot stay JSON, and is masked as text, in the places of both views.

use crate::json::found::{Finder, Found, merge};
use crate::json::keys::{MaskedKey, numbers};
use crate::json::scan::{NotJson, Quoted, Scanner, Token};
use crate::json::string::{Spelling, decode, encode, units};
use crate::masker::style::Style;

/// What became of a text.
pub(crate) enum Rewritten {
    /// It is JSON, and nothing in it is secret.
    Same { documents: usize },
    /// It is JSON, and was.
    Changed { bytes: Vec<u8>, documents: usize },
    /// It was JSON, and is masked as text.
    Spanned { bytes: Vec<u8> },
    /// It is not JSON, and not masked yet.
    NotJson,
}

/// Masks `text` if it is JSON.
pub(crate) fn rewrite(text: &[u8], finder: &Finder<'_>) -> Rewritten {
    let Ok((documents, escaped)) = outline(text) else {
        return Rewritten::NotJson;
    };
    let raw = finder.find(text);
    if raw.is_empty() && !escaped {
        return Rewritten::Same { documents };
    }
    let pass = Pass::run(text, &raw, finder);
    if pass.spanned || (pass.added && completes(text, &raw, finder)) {
        let mut places = [raw.as_slice(), &pass.places].concat();
        merge(&mut places);
        return Rewritten::Spanned {
            bytes: finder.masked(text, &places),
        };
    }
    if pass.edits.is_empty() {
        return Rewritten::Same { documents };
    }
    Rewritten::Changed {
        bytes: pass.applied(),
        documents,
    }
}

/// Whether the quotes that numbers get, or the digits of masks that are written as `\u2022`, complete
/// a secret that begins or ends outside of them.
fn completes(text: &[u8], raw: &[Found], finder: &Finder<'_>) -> bool {
    // A name may hold what a secret is: only blank masks hold none.
    let blank = Finder {
        redactor: finder.redactor,
        style: Style::Blank,
    };
    let masked = Pass::run(text, raw, &blank).applied();
    !blank.find(&masked).is_empty()
}

/// How many documents `text` has, and whether there is an escape in it.
fn outline(text: &[u8]) -> Result<(usize, bool), NotJson> {
    let mut scanner = Scanner::new(std::str::from_utf8(text).map_err(|_| NotJson)?);
    let mut escaped = false;
    while let Some(token) = scanner.next()? {
        if let Token::Key(quoted) | Token::Text(quoted) = token {
            escaped |= quoted.escaped;
        }
    }
    Ok((scanner.documents(), escaped))
}

/// Bytes of the text that others take the place of.
struct Edit {
    start: usize,
    end: usize,
    new: Vec<u8>,
}

/// A key of an object that is still open, and the place of its edit if it was masked.
struct OpenKey {
    quoted: Quoted,
    edit: Option<usize>,
}

/// One pass over a text that is JSON.
struct Pass<'a> {
    text: &'a [u8],
    finder: &'a Finder<'a>,
    /// What is secret as the text is written, from the next token on.
    raw: &'a [Found],
    edits: Vec<Edit>,
    /// What is masked in tokens, as places of the text.
    places: Vec<Found>,
    keys: Vec<OpenKey>,
    /// For each open object, where its keys begin.
    objects: Vec<usize>,
    /// A secret reaches over structure.
    spanned: bool,
    /// More was written than masks as they are: a number became a string, or a mask is escaped.
    added: bool,
}

impl<'a> Pass<'a> {
    fn run(text: &'a [u8], raw: &'a [Found], finder: &'a Finder<'a>) -> Self {
        let mut pass = Self {
            text,
            finder,
            raw,
            edits: Vec::new(),
            places: Vec::new(),
            keys: Vec::new(),
            objects: Vec::new(),
            spanned: false,
            added: false,
        };
        let mut scanner = Scanner::new(std::str::from_utf8(text).unwrap_or_default());
        while let Ok(Some(token)) = scanner.next() {
            pass.token(token);
        }
        pass.spanned |= !pass.raw.is_empty();
        pass
    }

    fn token(&mut self, token: Token) {
        match token {
            Token::Open { object: true } => self.objects.push(self.keys.len()),
            Token::Close { object: true } => self.close(),
            Token::Key(quoted) => {
                let edit = self.string(quoted);
                self.keys.push(OpenKey { quoted, edit });
            }
            Token::Text(quoted) => {
                self.string(quoted);
            }
            Token::Number { start, end } => self.number(start, end),
            Token::Open { .. } | Token::Close { .. } | Token::Word { .. } => {}
        }
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// What is secret from `start` to `end` as it is written, counted from `start`. What lies
    /// before, or reaches out of it, spans structure.
    fn inside(&mut self, start: usize, end: usize) -> Vec<Found> {
        let mut inside = Vec::new();
        while let Some((found, rest)) = self.raw.split_first() {
            if found.start >= end {
                break;
            }
            if found.start < start || found.end > end {
                self.spanned = true;
            } else {
                inside.push(Found {
                    start: found.start.saturating_sub(start),
                    end: found.end.saturating_sub(start),
                    ..*found
                });
            }
            self.raw = rest;
        }
        inside
    }

    /// Puts masks in these places of what is written from `start` to `end`. Says which edit it is.
    fn edit(&mut self, start: usize, end: usize, places: &[Found], quote: &[u8]) -> usize {
        let written = self.slice(start, end);
        let spelling = Spelling::of(written);
        let mut new = quote.to_vec();
        let mut at = 0;
        for place in places {
            new.extend_from_slice(written.get(at..place.start).unwrap_or_default());
            let mask = self.finder.mask(place.secret);
            let mask_written = encode(mask.as_bytes(), spelling);
            self.added |= mask_written != mask.as_bytes();
            new.extend(mask_written);
            at = place.end;
        }
        new.extend_from_slice(written.get(at..).unwrap_or_default());
        new.extend_from_slice(quote);
        self.places.extend(places.iter().map(|place| Found {
            start: place.start.saturating_add(start),
            end: place.end.saturating_add(start),
            ..*place
        }));
        self.edits.push(Edit { start, end, new });
        self.edits.len().saturating_sub(1)
    }

    fn number(&mut self, start: usize, end: usize) {
        let places = self.inside(start, end);
        if !places.is_empty() {
            self.edit(start, end, &places, b"\"");
            self.added = true;
        }
    }

    fn string(&mut self, quoted: Quoted) -> Option<usize> {
        let Quoted {
            start,
            end,
            escaped,
        } = quoted;
        let written = self.slice(start, end);
        let raw = self.inside(start, end);
        let said = if escaped {
            self.finder.find(decode(written).expose())
        } else {
            Vec::new()
        };
        if raw.is_empty() && said.is_empty() {
            return None;
        }
        let mut places = widened(written, &raw, false);
        places.extend(widened(written, &said, true));
        merge(&mut places);
        Some(self.edit(start, end, &places, b""))
    }

    /// Numbers the keys of the object that ends here, if masked ones look alike.
    fn close(&mut self) {
        let first = self.objects.pop().unwrap_or_default();
        let keys = self.keys.split_off(first);
        if keys.iter().all(|key| key.edit.is_none()) {
            return;
        }
        let mut edits = Vec::new();
        let mut masked = Vec::new();
        let mut kept = Vec::new();
        for key in keys {
            let written = self.slice(key.quoted.start, key.quoted.end);
            let edit = key.edit.and_then(|at| Some((at, self.edits.get(at)?)));
            let Some((at, edit)) = edit else {
                kept.push(decode(written).expose().to_vec());
                continue;
            };
            edits.push(at);
            masked.push(MaskedKey {
                old: decode(written),
                new: decode(&edit.new).expose().to_vec(),
                spelling: Spelling::of(written),
            });
        }
        let numbers = numbers(&masked, kept.into_iter());
        for (at, number) in edits.into_iter().zip(numbers) {
            if let Some(edit) = self.edits.get_mut(at) {
                edit.new.extend(number);
            }
        }
    }

    /// The text with all edits.
    fn applied(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len());
        let mut at = 0;
        for edit in &self.edits {
            out.extend_from_slice(self.slice(at, edit.start));
            out.extend_from_slice(&edit.new);
            at = edit.end;
        }
        out.extend_from_slice(self.slice(at, self.text.len()));
        out
    }
}

/// These places of what stands between two quotes, or of what it says, in whole characters of what
/// is written.
fn widened(written: &[u8], found: &[Found], said: bool) -> Vec<Found> {
    let mut wide = found.to_vec();
    let mut done = 0_usize;
    let mut at = 0_usize;
    for unit in units(written) {
        let next = at.saturating_add(unit.decoded_len());
        let (from, to) = if said {
            (at, next)
        } else {
            (unit.start, unit.end)
        };
        at = next;
        let left = found.get(done..).unwrap_or_default();
        for (found, wide) in left.iter().zip(wide.iter_mut().skip(done)) {
            if found.start >= to {
                break;
            }
            if found.start >= from {
                wide.start = unit.start;
            }
            if found.end <= to {
                wide.end = unit.end;
                done = done.saturating_add(1);
            }
        }
    }
    wide
}
