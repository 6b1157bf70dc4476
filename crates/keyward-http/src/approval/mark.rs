//! What shows that a form comes from the page of its link: in a cookie and in the form, both alike.
//!
//! It is when it was made, 16 random bytes, and what the link's key makes of both for this link
//! ([`Links::page_mark`](keyward_approval::Links::page_mark)), so that the mark of one link is none of
//! another's, and none for longer than it says, whoever put it into both places.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use keyward_approval::Links;
use keyward_approval::link::Presented;
use keyward_base::encoding::{base64url, from_base64url_array};
use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_crypto::{Provider, equal};
use keyward_session::cookie::read_named;

use crate::origins::Scheme;
use crate::reason;

/// How long a page may be open before its form is sent: as long as somebody needs who asks around
/// first.
pub const MARK_LIFE: Duration = Duration::from_secs(60 * 60);

/// How far the clock of the process that made a mark may be ahead of the one that reads it.
const AHEAD: Duration = Duration::from_secs(60);

const TIME: usize = 8;
const DRAWN: usize = 16;
const LEN: usize = TIME + DRAWN + 32;

/// The name of a link's cookie: each has its own, so that two pages may be open at once.
fn name(scheme: Scheme, link: &Presented) -> String {
    let front = match scheme {
        Scheme::Https => "__Host-",
        // Safari keeps no `Secure` cookie of a loopback host, and the prefix goes with it.
        Scheme::Http => "",
    };
    format!("{front}approval-{}-{}", link.gate(), link.slot())
}

/// A new one, as text.
pub(super) fn draw(
    provider: Provider,
    links: &Links,
    tenant: &Tenant,
    link: &Presented,
    now: Timestamp,
) -> Result<String> {
    let mut drawn = [0; DRAWN];
    provider.fill(&mut drawn)?;
    let mark = links.page_mark(tenant, link, now, &drawn)?;
    let made = now.as_millis().to_be_bytes();
    Ok(base64url(&[&made[..], &drawn, &mark].concat()))
}

/// That the cookie and the form have the same, and that it is of this link, and was made a while ago at
/// most.
pub(super) fn check(
    scheme: Scheme,
    links: &Links,
    tenant: &Tenant,
    link: &Presented,
    (headers, in_form): (&HeaderMap, &[u8]),
    now: Timestamp,
) -> Result<()> {
    let other = || Error::rejected(reason::NOT_THE_PAGE);
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let in_cookie = read_named(&name(scheme, link), lines).ok().flatten();
    let in_cookie = in_cookie.ok_or_else(other)?;
    if !equal(in_cookie.as_bytes(), in_form) {
        return Err(other());
    }
    let bytes = from_base64url_array::<LEN>(in_cookie).map_err(|_| other())?;
    let (made, rest) = bytes.split_first_chunk::<TIME>().ok_or_else(other)?;
    let made = Timestamp::from_millis(u64::from_be_bytes(*made));
    let (drawn, mark) = rest.split_first_chunk::<DRAWN>().ok_or_else(other)?;
    if !equal(&links.page_mark(tenant, link, made, drawn)?, mark) {
        return Err(other());
    }
    let is_over = now.saturating_since(made) > MARK_LIFE;
    match is_over || made.saturating_since(now) > AHEAD {
        true => Err(other()),
        false => Ok(()),
    }
}

/// The cookie that has it; without one, what has the browser forget it.
pub(super) fn cookie(scheme: Scheme, link: &Presented, mark: Option<&str>) -> Result<HeaderValue> {
    let (name, secure) = match scheme {
        Scheme::Https => (name(scheme, link), "Secure; "),
        Scheme::Http => (name(scheme, link), ""),
    };
    let life = mark.map_or(0, |_| MARK_LIFE.as_secs());
    let value = mark.unwrap_or_default();
    let text = format!("{name}={value}; Path=/; {secure}HttpOnly; SameSite=Strict; Max-Age={life}");
    HeaderValue::try_from(text).map_err(|_| Error::misuse("a cookie is visible ASCII"))
}
