//! What an approver is sent: a mail, or a line for a chat.

use std::fmt;

use askama::Template;
use keyward_base::Result;
use secrecy::{ExposeSecret as _, SecretString};

use super::Letter;
use crate::action::Action;
use crate::view::{View, Where};

/// Where the approver finds the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It is in the mail, elsewhere, or nowhere.
pub enum CodeIn {
    /// In the mail: who reads the mailbox has both.
    Mail,
    /// On the screen of who asks, who says it to the approver: who reads the mailbox has the link
    /// alone.
    AskersScreen,
    /// Nowhere: the gate was told of none ([`Gates::add_link`](crate::Gates::add_link)), and who decides
    /// signs in.
    Nowhere,
}

/// The code, as a letter speaks of it.
enum Told<'a> {
    Here(&'a str),
    OnTheAskersScreen,
    None,
}

/// A mail to one approver. Its subject is of words of the service's own; the two bodies say the same.
/// Send it as UTF-8 in an encoding that keeps line ends (quoted-printable or base64).
#[non_exhaustive]
pub struct Mail {
    /// One line of ASCII.
    pub subject: String,
    /// As plain text.
    pub text: SecretString,
    /// As HTML, with nothing that is loaded from anywhere and one link: this one.
    pub html: SecretString,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({:?}, ..)", self.subject)
    }
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    subject: &'a str,
    until: &'a str,
    url: &'a str,
    code: &'a Told<'a>,
    /// HTML, of [`View::html`].
    view: &'a str,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    until: &'a str,
    url: &'a str,
    code: &'a Told<'a>,
    view: &'a str,
}

impl Letter {
    /// The mail that brings it. `page` is the service's own page of approvals, as
    /// [`LinkToken::on`](super::LinkToken::on) takes it; `view` what the approver is shown of `action`.
    ///
    /// # Errors
    /// `Misuse` for a page that is none.
    pub fn mail(&self, action: &Action, view: &View, page: &str, code: CodeIn) -> Result<Mail> {
        let url = self.link().on(page)?;
        let url = url.expose_secret();
        let kind = action
            .steps()
            .first()
            .map_or("", |step| step.kind().as_str());
        let more = match action.steps().len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let subject = format!("Approval asked: {kind}{more}");
        let until = crate::view::time(self.expires());
        let code = &match code {
            CodeIn::Mail => Told::Here(self.code().expose()),
            CodeIn::AskersScreen => Told::OnTheAskersScreen,
            CodeIn::Nowhere => Told::None,
        };
        let (shown, shown_html) = (view.text(), view.html(Where::Mail));
        let html = Html {
            subject: &subject,
            until: &until,
            url,
            code,
            view: &shown_html,
        };
        let text = Text {
            until: &until,
            url,
            code,
            view: &shown,
        };
        // Writing to a text does not fail.
        let (text, html) = (
            text.render().unwrap_or_default(),
            html.render().unwrap_or_default(),
        );
        Ok(Mail {
            text: SecretString::from(text),
            html: SecretString::from(html),
            subject,
        })
    }

    /// A line for a chat: the link alone, since whoever is in the channel reads it, and the chat's own
    /// programs open it.
    ///
    /// # Errors
    /// `Misuse` for a page that is none.
    pub fn chat(&self, page: &str) -> Result<SecretString> {
        let url = self.link().on(page)?;
        let line = format!("An approval is asked of you: {}", url.expose_secret());
        Ok(SecretString::from(line))
    }
}
