//! How a provider proves that a request is its own, as data.
//!
//! A [`Scheme`] is a plain value with public fields. The presets are constants of it, and what
//! they cannot say an application says with one of its own, beginning with [`Scheme::hmac`].
//! [`Webhook::new`](crate::Webhook::new) checks it once, before anything is received by it.

use std::borrow::Cow;
use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_crypto::hmac::HmacHash;

use crate::coverage::{Coverage, WholeBody};

/// Text that is part of a preset or was read at run time.
pub type Text = Cow<'static, str>;

/// A scheme. `C` is what its proof covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // A preset of an application's own names every field.
pub struct Scheme<C = WholeBody> {
    /// The provider's name: 1 to 64 bytes of `a-z`, `0-9` and `-`.
    pub name: Text,
    /// The names of the headers. The first set of which a request has any line is taken.
    pub headers: Cow<'static, [Headers]>,
    /// What proves the request.
    pub proof: Proof,
    /// How the secret is written.
    pub key: KeyForm,
    /// For how long after a first attempt the provider may send the delivery again.
    pub retries: Duration,
    /// The longest body in bytes.
    pub body_limit: usize,
    /// What the proof covers.
    pub coverage: C,
    /// The page of the provider, or of the source, that this row was made from.
    pub source: Text,
    /// When that page was last compared with this row, as `YYYY-MM-DD`.
    pub checked: Text,
}

/// The names of the headers of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Headers {
    /// Where the signature or the token is.
    pub signature: Text,
    /// Where the time of signing is, unless the signature header holds it or there is none.
    pub time: Option<Text>,
    /// Where the id of the delivery is.
    pub id: Option<Text>,
    /// Where the name of the event is. No scheme here signs it.
    pub event: Option<Text>,
}

/// What proves a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Proof {
    /// An HMAC under a shared secret.
    Hmac(HmacProof),
    /// The secret itself, shown.
    Token,
}

/// An HMAC, and what it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct HmacProof {
    /// The hash under it.
    pub hash: HmacHash,
    /// How a tag is written.
    pub encoding: Encoding,
    /// How the header holds one or several.
    pub list: List,
    /// What is signed, in order; at most 8 pieces.
    pub message: Cow<'static, [Piece]>,
    /// When it was signed, if the scheme says so.
    pub time: Option<Time>,
}

/// How a tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Encoding {
    /// Hexadecimal, in either case.
    Hex,
    /// Base64 with padding, canonical (RFC 4648, section 3.5).
    Base64,
}

/// How a header holds signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum List {
    /// One, after a prefix that may be empty: `sha256=<tag>`.
    One {
        /// The prefix.
        prefix: Text,
    },
    /// Pairs of a name and a value between commas: `t=<time>,v1=<tag>,v1=<tag>`. Pairs of other
    /// names are passed over, and so is a value that is no tag, if another is.
    Pairs {
        /// The name of the time, if it is here.
        time: Option<Text>,
        /// The name of a signature.
        tag: Text,
    },
    /// Versions and tags between spaces: `v1,<tag> v1,<tag>`. Other versions are passed over, and
    /// so is a value that is no tag, if another is.
    Versions {
        /// The version.
        version: Text,
    },
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Piece {
    /// The body as it came.
    Body,
    /// The id of the delivery as it came.
    Id,
    /// These bytes.
    Text(Text),
    /// The time as it came.
    Time,
}

/// A signed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Time {
    /// What it counts.
    pub unit: Unit,
    /// How far it may be from now.
    pub window: Window,
}

/// What a time counts since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
}

/// How far from now a signed time may be, both ends included. In the unit of the scheme, parts of
/// it cut off, as the providers' own libraries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Window {
    /// Back.
    pub past: Duration,
    /// Ahead: no further than clocks differ.
    pub future: Duration,
}

/// How a secret is written, and so which bytes are the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum KeyForm {
    /// Its bytes as they are. With a prefix that every secret of the provider has, which is part
    /// of the key.
    Text {
        /// The prefix.
        prefix: Option<Text>,
    },
    /// Base64 with padding, after a prefix that is no part of the key.
    Base64 {
        /// The prefix.
        prefix: Option<Text>,
        /// Whether it may be left out.
        optional: bool,
    },
}

