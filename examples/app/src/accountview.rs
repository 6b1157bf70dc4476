//! What the pages of accounts show.

use askama::Template;

use crate::view::Page;

/// What is said of a link that is of no use.
#[derive(Template)]
#[template(path = "void.html")]
pub(crate) struct Void {
    pub(crate) page: Page,
}

#[derive(Template)]
#[template(path = "signup.html")]
pub(crate) struct SignUp {
    pub(crate) page: Page,
    pub(crate) problem: Option<&'static str>,
}

/// What is said after mail was asked for.
#[derive(Template)]
#[template(path = "sent.html")]
pub(crate) struct Sent {
    pub(crate) page: Page,
    /// Whether mail goes to the outbox of this machine.
    pub(crate) outbox: bool,
}

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LogInForm {
    pub(crate) page: Page,
    pub(crate) title: &'static str,
    pub(crate) action: &'static str,
    /// Whether it may be asked to stay logged in, and to sign up.
    pub(crate) remembers: bool,
    pub(crate) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "forgot.html")]
pub(crate) struct Forgot {
    pub(crate) page: Page,
    pub(crate) action: &'static str,
    pub(crate) back: &'static str,
    /// Whether a link may be asked for that logs in alone.
    pub(crate) enters: bool,
    pub(crate) problem: Option<&'static str>,
}

/// The page of a mailed link. Its form uses it; looking at it does not.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct LinkPage {
    pub(crate) page: Page,
    pub(crate) title: &'static str,
    pub(crate) said: &'static str,
    /// Whose account it is of.
    pub(crate) account: Option<String>,
    pub(crate) action: &'static str,
    pub(crate) token: String,
    pub(crate) asks_email: bool,
    pub(crate) asks_password: bool,
    pub(crate) button: &'static str,
    pub(crate) problem: Option<String>,
}

/// A device, as listed.
#[derive(Debug)]
pub(crate) struct DeviceRow {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) name: String,
    pub(crate) client: String,
    pub(crate) own: bool,
    pub(crate) kind: &'static str,
    pub(crate) methods: String,
    pub(crate) staff: bool,
    pub(crate) reason: String,
    pub(crate) created: String,
    pub(crate) seen: String,
}

#[derive(Template)]
#[template(path = "devices.html")]
pub(crate) struct Devices {
    pub(crate) page: Page,
    /// Its own path.
    pub(crate) path: &'static str,
    pub(crate) devices: Vec<DeviceRow>,
}

#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    pub(crate) page: Page,
    /// Before `/password`, `/email` and `/again`.
    pub(crate) path: &'static str,
    pub(crate) email: String,
    pub(crate) organisation: String,
    pub(crate) tenant: String,
    pub(crate) subject: String,
    pub(crate) role: &'static str,
    /// When it was shown who he is.
    pub(crate) authenticated: String,
    pub(crate) problem: Option<String>,
}

/// Somebody of the organisation.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) subject: String,
    pub(crate) is_owner: bool,
    pub(crate) email: String,
    pub(crate) role: &'static str,
    pub(crate) since: String,
}

#[derive(Template)]
#[template(path = "members.html")]
pub(crate) struct Members {
    pub(crate) page: Page,
    pub(crate) organisation: String,
    pub(crate) members: Vec<Member>,
    /// Whether he who looks may invite.
    pub(crate) owner: bool,
    pub(crate) problem: Option<String>,
}
