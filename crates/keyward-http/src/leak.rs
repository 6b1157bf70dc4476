//! Reports of secret scanners: keys that somebody found where everybody reads them, in the form of
//! GitHub's secret scanning partner program.
//!
//! ```no_run
//! use keyward_http::leak::{LeakReports, PublishedKeys};
//! use keyward_session::api_key::ApiKeys;
//!
//! # fn state(keys: ApiKeys, fetched: &[u8]) -> keyward_base::Result<LeakReports> {
//! // What <https://api.github.com/meta/public_keys/secret_scanning> answers, fetched by the service at
//! // start and each day: GitHub's keys change.
//! let published = PublishedKeys::new();
//! published.replace(fetched)?;
//! let reports = LeakReports::new(keys, published.clone());
//! # Ok(reports) }
//! ```
//!
//! A request is `POST`, with `Github-Public-Key-Identifier` (whose key), `Github-Public-Key-Signature`
//! (ECDSA over P-256 with SHA-256 of the body's bytes, in DER and base64) and a JSON array of objects
//! with `token`, `type`, `url` and `source`
//! (<https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>).
//! It is verified before anything of it is parsed. Each whole key that is there is revoked, at once, and
//! the event `api-key.leaked` tells its owner; what is no key of ours does nothing. The same report twice
//! is as good as once.
//!
//! The event comes twice: as *granted* before the key is deleted, and as *done* (or *failed*) after it.
//! Tell the owner by the first that comes for a key: where a report was cut off, there is no second. One
//! of a key whose row was damaged names the key and no tenant.
//!
//! # What is answered
//!
//! `200` and an empty JSON array, whatever was in a report. GitHub would take a list that says of each
//! token whether it was a true or a false positive. It is left out: such a list is an oracle that says
//! which of a thousand found texts are live keys of the service, and it lies in another company's records;
//! GitHub does without, since a wrong checksum tells it a false positive by the pattern that the service
//! gave it.
//!
//! | | status |
//! |---|---|
//! | a report that was signed | 200 |
//! | a signature that is missing, twice, of an unknown key, or wrong | 401 |
//! | signed, and no array of objects with a text `token` each | 400 |
//! | more than 1 MiB, or more than 5,000 objects | 413 |
//! | store, keys or clock are not available; no published keys were taken yet | 503: to be sent again |
//!
//! No token is in any error, event or log of ours, nor the `url` at which it was found: what a stranger
//! wrote is in no event.

mod published;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use keyward_base::token::MAX_TOKEN_LEN;
use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_session::api_key::ApiKeys;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use published::PublishedKeys;

use crate::failure::Failure;
use crate::reason;

/// The most bytes of a report: 1 MiB, some 4,000 keys with their addresses.
pub const MAX_BODY: usize = 1024 * 1024;

/// The most tokens of a report. More than fit into the body with addresses, and few enough to look up.
pub const MAX_TOKENS: usize = 5_000;

const IDENTIFIER: HeaderName = HeaderName::from_static("github-public-key-identifier");
const SIGNATURE: HeaderName = HeaderName::from_static("github-public-key-signature");

/// The most characters of what stands in one of the two headers.
const MAX_FIELD: usize = 256;

/// Says of a report whether it is signed by who may send one. [`PublishedKeys`] is one; a service that
/// takes reports from elsewhere writes its own.
pub trait VerifyReport: Send + Sync + 'static {
    /// Judges the signature over the body's bytes, by the key of that name: 1 to 256 characters of visible
    /// ASCII, both.
    ///
    /// # Errors
    /// `Rejected` for anything but such a signature; `Unavailable` if it cannot be said now.
    fn verify(&self, key: &str, signature: &str, body: &[u8]) -> Result<()>;
}

/// Takes reports of leaked keys. A cheap clone, and part of an application's state. There is none without
/// somebody who verifies them.
#[derive(Clone)]
pub struct LeakReports(Arc<Inner>);

struct Inner {
    keys: Vec<ApiKeys>,
    verifier: Box<dyn VerifyReport>,
}

/// The token of one thing that was found. What else is said of it is not read.
struct Found(String);

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // An object and nothing else: what is derived would take an array of values for one.
        from.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut token = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != "token" {
                map.next_value::<IgnoredAny>()?;
            } else if token.replace(map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("token"));
            }
        }
        let token = token.ok_or_else(|| A::Error::missing_field("token"))?;
        Ok(Found(token))
    }
}

impl LeakReports {
    /// Reports of `keys`, of which `verifier` says whether they are real.
    #[must_use]
    pub fn new(keys: ApiKeys, verifier: impl VerifyReport) -> Self {
        Self::of_all(vec![keys], verifier)
    }

    /// The same for keys of several prefixes.
    #[must_use]
    pub fn of_all(keys: Vec<ApiKeys>, verifier: impl VerifyReport) -> Self {
        let verifier = Box::new(verifier);
        Self(Arc::new(Inner { keys, verifier }))
    }

    /// Takes one report: its headers, and its whole body.
    ///
    /// # Errors
    /// A refusal, as [`crate::leak`] says.
    pub async fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<Bytes>, Failure> {
        if body.len() > MAX_BODY {
            return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
        }
        self.verify(headers, body)
            .map_err(|error| match error.kind() {
                ErrorKind::Rejected => Failure::at(StatusCode::UNAUTHORIZED, error),
                _ => Failure::from(error),
            })?;
        // One that cannot be judged now keeps no other alive: the report is to be sent again for it alone.
        let mut unjudged = None;
        for token in tokens(body)? {
            for keys in &self.0.keys {
                if let Err(error) = keys.revoke_leaked(&token).await {
                    unjudged.get_or_insert(error);
                }
            }
        }
        if let Some(error) = unjudged {
            return Err(Failure::from(error));
        }
        let mut answer = Response::new(Bytes::from_static(b"[]"));
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        Ok(answer)
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<()> {
        let field = |name| {
            let mut lines = headers.get_all(name).iter();
            let (first, second) = (lines.next(), lines.next());
            let only = first.filter(|_| second.is_none());
            let text = only.and_then(|line| line.to_str().ok());
            text.filter(|text| (1..=MAX_FIELD).contains(&text.len()))
                .ok_or_else(|| Error::rejected(reason::UNSIGNED))
        };
        let (key, signature) = (field(&IDENTIFIER)?, field(&SIGNATURE)?);
        self.0.verifier.verify(key, signature, body)
    }
}

/// The tokens of a report, each once. Those that no key can be are left out.
fn tokens(body: &[u8]) -> Result<BTreeSet<String>, Failure> {
    // No source goes with it: what a parser says of a text may hold a piece of it.
    let malformed = || Failure::at(StatusCode::BAD_REQUEST, Error::rejected(Reason::MALFORMED));
    // What is passed over is read as text too.
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let found: Vec<Found> = serde_json::from_str(text).map_err(|_| malformed())?;
    if found.len() > MAX_TOKENS {
        return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
    }
    let tokens = found.into_iter().map(|Found(token)| token);
    Ok(tokens
        .filter(|token| token.len() <= MAX_TOKEN_LEN)
        .collect())
}

impl fmt::Debug for LeakReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeakReports").field(&self.0.keys).finish()
    }
}
