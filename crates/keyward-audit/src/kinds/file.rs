//! Kinds as a file: what an application declares, as data that others read too.

use keyward_base::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Field, Kind, Kinds, Type};
use crate::object::Object;

/// The most bytes of a file of kinds.
pub const MAX_LEN: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "keyward-kinds")]
    version: u8,
    app: String,
    kinds: Vec<Object<KindOf>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindOf {
    action: String,
    fields: Vec<Object<FieldOf>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldOf {
    name: String,
    #[serde(rename = "type")]
    of: Word,
    /// Of an id: the most bytes.
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    most: Option<u8>,
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    words: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Digest,
    Flag,
    Id,
    Number,
    Time,
    Words,
}

/// What is left out is none; `null` is not left out.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl FieldOf {
    fn field(self) -> Result<Field> {
        let of = match (self.of, self.most, self.words) {
            (Word::Digest, None, None) => Type::Digest,
            (Word::Flag, None, None) => Type::Flag,
            (Word::Id, Some(most), None) => Type::Id(most),
            (Word::Number, None, None) => Type::Number,
            (Word::Time, None, None) => Type::Time,
            (Word::Words, None, Some(words)) => Type::Words(words),
            _ => {
                return Err(Error::misuse(
                    "a field of type id has a most, one of type words has words, and no other has either",
                ));
            }
        };
        Ok(Field {
            name: self.name,
            of,
            must: !self.optional,
        })
    }

    fn of(field: &Field) -> Self {
        let (of, most, words) = match &field.of {
            Type::Digest => (Word::Digest, None, None),
            Type::Flag => (Word::Flag, None, None),
            Type::Id(most) => (Word::Id, Some(*most), None),
            Type::Number => (Word::Number, None, None),
            Type::Time => (Word::Time, None, None),
            Type::Words(words) => (Word::Words, None, Some(words.clone())),
        };
        Self {
            name: field.name.clone(),
            of,
            most,
            words,
            optional: !field.must,
        }
    }
}

impl Kinds {
    /// Reads kinds as JSON, of the form in `docs/formats/audit.md`.
    ///
    /// # Errors
    /// `Misuse` for anything else, a member that is not known or not there, more than [`MAX_LEN`]
    /// bytes, and what [`Kinds::new`] and [`Kinds::with`] do not take.
    pub fn parse(file: &[u8]) -> Result<Self> {
        if file.len() > MAX_LEN {
            return Err(Error::misuse("a file of kinds has at most 256 KiB"));
        }
        let Object(file): Object<File> = serde_json::from_slice(file).map_err(|e| {
            Error::misuse(format!(
                "that is no file of kinds, from line {} on: docs/formats/audit.md has one",
                e.line()
            ))
        })?;
        if file.version != 1 {
            return Err(Error::misuse("these kinds are not of version 1"));
        }
        let mut kinds = Self::new(&file.app)?;
        for Object(KindOf { action, fields }) in file.kinds {
            let fields = fields.into_iter().map(|Object(field)| field.field());
            let fields = fields.collect::<Result<_>>()?;
            kinds = kinds.with(Kind { action, fields })?;
        }
        Ok(kinds)
    }

    /// As [`Kinds::parse`] reads them: the kinds in the order of their names.
    ///
    /// # Errors
    /// `Misuse` if they would have more than [`MAX_LEN`] bytes.
    pub fn to_json(&self) -> Result<String> {
        let kind = |kind: &Kind| {
            let fields = kind.fields.iter().map(|field| Object(FieldOf::of(field)));
            Object(KindOf {
                action: kind.action.clone(),
                fields: fields.collect(),
            })
        };
        let file = File {
            version: 1,
            app: self.app.clone(),
            kinds: self.kinds.values().map(kind).collect(),
        };
        let text = serde_json::to_string(&file);
        let text = text.map_err(|e| Error::misuse("kinds are not JSON").with_source(e))?;
        if text.len() > MAX_LEN {
            return Err(Error::misuse("a file of kinds has at most 256 KiB"));
        }
        Ok(text)
    }
}
