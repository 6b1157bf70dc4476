//! A device that logged in before: a token by which it has a bucket of its own at the throttle.
//!
//! It stands in for nothing. With it a stranger who hammers at the account does not lock its owner out;
//! the password is asked all the same, and its own failures are counted. Nothing is stored of it: a
//! change of the password, the e-mail address or a factor voids it, since it is bound to the revision
//! of the credential. `docs/formats/device.md` has the bytes.

use std::fmt;
use std::time::Duration;

use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::{Domain, Error, KeyId, Reason, Result, Revision, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{Keyring, MacHandle, MacVerifier};
use secrecy::SecretString;

use crate::identifier::{Identifier, login_purpose};
use crate::verified::{Account, Realm};

/// The name of its cookie, without the prefix that the cookie's writer puts before it.
pub const COOKIE: &str = "device";

/// How long it is good: 400 days, the longest that browsers keep a cookie (RFC 6265bis, 5.5).
pub const LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The device's id, when it was issued in seconds, what binds it to the account, and the tag over all.
type Layout = ([u8; 16], u64, [u8; 32], [u8; 32]);

const KIND: TokenKind<Layout> = TokenKind::new("kwd_", 1);

/// The door, the tenant of the realm, the subject, the credential's revision, and the device.
type OfAccount<'a> = (&'a str, &'a Tenant, &'a Subject, Revision, &'a [u8; 16]);

const ACCOUNT: Domain<OfAccount<'_>> = Domain::new("keyward/v1/device-account");

/// The door, the tenant of the realm, the canonical identifier, the device, when it was issued, and
/// what binds it to the account.
type Whole<'a> = (
    &'a str,
    &'a Tenant,
    &'a str,
    &'a [u8; 16],
    u64,
    &'a [u8; 32],
);

const DEVICE: Domain<Whole<'_>> = Domain::new("keyward/v1/device");

/// What a device is given to show at the next log-in. `Debug` does not show it.
pub struct DeviceToken {
    text: SecretString,
    max_age: Duration,
}

impl DeviceToken {
    /// The text, for a cookie of its own ([`COOKIE`]): `kwd_` and 130 characters of base64url.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.text
    }

    /// How long it is good, and its cookie to be kept.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(..)")
    }
}

/// A token that is one of ours for what was typed. Whether it is the account's, too, is known when the
/// account's row was read.
pub(crate) struct Shown {
    pub(crate) id: [u8; 16],
    of_account: [u8; 32],
    key: MacVerifier,
}

/// The key that a token names; none: it is no token.
pub(crate) fn key_of(text: &str) -> Option<KeyId> {
    let mut buffer = TokenBuffer::new();
    KIND.decode(text, &mut buffer).ok().map(|token| token.key)
}

impl Shown {
    /// Judges a token under the key that it names. Reads nothing.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`], [`Reason::TOO_LONG`], [`Reason::NOT_AUTHENTIC`] for another
    /// identifier, realm or key, [`Reason::EXPIRED`] after 400 days or before it was issued.
    pub(crate) fn read(
        text: &str,
        key: MacVerifier,
        realm: &Realm,
        identifier: &Identifier,
        now: Timestamp,
    ) -> Result<Self> {
        let mut buffer = TokenBuffer::new();
        let token = KIND.decode(text, &mut buffer)?;
        if token.key != key.id() {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        let (id, issued, of_account, tag) = token.payload;
        let (door, tenant) = (realm.door.as_str(), &realm.tenant);
        let whole = (door, tenant, identifier.as_str(), id, issued, of_account);
        key.verify(DEVICE, &whole, tag)?;
        let issued = Timestamp::from_millis(issued.saturating_mul(1_000));
        if now < issued || issued.saturating_add(LIFE) <= now {
            return Err(Error::rejected(Reason::EXPIRED));
        }
        Ok(Self {
            id: *id,
            of_account: *of_account,
            key,
        })
    }

    /// Whether it was issued for this revision of this account.
    pub(crate) fn is_of(&self, account: &Account, revision: Revision) -> bool {
        let (door, tenant) = (account.door.as_str(), &account.tenant);
        let fields = (door, tenant, &account.subject, revision, &self.id);
        self.key.verify(ACCOUNT, &fields, &self.of_account).is_ok()
    }
}

/// Issues tokens under the ring's purpose `login`.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    keyring: Keyring,
}

impl Devices {
    pub(crate) const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// A token for a device that is the one of `id`, or a new one.
    ///
    /// # Errors
    /// As [`Keyring::mac`]; `Unavailable` if there is no randomness.
    pub(crate) fn issue(
        &self,
        account: &Account,
        identifier: &Identifier,
        revision: Revision,
        id: Option<[u8; 16]>,
    ) -> Result<DeviceToken> {
        let key = self.keyring.mac(&login_purpose()?)?;
        let id = match id {
            Some(id) => id,
            None => random(self.keyring.provider())?,
        };
        let issued = self.keyring.clock().now()?.as_millis() / 1_000;
        let text = text(&key, account, identifier, revision, &id, issued)?;
        let max_age = key.longest_life().map_or(LIFE, |longest| longest.min(LIFE));
        Ok(DeviceToken { text, max_age })
    }

    /// What a token shows, if it is one of ours for what was typed.
    ///
    /// # Errors
    /// `Unavailable` if the keyring cannot be relied on.
    pub(crate) async fn shown(
        &self,
        text: &str,
        realm: &Realm,
        identifier: &Identifier,
    ) -> Result<Option<Shown>> {
        let Some(id) = key_of(text) else {
            return Ok(None);
        };
        let now = self.keyring.clock().now()?;
        // A key that another process has just made is looked for; an id that was made up is not.
        let Ok(key) = self.keyring.find_mac(&login_purpose()?, id).await else {
            return Ok(None);
        };
        Ok(Shown::read(text, key, realm, identifier, now).ok())
    }
}

fn text(
    key: &MacHandle,
    account: &Account,
    identifier: &Identifier,
    revision: Revision,
    id: &[u8; 16],
    issued: u64,
) -> Result<SecretString> {
    let (door, tenant) = (account.door.as_str(), &account.tenant);
    let of_account = key.sign(ACCOUNT, &(door, tenant, &account.subject, revision, id));
    let whole = (door, tenant, identifier.as_str(), id, issued, &of_account);
    let tag = key.sign(DEVICE, &whole);
    KIND.encode(key.id(), (id, issued, &of_account, &tag))
}

fn random(provider: &Provider) -> Result<[u8; 16]> {
    let mut id = [0; 16];
    provider.fill(&mut id)?;
    Ok(id)
}

/// Reads a token, whatever vouches for it, and writes it again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread(text: &str) -> Result<SecretString> {
    let mut buffer = TokenBuffer::new();
    let token = KIND.decode(text, &mut buffer)?;
    KIND.encode(token.key, token.payload)
}
