//! What an account's row says of its password, whoever keeps the row.

use std::fmt;
use std::sync::Arc;

use keyward_base::{BoxFuture, Error, Result, Revision, SecretBytes, Timestamp};

use crate::context::Context;
use crate::stored::MAX_LEN;
use crate::verified::{Account, Realm};

/// Where the rows of accounts lie. An application with a table of its own implements it;
/// `CredentialRows` (feature `records`) keeps them in a record store.
pub trait Credentials: fmt::Debug + Send + Sync {
    /// Whether rows of this realm can be read at all now, as their key and their store are concerned:
    /// asked at every log-in before anybody is looked up, so that an outage is the same for all. Where
    /// nothing but the table itself can be down, there is nothing to ask: [`Credentials::load`] is
    /// called for somebody whether or not there is such an account.
    ///
    /// # Errors
    /// `Unavailable` if they cannot.
    fn ready<'a>(&'a self, realm: &'a Realm) -> BoxFuture<'a, Result<()>>;

    /// Reads an account's row; none: there is no such account. It reads as much in both cases.
    ///
    /// # Errors
    /// `Unavailable` if no account's row could be read now; `Corrupt` if this one is not what was
    /// written. Who logs in is told the same of a row that is corrupt, missing or of another password,
    /// and of one that a newer release wrote: `Unavailable` for
    /// [`NEWER`](crate::reason::NEWER).
    fn load<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Loaded>>>;

    /// Puts `credential` in place of the row that was loaded at `version`, in one atomic step. It
    /// never makes a row anew that is gone.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached: it may or may not be written then.
    fn swap<'a>(
        &'a self,
        account: &'a Account,
        version: CredentialVersion,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Swapped>>;
}

/// What a store tells two states of one row apart by. Never used twice for a row, not even for one
/// that was removed and came again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialVersion(u64);

impl CredentialVersion {
    /// The version of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What came of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a swap that met a change wrote nothing"]
#[allow(clippy::exhaustive_enums)] // There is no third.
pub enum Swapped {
    /// Somebody else wrote, removed or made the row meanwhile: nothing was written.
    Changed,
    /// It was written, durably.
    Done(CredentialVersion),
}

/// A row as it was read.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // Whoever keeps rows makes it.
pub struct Loaded {
    /// What it says.
    pub credential: Credential,
    /// Which state of the row it is.
    pub version: CredentialVersion,
    /// A moment before the row was read, by the store's clock where it has one: how old evidence is
    /// that rests on it.
    pub read_at: Timestamp,
}

/// Whether an account's password lets anybody in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// A change of the password was prepared: the old one is gone, the new one lets nobody in until
    /// the change is committed.
    Changing,
    /// The account was disabled.
    Disabled,
}

/// What an account's row says of its password. `Debug` shows neither hash nor context.
pub struct Credential {
    encoded: Option<SecretBytes>,
    label: Option<Box<str>>,
    context: Arc<Context>,
    status: Status,
    factor_due: bool,
    revision: Revision,
    changed: Timestamp,
}

impl Credential {
    /// An account without a password, in its first revision, as of `now`.
    #[must_use]
    pub fn without_password(now: Timestamp) -> Self {
        Self {
            encoded: None,
            label: None,
            context: Arc::default(),
            status: Status::Active,
            factor_due: false,
            revision: Revision::FIRST,
            changed: now,
        }
    }

    /// An account whose stored string is `encoded`, in its first revision, as of `now`.
    ///
    /// # Errors
    /// As [`Credential::encoded`].
    pub fn new(encoded: &str, now: Timestamp) -> Result<Self> {
        Self::without_password(now).encoded(encoded)
    }

    /// With this stored string, which says itself what it is, as those of
    /// [`Passwords::hash`](crate::Passwords::hash) do. Label and context of the one before are gone.
    ///
    /// # Errors
    /// `Misuse` for none, or more than 8,192 bytes.
    pub fn encoded(mut self, encoded: &str) -> Result<Self> {
        if encoded.is_empty() || encoded.len() > MAX_LEN {
            return Err(Error::misuse("a stored string has 1 to 8192 bytes"));
        }
        self.encoded = Some(SecretBytes::copy_of(encoded.as_bytes()));
        self.label = None;
        self.context = Arc::default();
        Ok(self)
    }

    /// What the stored string is, by the text of a [`Scheme`](crate::Scheme), where it does not say so.
    ///
    /// # Errors
    /// `Misuse` above 64 bytes.
    pub fn label(mut self, label: Option<&str>) -> Result<Self> {
        if label.is_some_and(|label| label.len() > 64) {
            return Err(Error::misuse("a label has at most 64 bytes"));
        }
        self.label = label.filter(|label| !label.is_empty()).map(Box::from);
        Ok(self)
    }

    /// What the scheme keeps outside of the string for this account alone, such as its salt. What is
    /// one for all, such as a pepper of theirs, is given to [`Upgrades`](crate::Upgrades::context).
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = Arc::new(context);
        self
    }

    /// Whether its password lets anybody in.
    #[must_use]
    pub const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Whether a second factor is due after the password.
    #[must_use]
    pub const fn factor_due(mut self, is_due: bool) -> Self {
        self.factor_due = is_due;
        self
    }

    /// For whoever reads a row: its revision, and when that began.
    #[must_use]
    pub const fn at_revision(mut self, revision: Revision, changed: Timestamp) -> Self {
        self.revision = revision;
        self.changed = changed;
        self
    }

    /// The next revision, as of `now`: with each change of password, e-mail address or factor, so that
    /// whatever was issued for the one before is void. Upgrades, wraps and rotations keep it.
    ///
    /// # Errors
    /// `Misuse` after the last.
    pub fn next_revision(mut self, now: Timestamp) -> Result<Self> {
        self.revision = self.revision.next()?;
        self.changed = now;
        Ok(self)
    }

    /// The stored string; none: the account has no password.
    #[must_use]
    pub fn stored(&self) -> Option<&str> {
        let bytes = self.encoded.as_ref()?.expose();
        std::str::from_utf8(bytes).ok()
    }

    /// What the stored string is, where it does not say so.
    #[must_use]
    pub fn labelled(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// What the scheme keeps of this account outside of the string.
    #[must_use]
    pub fn own_context(&self) -> &Context {
        &self.context
    }

    /// Whether its password lets anybody in.
    #[must_use]
    pub const fn is(&self) -> Status {
        self.status
    }

    /// Whether a second factor is due after the password.
    #[must_use]
    pub const fn is_factor_due(&self) -> bool {
        self.factor_due
    }

    /// How often password, e-mail address or factor were changed, from a random number on.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// When the revision began.
    #[must_use]
    pub const fn changed(&self) -> Timestamp {
        self.changed
    }

    /// The same with the string that wrapping made: it needs no label, and the same context.
    #[cfg(feature = "records")]
    pub(crate) fn wrapped(&self, text: &str) -> Result<Self> {
        let context = Arc::clone(&self.context);
        let mut wrapped = self.with_encoded(text)?;
        wrapped.context = context;
        Ok(wrapped)
    }

    /// The same with another string, which says itself what it is.
    pub(crate) fn with_encoded(&self, encoded: &str) -> Result<Self> {
        Self {
            encoded: None,
            label: None,
            context: Arc::default(),
            status: self.status,
            factor_due: self.factor_due,
            revision: self.revision,
            changed: self.changed,
        }
        .encoded(encoded)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("has_password", &self.encoded.is_some())
            .field("label", &self.label)
            .field("status", &self.status)
            .field("factor_due", &self.factor_due)
            .field("revision", &self.revision)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}
