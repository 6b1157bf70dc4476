//! JSON (RFC 8259) of which each text is one value, and one reader's is another's: no name twice, no
//! floating-point numbers, none beyond 64 bits, no `null`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::limits;

/// How deep: a value's depth, below the document, its steps, a step and its arguments.
const DEPTH: usize = limits::DEPTH.saturating_add(4);

pub(super) enum Json {
    Bool(bool),
    Integer(i64),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Text(String),
}

impl Json {
    pub(super) const fn is(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::List(_) => "an array",
            Self::Map(_) => "an object",
            Self::Text(_) => "a text",
        }
    }

    /// Reads a whole text.
    ///
    /// # Errors
    /// What is wrong and where, by line and column; it holds nothing of the text.
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut left = limits::VALUES.saturating_add(4 * limits::STEPS + 4);
        let mut from = serde_json::Deserializer::from_slice(text);
        let seed = Any {
            depth: 1,
            left: &mut left,
        };
        let parsed = seed.deserialize(&mut from)?;
        from.end()?;
        Ok(parsed)
    }
}

/// Any value, at that depth, as one of so many that may still come.
struct Any<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        if self.depth > DEPTH {
            return Err(de::Error::custom(
                "too many arrays and objects in one another",
            ));
        }
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom("more values than an action has"))?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a whole number, a text, an array or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        i64::try_from(value)
            .map(Json::Integer)
            .map_err(|_| de::Error::custom("a number beyond 64 bits: write it as a text"))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Json, E> {
        Err(de::Error::custom(
            "a number with a point or an exponent, or beyond 64 bits: write a whole number in a \
             smaller unit, or a text",
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Err(de::Error::custom("null: leave out what there is none of"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        let depth = self.depth.saturating_add(1);
        while let Some(item) = items.next_element_seed(Any {
            depth,
            left: &mut *self.left,
        })? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut map = BTreeMap::new();
        let depth = self.depth.saturating_add(1);
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(de::Error::custom("a name that stands there twice"));
            }
            let value = members.next_value_seed(Any {
                depth,
                left: &mut *self.left,
            })?;
            map.insert(name, value);
        }
        Ok(Json::Map(map))
    }
}
