//! The fields of a token response, each as it is written: nothing is decoded yet.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What was found of a field.
#[derive(Default)]
pub(super) enum Found<'a> {
    #[default]
    Absent,
    Once(&'a RawValue),
    /// Which of the two holds is in doubt.
    Twice,
}

#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) access_token: Found<'a>,
    pub(super) refresh_token: Found<'a>,
    pub(super) scope: Found<'a>,
    pub(super) scopes: Found<'a>,
    pub(super) expires_in: Found<'a>,
    pub(super) expires_at: Found<'a>,
    pub(super) expires_on: Found<'a>,
    pub(super) created_at: Found<'a>,
}

impl<'a> Fields<'a> {
    fn named(&mut self, name: &str) -> Option<&mut Found<'a>> {
        Some(match name {
            "access_token" => &mut self.access_token,
            "refresh_token" => &mut self.refresh_token,
            "scope" => &mut self.scope,
            "scopes" => &mut self.scopes,
            "expires_in" => &mut self.expires_in,
            "expires_at" => &mut self.expires_at,
            "expires_on" => &mut self.expires_on,
            "created_at" => &mut self.created_at,
            _ => return None,
        })
    }
}

/// A name; borrowed, unless an escape is written in it.
#[derive(Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Name(name)) = map.next_key()? {
                    let Some(found) = fields.named(&name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let raw = map.next_value()?;
                    *found = match found {
                        Found::Absent => Found::Once(raw),
                        Found::Once(_) | Found::Twice => Found::Twice,
                    };
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}
