//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, 3 and 4): lists of
//! strings with parameters, as RFC 9651 writes them. A limit's name needs no escape.

use std::time::Duration;

use http::HeaderValue;
use keyward_store::limit::{Limit, Refused, Standing};

use super::Fields;
use crate::failure::whole_seconds;

/// The greatest integer of RFC 9651, 3.3.1.
const MOST: u64 = 999_999_999_999_999;

/// `"api";q=100;w=60`: what is held, its span rounded up to whole seconds. So a span below a second is
/// told as one second, in which more is admitted than is told.
fn policy(limit: &Limit) -> String {
    let window = limit.window();
    let span = seconds(window.span());
    format!("\"{}\";q={};w={span}", limit.name(), window.most())
}

fn seconds(span: Duration) -> u64 {
    whole_seconds(span).min(MOST)
}

fn list(items: impl Iterator<Item = String>) -> Option<HeaderValue> {
    let items: Vec<String> = items.collect();
    HeaderValue::try_from(items.join(", ")).ok()
}

/// What is left, and for how long no more than that: until the first that counts leaves.
pub(super) fn admitted(all: &[Standing]) -> Option<Fields> {
    let left = |of: &Standing| {
        let free = of.frees_in.unwrap_or(of.limit.window().span());
        let (name, left) = (of.limit.name(), of.left);
        format!("\"{name}\";r={left};t={}", seconds(free))
    };
    let policies = list(all.iter().map(|of| policy(&of.limit)))?;
    Some(Fields(policies, list(all.iter().map(left))?))
}

/// Nothing is left of the one that refused, for as long as `Retry-After` says; of the others nothing is
/// known, since none was asked to count.
pub(super) fn refused(limits: &[&Limit], refused: &Refused) -> Option<Fields> {
    let policies = list(limits.iter().map(|limit| policy(limit)))?;
    let (name, wait) = (refused.limit().name(), seconds(refused.wait()));
    Some(Fields(
        policies,
        list([format!("\"{name}\";r=0;t={wait}")].into_iter())?,
    ))
}
