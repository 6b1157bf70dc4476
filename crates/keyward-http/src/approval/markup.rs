//! The page as HTML: by templates, whose values cannot become a part of it.

use askama::Template;
use keyward_approval::gate::Shown;
use keyward_approval::passkey::Scope;
use keyward_approval::view::{Where, time};
use keyward_approval::{Rule, View};

/// The style of the library's own page: one column, letters of the size that the reader has set, and
/// nothing that runs over the edge of a phone. The content policy allows it by its digest.
pub(super) const STYLE: &str = "\
body{margin:0;font:1rem/1.5 system-ui,sans-serif}\
main{max-width:42rem;margin:0 auto;padding:1rem}\
h1{font-size:1.4rem}\
dl{margin:1rem 0;overflow-wrap:anywhere}\
dt{font-weight:600;margin-top:.6rem}\
dd{margin:0 0 0 1rem}\
.keyward-action dt[class]:not(.keyward-depth-0){margin-left:1rem}\
.keyward-action dd[class]:not(.keyward-depth-0){margin-left:2rem}\
em,small{font-style:normal;opacity:.75}\
fieldset{border:1px solid;border-radius:.4rem;margin:1rem 0}\
label{display:block;margin:.8rem 0}\
textarea,input:not([type=radio]):not([type=hidden]),button{display:block;box-sizing:border-box;\
width:100%;font:inherit;padding:.6rem;margin-top:.3rem}\
button{min-height:3rem}\
.keyward-notice{border-left:.3rem solid;padding-left:.7rem;font-weight:600}";

/// What a layout of the application's own is given. What it makes of it goes out under the library's
/// headers: no script runs in it, and nothing is loaded but style sheets and images of this origin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Markup<'a> {
    /// A heading, as text of the library's own.
    pub title: &'a str,
    /// HTML: put it into the page as it is, once. Its classes begin with `keyward-`.
    pub body: &'a str,
    /// The library's style sheet, which may stand in the page as it is (`<style>…</style>`); no other
    /// may.
    pub style: &'a str,
}

#[derive(Template)]
#[template(path = "approval_page.html")]
struct Page<'a> {
    title: &'a str,
    body: &'a str,
    style: &'a str,
}

/// The library's own layout.
pub(super) fn layout(markup: Markup<'_>) -> String {
    let page = Page {
        title: markup.title,
        body: markup.body,
        style: markup.style,
    };
    // Writing to a text does not fail.
    page.render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "approval.html")]
struct Body<'a> {
    notice: &'a str,
    asked: String,
    /// HTML, of [`View::html`].
    view: &'a str,
    askers: &'a [(&'static str, String)],
    rule: &'a str,
    approvals: usize,
    quorum: u8,
    scope: String,
    until: String,
    form: Option<Fields<'a>>,
    instead: &'a str,
    sign_in: Option<&'a str>,
}

/// The form.
pub(super) struct Fields<'a> {
    pub(super) token: &'a str,
    pub(super) mark: &'a str,
    pub(super) who: Option<&'a str>,
    pub(super) can_approve: bool,
    pub(super) asks_code: bool,
    pub(super) is_click: bool,
    pub(super) reason: &'a str,
}

/// What stands under what is asked.
pub(super) enum Under<'a> {
    Form(Fields<'a>),
    /// Why there is none, and where to sign in.
    Words(&'a str, Option<&'a str>),
}

pub(super) fn body(
    (shown, askers): (&Shown, &[(&'static str, String)]),
    rule: &Rule,
    notice: &str,
    under: Under<'_>,
) -> String {
    let view = View::of(shown.action()).html(Where::Page);
    let (form, instead, sign_in) = match under {
        Under::Form(fields) => (Some(fields), "", None),
        Under::Words(words, path) => (None, words, path),
    };
    let yes = keyward_approval::gate::Decision::Approve;
    let approvals = shown.votes().iter().filter(|vote| vote.decision() == yes);
    let body = Body {
        notice,
        asked: time(shown.asked()),
        view: &view,
        askers,
        rule: rule.name().as_str(),
        approvals: approvals.count(),
        quorum: rule.quorum(),
        scope: scope(shown),
        until: time(shown.action().decide_by()),
        form,
        instead,
        sign_in,
    };
    body.render().unwrap_or_default()
}

fn scope(shown: &Shown) -> String {
    match shown.scope() {
        Scope::Once => "once".to_owned(),
        Scope::Class {
            fixed,
            until,
            count,
        } => {
            let until = time(until);
            let fixed = match fixed {
                [] => "with whatever arguments".to_owned(),
                some => format!("with the same {}, whatever the others are", some.join(", ")),
            };
            format!(
                "once, and up to {count} times more before {until}: the same steps to the same \
                 targets, {fixed}"
            )
        }
    }
}
