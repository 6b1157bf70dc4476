//! Whether an answer depends on who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CACHE_CONTROL, VARY};
use http::{Extensions, HeaderMap, HeaderValue};

/// Goes with a request, and remembers whether it was asked for its session or its token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<AtomicBool>);

impl Seen {
    /// The one that goes with a request from now on.
    pub(crate) fn with(extensions: &mut Extensions) -> Self {
        extensions.get_or_insert_default::<Self>().clone()
    }

    /// Keeps an answer that depends on a session, or a token, from whoever has another: no shared cache
    /// may have it, whatever a handler says. `by` is the header that they stand in.
    pub(crate) fn finish(&self, by: &'static str, headers: &mut HeaderMap) {
        if !self.0.load(Ordering::Relaxed) {
            return;
        }
        headers.append(VARY, HeaderValue::from_static(by));
        let said = headers.get(CACHE_CONTROL).map(HeaderValue::as_bytes);
        let own = |said: &[u8]| {
            let mut words = said.split(|b| *b == b',').map(<[u8]>::trim_ascii);
            words.any(|word| {
                word.eq_ignore_ascii_case(b"private") || word.eq_ignore_ascii_case(b"no-store")
            })
        };
        if !said.is_some_and(own) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

/// The session, or the token, of this request was asked for.
#[cfg(feature = "session")]
pub(crate) fn mark(parts: &http::request::Parts) {
    if let Some(Seen(seen)) = parts.extensions.get() {
        seen.store(true, Ordering::Relaxed);
    }
}
