//! What a hurried person should not find first.

use keyward_base::{Error, Result};
use keyward_session::Sessions;

#[cfg(feature = "approval")]
use crate::approval::ApprovalPages;
use crate::guard::WebGuard;
use crate::session::WebSessions;

/// Sessions whose cookies go over plain HTTP ([`keyward_session::danger::loopback_cookie`]), for a
/// browser on the machine that the service runs on while it is developed. Safari sends no `Secure` cookie
/// there (WebKit bug 281149), and older Chromium keeps none whose name begins with `__Host-`.
///
/// It is judged by the public origin, which has to be on loopback, and at each request by what it
/// names as its host, by whether a header says that it was passed on, and by where the connection
/// comes from if the service knows ([`crate::loopback::check`]); not by the address that the service
/// listens at, which is on loopback behind a proxy too. A request that does not fit is 403.
///
/// # Errors
/// `Misuse` unless all origins of `guard` are on loopback.
pub fn loopback_cookies(sessions: Sessions, guard: &WebGuard) -> Result<WebSessions> {
    if !guard.origins.is_loopback() {
        return Err(Error::misuse(
            "cookies without Secure are for loopback alone, and these origins are elsewhere",
        ));
    }
    WebSessions::on_loopback(sessions, guard)
}

/// Pages of approvals that ask for no code: under a rule with `link-holder`, whoever opens a link and
/// presses a button has decided. **Programs that scan mail open links, and some press the buttons of
/// what they find**, with scripts on, as a browser does: with this, they approve, as a test of this
/// project shows. The mark and the check of the origin do not keep them out, since they do open the
/// page. [`keyward_approval::danger::vote_by_one_click`] says what the record then holds.
///
/// Take it for what may as well run unasked.
#[cfg(feature = "approval")]
#[must_use]
pub fn scanners_may_approve(pages: ApprovalPages) -> ApprovalPages {
    pages.one_click()
}
