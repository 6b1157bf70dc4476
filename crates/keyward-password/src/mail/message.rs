//! What people are told by mail.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use keyward_base::token::on_page;
use keyward_base::{Result, Tenant, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::policy::LinkKind;
use crate::identifier::Identifier;

/// A letter: what is to be mailed, and where to. The application words it, in his language.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct Letter {
    /// Where it goes: to this form, and never to what somebody typed.
    pub to: Identifier,
    /// What it says.
    pub message: Message,
}

/// What a letter says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message {
    /// Somebody asked to sign up with this address, or was to move another account to it, and there is
    /// an account of it: log in, or set the password anew by the link. A stranger who asks often uses up
    /// what may be mailed to the address, and keeps nobody out: each of these letters lets its owner in.
    AlreadyHere {
        /// A link of [`LinkKind::Reset`].
        link: Link,
        /// How long it is good for.
        life: Duration,
    },
    /// The account was disabled, and somebody asked for a link.
    Disabled,
    /// The e-mail address of the account was changed to another one. It goes to the old one.
    EmailChanged {
        /// When.
        at: Timestamp,
    },
    /// A second factor was set or taken away.
    FactorChanged {
        /// When.
        at: Timestamp,
        /// Whether one is asked for now.
        is_due: bool,
    },
    /// A link, to be used within `life`.
    Link {
        /// What it is for.
        kind: LinkKind,
        /// The link.
        link: Link,
        /// How long it is good for.
        life: Duration,
        /// Whose data it leads to; none where an account is yet to be made.
        organisation: Option<Tenant>,
    },
    /// Somebody logged in from a browser that had not before.
    NewDevice {
        /// When.
        at: Timestamp,
        /// What the browser calls itself, shortened: not to be relied on.
        client: String,
        /// From where, if the application says.
        from: Option<IpAddr>,
    },
    /// Somebody asked for a link with this address, and there is no account of it.
    NoAccount,
    /// The password was changed, and all sessions ended.
    PasswordChanged {
        /// When.
        at: Timestamp,
    },
}

/// The token of a link, wiped on drop and never printed.
pub struct Link(SecretString);

impl Link {
    pub(super) const fn new(token: SecretString) -> Self {
        Self(token)
    }

    /// The token. Named so that every place that looks at a secret can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The address of the page, whose query has the token: `page?token=…`. `page` is the service's
    /// own, from its settings, and never made of a request's `Host` (CWE-640).
    ///
    /// # Errors
    /// `Misuse` for a page that is not of `https://` or of `http://` on a loopback host, or has a query,
    /// a fragment, or an `@`, before which a browser looks for no host.
    pub fn on(&self, page: &str) -> Result<SecretString> {
        on_page(page, self.expose())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}
