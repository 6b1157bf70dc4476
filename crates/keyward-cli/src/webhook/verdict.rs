//! What a check says of one request.

use http::HeaderMap;
use keyward_base::{Error, ErrorKind, Reason, Result, Timestamp};
use keyward_webhook::scheme::Headers;
use keyward_webhook::{Covered, Delivery, Origin, Scheme, Secrets, VerifiedWebhook, Webhook};
use serde::Serialize;

use crate::timeline::rfc3339;

/// The verdict of a batch: every field is always there.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) verdict: &'static str,
    /// The stable word of a rejection, or what is wrong with the input.
    pub(super) reason: Option<String>,
    /// The number of the secret that matched.
    pub(super) key: Option<usize>,
    pub(super) coverage: Option<&'static str>,
    pub(super) delivery_id: Option<String>,
    /// Who says so: `signed-header`, `signed-body`, `unsigned`.
    pub(super) delivery_id_from: Option<&'static str>,
    pub(super) signed_at: Option<String>,
}

impl Verdict {
    /// Checks one request.
    ///
    /// # Errors
    /// As [`Webhook::receive`] and its check.
    pub(super) fn of(
        webhook: &Webhook<Covered>,
        secrets: &Secrets,
        (headers, body): (&HeaderMap, &[u8]),
        now: Timestamp,
    ) -> Result<Self> {
        let received = webhook.receive(headers, now)?;
        Ok(Self::verified(&received.verify(secrets, body)?))
    }

    fn verified(hook: &VerifiedWebhook<'_, Covered>) -> Self {
        let dedupe = hook.dedupe();
        let id = match (hook.delivery(), dedupe.origin()) {
            (Delivery::Signed(id), _) => Some((id.to_owned(), Origin::SignedHeader)),
            (Delivery::Unsigned(id), _) => Some((id.claimed().to_owned(), Origin::Unsigned)),
            (_, Origin::BodyDigest) => None,
            (_, origin) => {
                let text = String::from_utf8_lossy(dedupe.as_bytes()).into_owned();
                Some((text, origin))
            }
        };
        let (delivery_id, origin) = id.unzip();
        Self {
            key: hook.key().parse().ok(),
            coverage: Some(hook.coverage().word()),
            delivery_id,
            delivery_id_from: origin.map(Origin::word),
            signed_at: hook.signed_at().map(rfc3339),
            ..Self::nothing("verified")
        }
    }

    /// A request that was rejected, or an input that is wrong.
    pub(super) fn refused(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Rejected => Self {
                reason: error.reason().map(|reason| reason.as_str().to_owned()),
                ..Self::nothing("rejected")
            },
            _ => Self {
                reason: Some(error.to_string()),
                ..Self::nothing("misuse")
            },
        }
    }

    const fn nothing(verdict: &'static str) -> Self {
        Self {
            verdict,
            reason: None,
            key: None,
            coverage: None,
            delivery_id: None,
            delivery_id_from: None,
            signed_at: None,
        }
    }
}

/// What mends a rejection, for whoever holds the capture and the secret.
pub(super) fn advice(reason: Option<Reason>) -> &'static str {
    use keyward_webhook::reason as why;
    match reason {
        Some(why::STALE) => {
            "it was signed longer ago than the window reaches: give --now the time of the capture"
        }
        Some(why::FUTURE) => {
            "it was signed later than the window reaches: is the clock right, or --now too early?"
        }
        Some(why::MISSING_HEADER) => {
            "a header that this provider sends is missing: is it the right provider, and the \
             whole request?"
        }
        Some(why::AMBIGUOUS_HEADER) => "a header that takes part stands there twice and differs",
        Some(why::BODY_TOO_LONG) => "the body is longer than this provider sends",
        Some(Reason::NOT_AUTHENTIC) => {
            "no secret of the file makes its signature: is it the secret of this endpoint, and \
             the body byte for byte as it came?"
        }
        _ => "a header has a form that this provider does not send",
    }
}

/// The error with what mends it, if it is a rejection.
pub(super) fn explained(error: Error, scheme: &Scheme<Covered>, headers: &HeaderMap) -> Error {
    if error.kind() != ErrorKind::Rejected {
        return error;
    }
    let mut said = advice(error.reason()).to_owned();
    if error.reason() == Some(keyward_webhook::reason::MISSING_HEADER) {
        let missing = missing(scheme, headers);
        if !missing.is_empty() {
            said = format!("{said} There is no {}", missing.join(" and no "));
        }
    }
    error.with_source(crate::exit::Advice(said))
}

/// The headers that prove something and are not there, of the first set of names of which any is,
/// else of the first.
fn missing<'a>(scheme: &'a Scheme<Covered>, headers: &HeaderMap) -> Vec<&'a str> {
    let there = |name: &str| headers.contains_key(name);
    let proving = |set: &'a Headers| {
        let id = set.id.as_ref().filter(|_| scheme.signs_id());
        let names = [Some(&set.signature), set.time.as_ref(), id];
        names.into_iter().flatten().map(AsRef::as_ref)
    };
    let mut sets = scheme.headers.iter();
    let came = sets.find(|set| proving(set).any(there));
    let of = came.or_else(|| scheme.headers.first());
    let names = of.into_iter().flat_map(proving);
    names.filter(|name| !there(name)).collect()
}
