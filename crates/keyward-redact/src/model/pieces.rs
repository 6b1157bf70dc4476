//! Finds, in the data of one event, the pieces of texts and what ends them.

use crate::json::scan::{NotJson, Token};
use crate::json::string::decode;
use crate::model::field::{End, Field};
use crate::model::path::Walk;

/// Which text: by its field, and what tells it from others of that field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextId {
    pub(super) field: usize,
    apart: Apart,
    /// How many values of the same place follow in its event: an object may have a key twice, and
    /// of these the last is what nearly all programs read.
    repeat: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Apart {
    Indexes(Vec<u64>),
    /// What a string says at the place that the field names.
    Text(Vec<u8>),
    /// Another value there, as it is written.
    Value(Vec<u8>),
}

/// A piece of a text: its place in the data.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) text: TextId,
    pub(super) start: usize,
    pub(super) end: usize,
    /// It is what stands between two quotes.
    pub(super) quoted: bool,
}

/// A value that stands where a field says so.
struct Standing {
    field: usize,
    indexes: Vec<u64>,
    start: usize,
    end: usize,
    is_text: bool,
}

/// What the data of one event holds of the fields.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    /// What ends: all texts of this field, or the one that this is.
    ends: Vec<(usize, Option<Apart>)>,
    /// Everything ends.
    done: bool,
    /// There are more than [`MAX_TEXTS`] pieces, ends, or values that tell texts apart.
    pub(super) too_many: bool,
}

/// The most texts that are open at once, and pieces in one event.
pub const MAX_TEXTS: usize = 256;

/// What providers send last.
const DONE: &[u8] = b"[DONE]";

impl Pieces {
    /// Those of `data`, if there is any.
    pub(super) fn of(data: &[u8], fields: &[Field]) -> Self {
        if data.trim_ascii() == DONE {
            return Self {
                done: true,
                ..Self::default()
            };
        }
        if let Ok(Some(pieces)) = in_json(data, fields) {
            return pieces;
        }
        let root = fields.iter().position(|field| field.text.is_root());
        let whole = root.filter(|_| !data.is_empty()).map(|field| Piece {
            text: TextId {
                field,
                apart: Apart::Indexes(Vec::new()),
                repeat: 0,
            },
            start: 0,
            end: data.len(),
            quoted: false,
        });
        Self {
            pieces: whole.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether this text ends in this event, or before it.
    pub(super) fn ends(&self, text: &TextId) -> bool {
        self.done
            || self.ends.iter().any(|(field, apart)| {
                *field == text.field && apart.as_ref().is_none_or(|apart| apart.is(&text.apart))
            })
    }

    /// Which piece of this text it has.
    pub(super) fn position(&self, text: &TextId) -> Option<usize> {
        self.pieces.iter().position(|piece| piece.text == *text)
    }
}

impl Apart {
    /// Whether an end that is told apart so is one of a text that is told apart like `text`.
    fn is(&self, text: &Self) -> bool {
        match (self, text) {
            (Self::Indexes(end), Self::Indexes(text)) => {
                end.iter().zip(text).all(|(end, text)| end == text)
            }
            _ => self == text,
        }
    }
}

/// What one document holds.
fn in_json(data: &[u8], fields: &[Field]) -> Result<Option<Pieces>, NotJson> {
    let mut walk = Walk::new(std::str::from_utf8(data).map_err(|_| NotJson)?);
    let mut texts = Vec::new();
    let mut ids = Vec::new();
    let mut ends = Vec::new();
    while let Some(token) = walk.next()? {
        let (start, end) = match token {
            Token::Text(quoted) => (quoted.start, quoted.end),
            Token::Number { start, end } | Token::Word { start, end } => (start, end),
            Token::Open { .. } => (0, 0),
            Token::Close { .. } | Token::Key(_) => continue,
        };
        if texts.len().max(ids.len()).max(ends.len()) > MAX_TEXTS {
            return Ok(Some(Pieces {
                too_many: true,
                ..Pieces::default()
            }));
        }
        let written = data.get(start..end).unwrap_or_default();
        let mut taken = false;
        for (field, of) in fields.iter().enumerate() {
            let standing = |indexes| Standing {
                field,
                indexes,
                start,
                end,
                is_text: matches!(token, Token::Text(_)),
            };
            if !taken {
                let at = walk.stands_at(&of.text).map(standing);
                taken = at.is_some();
                texts.extend(at);
            }
            if !matches!(token, Token::Open { .. }) {
                let at = of.id.as_ref().and_then(|path| walk.stands_at(path));
                ids.extend(at.map(standing));
            }
            for at in &of.ends {
                let here = walk.stands_at(&at.path);
                ends.extend(here.filter(|_| is_end(at, token, written)).map(standing));
            }
        }
    }
    let one = walk.documents() == 1;
    Ok(one.then(|| told_apart(data, fields, &texts, &ids, ends)))
}

fn is_end(end: &End, token: Token, written: &[u8]) -> bool {
    match (&end.value, token) {
        (Some(value), Token::Text(_)) => decode(written).expose() == value.as_bytes(),
        (Some(value), Token::Number { .. } | Token::Word { .. }) => written == value.as_bytes(),
        (Some(_), _) => false,
        (None, Token::Word { .. }) => written != b"null",
        (None, _) => true,
    }
}

fn told_apart(
    data: &[u8],
    fields: &[Field],
    texts: &[Standing],
    ids: &[Standing],
    ends: Vec<Standing>,
) -> Pieces {
    let id = |of: &Standing| {
        let mut ids = ids.iter().rev().filter(|id| id.field == of.field);
        let id = ids.find(|id| id.indexes.iter().zip(&of.indexes).all(|(a, b)| a == b))?;
        let written = data.get(id.start..id.end)?;
        Some(if id.is_text {
            Apart::Text(decode(written).expose().to_vec())
        } else {
            Apart::Value(written.to_vec())
        })
    };
    let mut found = Pieces::default();
    let mut behind: Vec<(usize, Apart)> = Vec::new();
    for text in texts.iter().rev() {
        let indexes = || Apart::Indexes(text.indexes.clone());
        let apart = id(text).unwrap_or_else(indexes);
        let place = (text.field, apart.clone());
        let repeat = behind.iter().filter(|other| **other == place).count();
        behind.push(place);
        if text.is_text {
            found.pieces.push(Piece {
                text: TextId {
                    field: text.field,
                    apart,
                    repeat,
                },
                start: text.start,
                end: text.end,
                quoted: true,
            });
        }
    }
    found.pieces.reverse();
    for end in ends {
        let by_id = fields
            .get(end.field)
            .is_some_and(|field| field.id.is_some());
        let apart = if by_id {
            id(&end)
        } else {
            Some(Apart::Indexes(end.indexes))
        };
        found.ends.push((end.field, apart));
    }
    found
}
