//! What a person types to be found: an e-mail address, in the one form that it is looked up in.
//!
//! Mail goes to that form as well, never to what was typed. So whoever types an address that comes to
//! the same form as another's causes mail to that other's mailbox, and gets none.

use std::fmt;

use keyward_base::encoding::base64url;
use keyward_base::{Domain, Error, KeyId, Purpose, Reason, Result, Tenant};
use keyward_keys::{Finder, Keyring};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::verified::Realm;

/// Bytes of an address (RFC 5321, 4.5.3.1.3: a path has 256, of which two are its brackets).
const MAX_LEN: usize = 254;
/// Bytes before the `@` (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Bytes of a label of the domain (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// The door, the tenant of the realm, and the canonical form.
const IDENTIFIER: Domain<(&str, &Tenant, &str)> = Domain::new("keyward/v1/identifier");

/// An e-mail address in its canonical form. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identifier(Box<str>);

impl Identifier {
    /// Reads an address as a form gives it; blanks around it are taken off.
    ///
    /// The canonical form has the letters `A` to `Z` in lower case on both sides of the `@`, and what
    /// is not ASCII before it in Unicode's NFC (UAX 15). Other letters keep their case: folding them
    /// makes one address of two. A domain is ASCII: one of other letters is written as its A-labels
    /// (`xn--…`, RFC 5890). Neither `+tag` nor dots are taken out: which of them a mailbox ignores is
    /// its host's to know.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`] above 254 bytes, or 64 before the `@` (RFC 5321, 4.5.3.1);
    /// [`Reason::MALFORMED`] for anything but a dot-string (RFC 5322, 3.2.3, and letters, digits and
    /// marks beyond ASCII), one `@` and a domain of two labels or more. Quoted names, comments and
    /// addresses in brackets are not taken.
    pub fn email(typed: &str) -> Result<Self> {
        let typed = typed.trim_matches([' ', '\t', '\r', '\n']);
        // NFC may make less of it: what is longer than this was never an address.
        if typed.len() > MAX_LEN.saturating_mul(4) {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let mut text: String = typed.nfc().collect();
        text.make_ascii_lowercase();
        // A mark that joins no capital may join the small letter (U+1E96): the form is its own form.
        let text: String = text.nfc().collect();
        if text.len() > MAX_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let malformed = || Error::rejected(Reason::MALFORMED);
        let (local, domain) = text.split_once('@').ok_or_else(malformed)?;
        if local.len() > MAX_LOCAL {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        if !is_local(local) || !is_domain(domain) {
            return Err(malformed());
        }
        Ok(Self(text.into()))
    }

    /// The canonical form: what mail is sent to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifier(..)")
    }
}

/// Atoms with single dots between them.
fn is_local(local: &str) -> bool {
    let allowed = |c: char| match c {
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => c.is_alphanumeric() || is_combining_mark(c),
    };
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

/// Labels of letters, digits and inner hyphens (RFC 1123, 2.1); the last is not all digits, which an
/// address of the network would be.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit_once('.').map(|(_, last)| last);
    domain.split('.').all(label)
        && last.is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}

/// The keyed hash of an identifier in a realm: 32 bytes, by which accounts are found and tries and
/// mails are counted, whether there is such an account or not. Without the ring's key nobody tells of
/// which address it is, nor of which realm.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentifierHash {
    pub(crate) bytes: [u8; 32],
    pub(crate) key: KeyId,
}

impl IdentifierHash {
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The ring key that it was made with.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// As a record's id, or a part of one: 43 characters of base64url.
    #[must_use]
    pub fn text(&self) -> String {
        base64url(&self.bytes)
    }
}

impl fmt::Debug for IdentifierHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentifierHash(..)")
    }
}

/// Hashes identifiers under the keys of the ring's purpose `login`. A cheap clone.
#[derive(Clone, Debug)]
pub struct IdentifierHasher {
    keyring: Keyring,
}

impl IdentifierHasher {
    /// Under the keys of that ring, which has a purpose `login` that MACs.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// The hash under the key that is in use. It is another one after a rotation: who keeps something
    /// by it asks for [`IdentifierHasher::all`].
    ///
    /// # Errors
    /// As [`Keyring::mac`].
    pub fn hash(&self, realm: &Realm, identifier: &Identifier) -> Result<IdentifierHash> {
        let all = self.all(realm, identifier)?;
        all.into_iter()
            .next()
            .ok_or_else(|| Error::unavailable("the keyring names no key of purpose login"))
    }

    /// The hashes under every key by which something may be kept: the one in use first. One, and more
    /// while keys are rotated: what was kept under one that retired is found so.
    ///
    /// # Errors
    /// As [`Keyring::finders`].
    pub fn all(&self, realm: &Realm, identifier: &Identifier) -> Result<Vec<IdentifierHash>> {
        let finders = self.keyring.finders(&login_purpose()?)?;
        Ok(finders
            .iter()
            .map(|finder| under(finder, realm, identifier))
            .collect())
    }
}

/// The purpose of the ring's keys by which people are found.
pub(crate) fn login_purpose() -> Result<Purpose> {
    Purpose::new("login")
}

fn under(finder: &Finder, realm: &Realm, identifier: &Identifier) -> IdentifierHash {
    let fields = (realm.door.as_str(), &realm.tenant, identifier.as_str());
    IdentifierHash {
        bytes: finder.name(IDENTIFIER, &fields),
        key: finder.id(),
    }
}
