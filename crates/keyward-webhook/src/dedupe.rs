//! What tells one delivery from another.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};

use crate::coverage::{Coverage, Covered};
use crate::header::MAX_ID;
use crate::scheme::Dedupe;
use crate::verified::{Delivery, VerifiedWebhook};

/// What tells a verified delivery from others of its endpoint, and who says so.
///
/// To be framed with the tenant, the endpoint and the [`Origin`]: of two origins the same bytes
/// are not the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupeKey<'r> {
    origin: Origin,
    bytes: Bytes<'r>,
}

/// Who says what a [`DedupeKey`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The id in a header that the signature covers.
    SignedHeader,
    /// A field of the body, which the signature covers.
    SignedBody,
    /// A header or a field that nobody signed, where nothing is: the sender showed a token.
    Unsigned,
    /// SHA-256 of the body, 32 bytes. Two deliveries with the same body are one. Whether another
    /// id came beside it, [`VerifiedWebhook::delivery`] tells.
    BodyDigest,
}

impl Origin {
    /// The word for tables, records and answers of commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SignedHeader => "signed-header",
            Self::SignedBody => "signed-body",
            Self::Unsigned => "unsigned",
            Self::BodyDigest => "body-digest",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes<'r> {
    Text(Cow<'r, str>),
    Digest([u8; 32]),
}

impl<'r> DedupeKey<'r> {
    pub(crate) fn of<C: Coverage>(hook: &VerifiedWebhook<'r, C>) -> Self {
        let signed = |origin| match hook.coverage().covered() {
            Covered::WholeBody => origin,
            Covered::BearerToken => Origin::Unsigned,
        };
        let found = match (&hook.scheme.dedupe, hook.delivery()) {
            (Dedupe::Header, Delivery::Signed(id)) => Some((Origin::SignedHeader, id.into())),
            (Dedupe::Header, Delivery::Unsigned(id)) => {
                Some((Origin::Unsigned, id.claimed().into()))
            }
            (Dedupe::Field(name), _) => {
                field(hook.body(), name).map(|text| (signed(Origin::SignedBody), text))
            }
            (Dedupe::Header | Dedupe::Body, _) => None,
        };
        match found {
            Some((origin, text)) => Self {
                origin,
                bytes: Bytes::Text(text),
            },
            None => Self {
                origin: Origin::BodyDigest,
                bytes: Bytes::Digest(hook.body_digest()),
            },
        }
    }

    /// Who says so.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// The key: 1 to 255 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Text(text) => text.as_bytes(),
            Bytes::Digest(digest) => digest,
        }
    }
}

/// The string `name` at the top level of a JSON object: 1 to 255 bytes. Of what is no JSON, has no
/// such field, two of them, or one of another kind, there is none.
fn field<'r>(body: &'r [u8], name: &str) -> Option<Cow<'r, str>> {
    let mut json = serde_json::Deserializer::from_str(str::from_utf8(body).ok()?);
    let found = json.deserialize_map(Field(name)).ok()?;
    json.end().ok()?;
    found.filter(|text| (1..=MAX_ID).contains(&text.len()))
}

struct Field<'a>(&'a str);

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Text(name)) = map.next_key()? {
            if name != self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value::<Text<'de>>()?.0).is_some() {
                return Err(A::Error::custom("the field stands there twice"));
            }
        }
        Ok(found)
    }
}

/// A string, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