impl Scheme {
    /// An HMAC-SHA-256 over the body alone, in hexadecimal, in the header `signature` after
    /// `prefix`: what most providers do. No time is signed. The body may have 1 MiB, and the
    /// delivery may come again for three days; change the fields that differ.
    #[must_use]
    pub fn hmac(
        name: impl Into<Text>,
        signature: impl Into<Text>,
        prefix: impl Into<Text>,
    ) -> Self {
        Self {
            name: name.into(),
            headers: Cow::Owned(vec![Headers {
                signature: signature.into(),
                time: None,
                id: None,
                event: None,
            }]),
            proof: Proof::Hmac(HmacProof {
                hash: HmacHash::Sha256,
                encoding: Encoding::Hex,
                list: List::One {
                    prefix: prefix.into(),
                },
                message: Cow::Borrowed(&[Piece::Body]),
                time: None,
            }),
            key: KeyForm::Text { prefix: None },
            retries: Duration::from_secs(3 * 86_400),
            body_limit: 1 << 20,
            coverage: WholeBody,
            source: Cow::Borrowed("the application"),
            checked: Cow::Borrowed(""),
        }
    }
}

impl<C: Coverage> Scheme<C> {
    /// Whether the row says something that can be verified, and only in one way.
    pub(crate) fn check(&self) -> Result<()> {
        let misuse = |what: &str| {
            Err(Error::misuse(format!(
                "the webhook scheme \"{}\" {what}",
                self.name.escape_default()
            )))
        };
        let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(word) {
            return misuse("has a name that is not 1 to 64 of a-z, 0-9 and -");
        }
        if self.headers.is_empty() || self.headers.len() > 4 {
            return misuse("needs one to four sets of header names");
        }
        if self.body_limit == 0 {
            return misuse("allows no body: give a limit in bytes");
        }
        match &self.proof {
            Proof::Token if C::BODY => misuse("shows a token, which covers no body"),
            Proof::Token => Ok(()),
            Proof::Hmac(proof) => match proof.fault(&self.headers, C::BODY) {
                Some(what) => misuse(what),
                None => Ok(()),
            },
        }
    }
}

impl HmacProof {
    fn fault(&self, headers: &[Headers], covers_body: bool) -> Option<&'static str> {
        let count = |piece: &Piece| self.message.iter().filter(|p| *p == piece).count();
        let (bodies, ids, times) = (count(&Piece::Body), count(&Piece::Id), count(&Piece::Time));
        if self.message.len() > MAX_PIECES {
            return Some("signs more than 8 pieces");
        }
        if bodies != usize::from(covers_body) {
            return Some("must sign the body once, if that is what it covers");
        }
        let in_list = matches!(&self.list, List::Pairs { time: Some(_), .. });
        let timed = |set: &Headers| set.time.is_some() != in_list;
        match self.time {
            Some(_) if times != 1 => return Some("has a time that it does not sign once"),
            Some(_) if !headers.iter().all(timed) => {
                return Some("has no place for its time, or two");
            }
            None if times > 0 || in_list || headers.iter().any(|set| set.time.is_some()) => {
                return Some("has a time without a unit and a window");
            }
            _ => {}
        }
        if ids > 1 || (ids == 1 && headers.iter().any(|set| set.id.is_none())) {
            return Some("signs an id more than once, or one that no header holds");
        }
        if let List::Pairs { time, tag } = &self.list {
            let name = |text: &Text| !text.is_empty() && !text.contains([',', '=']);
            if !name(tag) || time.as_ref().is_some_and(|time| !name(time) || time == tag) {
                return Some("has pairs whose names are empty, alike, or hold , or =");
            }
        }
        if let List::Versions { version } = &self.list
            && (version.is_empty() || version.contains([' ', ',']))
        {
            return Some("has a version that is empty, or holds a space or a comma");
        }
        // Two requests must never give the same bytes to sign. A time that stands within a window
        // has one length; an id ends at a byte that no id has.
        let ambiguous = self.message.windows(2).any(|two| match two {
            [Piece::Id, Piece::Text(text)] => text.bytes().next().is_none_or(id_byte),
            [Piece::Id, Piece::Body] => true,
            [Piece::Body, Piece::Text(_)] => false,
            [Piece::Body, _] => true,
            _ => false,
        });
        ambiguous.then_some("signs pieces that could be cut in two ways")
    }
}

/// The most pieces of a message.
pub(crate) const MAX_PIECES: usize = 8;

/// Whether a byte may stand in the id of a delivery: visible ASCII, but no dot, which separates
/// (Standard Webhooks: "the id must not contain a `.`").
pub(crate) const fn id_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'.'
}
