//! How a provider proves that a request is its own, as data.
//!
//! A [`Scheme`] is a plain value with public fields. The presets are constants of it, and what
//! they cannot say an application says with one of its own, beginning with [`Scheme::hmac`].
//! [`Webhook::new`](crate::Webhook::new) checks it once, before anything is received by it.

use std::borrow::Cow;
use std::time::Duration;

use keyward_crypto::hmac::HmacHash;
use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, Covered, WholeBody};

mod check;
mod json;

pub(crate) use check::MAX_PIECES;

/// Text that is part of a preset or was read at run time.
pub type Text = Cow<'static, str>;

/// A scheme. `C` is what its proof covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// What tells one delivery from another.
    pub dedupe: Dedupe,
    /// For how long after a first attempt the provider may send the delivery again.
    #[serde(rename = "retries_seconds", with = "json::seconds")]
    pub retries: Duration,
    /// Whether a later attempt of a delivery may have another body.
    pub body_may_change: bool,
    /// The longest body in bytes.
    #[serde(rename = "body_limit_bytes")]
    pub body_limit: usize,
    /// What the proof covers.
    pub coverage: C,
    /// The page of the provider, or of the source, that this row was made from.
    pub source: Text,
    /// When that page was last compared with this row, as `YYYY-MM-DD`.
    pub checked: Text,
    /// What the page leaves open, and what this row takes instead; empty for nothing.
    pub open: Text,
}

/// The names of the headers of a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// What tells one delivery from another, so that it is handled once. Where a request has none of
/// it, the digest of the body stands in. Neither a time nor a signature ever does: a retry has
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::exhaustive_enums)]
pub enum Dedupe {
    /// The digest of the body. The scheme may have an id beside it that nobody signs: whoever
    /// captured a delivery can give it another, so that it tells nothing apart.
    Body,
    /// A string of 1 to 255 bytes at the top level of the body, which is a JSON object.
    Field(Text),
    /// The id of the delivery in its header, which the proof covers. A token covers nothing, and
    /// whoever has it can say anything: there too the header will do.
    Header,
}

/// What proves a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::exhaustive_enums)]
pub enum Proof {
    /// An HMAC under a shared secret.
    Hmac(HmacProof),
    /// The secret itself, shown.
    Token,
}

/// An HMAC, and what it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)]
pub struct HmacProof {
    /// The hash under it.
    #[serde(with = "json::hash")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::exhaustive_enums)]
pub enum Encoding {
    /// Hexadecimal, in either case.
    Hex,
    /// Base64 with padding, canonical (RFC 4648, section 3.5).
    Base64,
}

/// How a header holds signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)]
pub struct Time {
    /// What it counts.
    pub unit: Unit,
    /// How far it may be from now.
    pub window: Window,
}

/// What a time counts since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::exhaustive_enums)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
}

/// How far from now a signed time may be, both ends included. In the unit of the scheme, parts of
/// it cut off, as the providers' own libraries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)]
pub struct Window {
    /// Back.
    #[serde(rename = "past_seconds", with = "json::seconds")]
    pub past: Duration,
    /// Ahead: no further than clocks differ.
    #[serde(rename = "future_seconds", with = "json::seconds")]
    pub future: Duration,
}

/// How a secret is written, and so which bytes are the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
        /// How many bytes the key has, if they are always as many.
        bytes: Option<usize>,
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
            dedupe: Dedupe::Body,
            retries: Duration::from_secs(3 * 86_400),
            body_may_change: false,
            body_limit: 1 << 20,
            coverage: WholeBody,
            source: Cow::Borrowed("the application"),
            checked: Cow::Borrowed(""),
            open: Cow::Borrowed(""),
        }
    }
}

impl<C: Coverage> Scheme<C> {
    /// The same scheme for what handles several, which learns what each covers at run time.
    #[must_use]
    pub fn covered(self) -> Scheme<Covered> {
        Scheme {
            coverage: self.coverage.covered(),
            name: self.name,
            headers: self.headers,
            proof: self.proof,
            key: self.key,
            dedupe: self.dedupe,
            retries: self.retries,
            body_may_change: self.body_may_change,
            body_limit: self.body_limit,
            source: self.source,
            checked: self.checked,
            open: self.open,
        }
    }

    /// The same scheme with another window, if it signs a time. A shorter one leaves less time to
    /// who captured a request, and to a clock that is wrong.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        if let Proof::Hmac(HmacProof {
            time: Some(time), ..
        }) = &mut self.proof
        {
            time.window = window;
        }
        self
    }

    /// The window around now in which a request counts; `None` if no time is signed, and whoever
    /// captured a request can send it again at any time.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        match &self.proof {
            Proof::Hmac(HmacProof {
                time: Some(time), ..
            }) => Some(time.window),
            _ => None,
        }
    }

    /// For how long after its first verification the same request can verify again at most: past
    /// and future of the window, and one unit of its time, since parts of that are cut off. `None`
    /// if for ever.
    #[must_use]
    pub fn replay_life(&self) -> Option<Duration> {
        let Proof::Hmac(HmacProof {
            time: Some(time), ..
        }) = &self.proof
        else {
            return None;
        };
        let Window { past, future } = time.window;
        let unit = Duration::from_millis(time.unit.millis());
        Some(past.saturating_add(future).saturating_add(unit))
    }
}
