//! What the browser says of an assertion (WebAuthn Level 3, section 5.8.1).
//!
//! It is read by a parser of JSON, and not by the limited algorithm of section 5.8.1.2, which
//! compares the beginning: that one asks for `crossOrigin` behind `origin`, and browsers that are in
//! use leave it out or write the members in another order. So that two readers read the same, what
//! has a second reading is refused: a name that stands twice, whatever it is; other types; a byte
//! order mark; what is no UTF-8; anything behind the object; more than [`MAX_LEN`] bytes.

use std::collections::HashSet;
use std::fmt;

use keyward_base::encoding::from_base64url_array;
use keyward_base::{Error, Reason, Result};
use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};

/// The most bytes. Browsers write about 250: a challenge of 43, an origin of up to 262, and a
/// member of about 150 that Chromium adds now and then, so that nobody compares templates.
pub const MAX_LEN: usize = 2_048;

/// The most members of the object: six are defined.
const MAX_MEMBERS: usize = 32;

/// The type of an assertion.
const GET: &str = "webauthn.get";

/// What is looked at of client data. Members that are not known are let be, as the specification
/// asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientData {
    challenge: [u8; 32],
    origin: Box<str>,
}

impl ClientData {
    /// Reads the client data of an assertion: a JSON object in UTF-8, at most [`MAX_LEN`] bytes,
    /// whose `type` is `webauthn.get`, whose `challenge` is 32 bytes in base64url without padding,
    /// whose `origin` is a text, whose `crossOrigin` is false or missing, and which has no
    /// `topOrigin`.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`]; [`Reason::MALFORMED`] for what is no such object, and
    /// [`crate::reason::CEREMONY`] for another type, and for an assertion from within a frame of
    /// another origin.
    pub fn parse(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let malformed = || Error::rejected(Reason::MALFORMED);
        let text = std::str::from_utf8(json).map_err(|_| malformed())?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Members).map_err(|_| malformed())?;
        reader.end().map_err(|_| malformed())?;
        let (Some(kind), Some(challenge), Some(origin)) =
            (members.kind, members.challenge, members.origin)
        else {
            return Err(malformed());
        };
        if kind != GET || members.cross_origin == Some(true) || members.top_origin {
            return Err(Error::rejected(crate::reason::CEREMONY));
        }
        Ok(Self {
            challenge: from_base64url_array(&challenge)?,
            origin: origin.into(),
        })
    }

    /// What was to be signed.
    #[must_use]
    pub const fn challenge(&self) -> &[u8; 32] {
        &self.challenge
    }

    /// Where the page was from.
    #[must_use]
    pub const fn origin(&self) -> &str {
        &self.origin
    }
}

#[derive(Default)]
struct Found {
    kind: Option<String>,
    challenge: Option<String>,
    origin: Option<String>,
    cross_origin: Option<bool>,
    top_origin: bool,
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client data of an assertion")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let (mut found, mut names) = (Found::default(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => found.kind = Some(map.next_value()?),
                "challenge" => found.challenge = Some(map.next_value()?),
                "origin" => found.origin = Some(map.next_value()?),
                "crossOrigin" => found.cross_origin = Some(map.next_value()?),
                other => {
                    found.top_origin |= other == "topOrigin";
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if !names.insert(name) || names.len() > MAX_MEMBERS {
                return Err(A::Error::custom("a name that stands twice, or too many"));
            }
        }
        Ok(found)
    }
}
