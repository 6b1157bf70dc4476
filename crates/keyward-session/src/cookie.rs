//! The cookies that carry sessions: written whole, read strictly.
//!
//! Sources: RFC 6265 (what servers write in section 4.1, what browsers send in 4.2 and 5.4), its
//! revision draft-ietf-httpbis-rfc6265bis (name prefixes, `SameSite`, the limit of 400 days), and
//! OWASP ASVS 5.0, chapter V3.3.
//!
//! Each kind of session has a cookie of its own, so that none passes for another:
//!
//! | cookie | name |
//! |---|---|
//! | [`Cookie::USER`] | `__Host-session` |
//! | [`Cookie::ADMIN`] | `__Host-admin` |
//! | [`Cookie::PENDING`] | `__Host-pending` |
//! | [`Cookie::STAFF`] | `__Host-staff` |
//!
//! Two more are of no session: by them a device is known at the log-in of people
//! ([`Cookie::DEVICE`], `__Host-device`) and at that of administrators ([`Cookie::ADMIN_DEVICE`],
//! `__Host-admin-device`).
//!
//! A browser takes a name that begins with `__Host-` over TLS only, for the host that set it alone
//! and for all of its paths, so that no sibling host and no listener on the network can put one in
//! its place. Hosts are told apart by name and not by port: two services at one name share these
//! cookies, and each sees tokens of the other, which it does not know.
//!
//! ```
//! use std::time::Duration;
//! use keyward_session::Cookie;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let day = Duration::from_secs(24 * 60 * 60);
//! assert_eq!(
//!     Cookie::USER.set("kws_AQ", Some(day))?,
//!     "__Host-session=kws_AQ; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=86400"
//! );
//! let sent = b"theme=dark; __Host-session=kws_AQ";
//! assert_eq!(Cookie::USER.read([&sent[..]])?, Some("kws_AQ"));
//! # Ok(()) }
//! ```

mod read;
mod write;

use std::time::Duration;

use keyward_base::token::MAX_TOKEN_LEN;

use crate::kind::Kind;

pub use read::read_named;

/// The most bytes of all `Cookie` lines of a request: 16 KiB, which is what Node takes of all
/// headers and twice what Apache takes of one. A browser may keep far more for a name, and a
/// sibling host can fill it up; such a request is refused before it is searched.
pub const MAX_COOKIES_LEN: usize = 16 * 1024;

/// The most bytes of the value: what a token may have ([`MAX_TOKEN_LEN`]).
pub const MAX_VALUE_LEN: usize = MAX_TOKEN_LEN;

/// The longest that a browser keeps a cookie: 400 days (rfc6265bis, section 5.5). More is cut to
/// that by the browser, and is not written here.
pub const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The cookie of one kind of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: &'static str,
    is_secure: bool,
}

impl Cookie {
    /// Of a person's session.
    pub const USER: Self = Self::secure("__Host-session");
    /// Of an administrator's session.
    pub const ADMIN: Self = Self::secure("__Host-admin");
    /// Of a session that waits for its second factor.
    pub const PENDING: Self = Self::secure("__Host-pending");
    /// Of staff who act for a person.
    pub const STAFF: Self = Self::secure("__Host-staff");

    /// That of a kind of session.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Admin => Self::ADMIN,
            Kind::Pending => Self::PENDING,
            Kind::Staff => Self::STAFF,
            Kind::User => Self::USER,
        }
    }

    /// By which a device that logged in before is known, where people log in.
    pub const DEVICE: Self = Self::secure("__Host-device");
    /// The same where administrators log in.
    pub const ADMIN_DEVICE: Self = Self::secure("__Host-admin-device");

    const fn secure(name: &'static str) -> Self {
        Self {
            name,
            is_secure: true,
        }
    }

    /// For [`crate::danger::loopback_cookie`].
    pub(crate) const fn on_loopback(self) -> Self {
        let name = match self.name.as_bytes() {
            b"__Host-session" => "loopback-session",
            b"__Host-admin" => "loopback-admin",
            b"__Host-pending" => "loopback-pending",
            b"__Host-staff" => "loopback-staff",
            b"__Host-device" => "loopback-device",
            b"__Host-admin-device" => "loopback-admin-device",
            _ => self.name,
        };
        Self {
            name,
            is_secure: false,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether it goes over TLS only.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        self.is_secure
    }
}

/// What a value is made of, which is what tokens are made of: base64url (RFC 4648, section 5). No
/// other character that RFC 6265 allows, and no quotes around it.
fn is_value(value: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=MAX_VALUE_LEN).contains(&value.len()) && value.iter().all(plain)
}
