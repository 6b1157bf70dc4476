//! Internal secrets: for what runs by the clock, and for services that speak to one another.
//!
//! Nobody issues them and nothing is stored: an operator makes one and gives it to both sides, as text
//! in the environment or in a file (`docs/formats/internal.md`). Two at once let one follow another:
//! give the new one beside the old, with the time at which the old one ends; have the callers take the
//! new one; then take the old one out.
//!
//! ```
//! use std::sync::Arc;
//! use keyward_base::{ManualClock, SecretBytes, Timestamp};
//! use keyward_crypto::Provider;
//! use keyward_session::InternalSecrets;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let text = SecretBytes::copy_of(
//!     b"cron-2:g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A\n\
//!       cron-1:QpYd0ZJ4mZVkSdgDNd_UkZPkkCqQ6vM8bTWqJxHZZXs:2026-02-01T00:00:00Z",
//! );
//! let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
//! let secrets = InternalSecrets::parse(&text, &Provider::default(), clock)?;
//!
//! let proof = secrets.check(b"g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A")?;
//! assert_eq!(proof.id().as_str(), "cron-2");
//! assert!(secrets.check(b"somebody who guesses").is_err());
//! # Ok(()) }
//! ```

mod text;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use keyward_base::{Clock, Error, Reason, RecordId, Result, SecretBytes, Timestamp};
use keyward_crypto::{Provider, Shown};
use keyward_files::{self as files, Subject};

/// The most secrets of one set. One follows another, so that two are the rule.
pub const MAX_SECRETS: usize = 8;

/// The most bytes of the text of a set.
pub const MAX_TEXT_LEN: usize = 8 * 1024;

/// The fewest characters of a secret: those of 32 bytes in base64url.
pub const MIN_SECRET_LEN: usize = 43;

/// The most characters of a secret.
pub const MAX_SECRET_LEN: usize = 256;

const SUBJECT: Subject = Subject {
    what: "the file of internal secrets",
    elsewhere: "keep it in a folder that only you may write, or give them in the environment",
};

/// The secrets by which internal routes are opened. A cheap clone.
#[derive(Clone)]
pub struct InternalSecrets(Arc<Inner>);

struct Inner {
    secrets: Vec<Secret>,
    clock: Arc<dyn Clock>,
}

/// One of them. The secret itself is not kept.
struct Secret {
    id: RecordId,
    until: Option<Timestamp>,
    shown: Shown,
}

impl InternalSecrets {
    /// Reads them from the environment variable `name`; none if it is not set, so that a service does
    /// not open the route at all. A variable that is set and empty is a mistake and no "not set".
    ///
    /// # Errors
    /// As [`InternalSecrets::parse`].
    pub fn from_env(
        name: &str,
        provider: &Provider,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>> {
        let Some(value) = std::env::var_os(name) else {
            return Ok(None);
        };
        let text = SecretBytes::new(value.into_encoded_bytes());
        Self::parse(&text, provider, clock).map(Some)
    }

    /// Reads them from the file at `path`.
    ///
    /// # Errors
    /// `Misuse` if it is missing, not a regular file, readable by anybody but its owner, of an owner
    /// other than this user and the superuser, or in a folder that others may write, and as
    /// [`InternalSecrets::parse`]; `Unavailable` if it cannot be read.
    pub fn open(path: &Path, provider: &Provider, clock: Arc<dyn Clock>) -> Result<Self> {
        let found = files::resolve(path, &SUBJECT)?;
        let file = files::open_own(&found, &SUBJECT, 0o077)?.ok_or_else(|| {
            Error::misuse(format!(
                "there is no file of internal secrets at {}: put it there",
                path.display()
            ))
        })?;
        if let Some(folder) = found.parent() {
            files::check_folder(folder, &SUBJECT)?;
        }
        Self::parse(&SecretBytes::read(file, MAX_TEXT_LEN)?, provider, clock)
    }

    /// Reads `id:secret`, or `id:secret:until`, one on a line or with commas between them; or a secret
    /// alone, whose id is `default`. `docs/formats/internal.md` specifies it.
    ///
    /// An id is 1 to 64 letters, digits, `-`, `.` and `_`. A secret is 43 to 256 characters of what a
    /// bearer token is made of: letters, digits, `-`, `.`, `_`, `~`, `+`, `/`, and `=` at the end (RFC
    /// 6750, section 2.1), which holds 32 random bytes as base64, base64url or hexadecimal. `until` is
    /// when it ends, exclusive: `2027-01-31T12:00:00Z`, or the day on which it counts no more,
    /// `2027-01-31` (UTC).
    ///
    /// # Errors
    /// `Misuse`, which repeats nothing of the text: for any other form; for a secret that is plainly not
    /// random; for none, more than 8, an id or a secret that stands twice, and more than 8 KiB.
    /// `Unavailable` without randomness.
    pub fn parse(text: &SecretBytes, provider: &Provider, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut secrets: Vec<Secret> = Vec::new();
        for entry in text::entries(text)? {
            let entry = entry?;
            if secrets.len() >= MAX_SECRETS {
                return Err(Error::misuse(
                    "there are at most 8 internal secrets: leave out those that ended",
                ));
            }
            if secrets.iter().any(|known| known.id == entry.id) {
                return Err(Error::misuse("the ids of internal secrets must differ"));
            }
            // Or the end of one would not be the end of the other.
            if secrets.iter().any(|known| known.shown.is(entry.secret)) {
                return Err(Error::misuse(
                    "an internal secret stands there twice: each entry has one of its own",
                ));
            }
            let secret = SecretBytes::copy_of(entry.secret);
            secrets.push(Secret {
                id: entry.id,
                until: entry.until,
                shown: Shown::new(provider, &secret)?,
            });
        }
        if secrets.is_empty() {
            return Err(Error::misuse(format!(
                "there is no internal secret in it: {}",
                text::HOW
            )));
        }
        Ok(Self(Arc::new(Inner { secrets, clock })))
    }

    /// Whether `shown` is one of them that has not ended. It is held against each of them, those that
    /// ended too, in time that depends on the length of `shown` and their number alone. Allocates
    /// nothing that depends on it.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::NOT_AUTHENTIC`] for anything else, [`Reason::EXPIRED`] for one that ended.
    /// `Unavailable` if the clock cannot be read.
    pub fn check(&self, shown: &[u8]) -> Result<Internal> {
        let now = self.0.clock.now()?;
        // Of what is longer than any of them, one byte more than they have is hashed: it is none of them,
        // and nobody buys time by length.
        let shown = shown.get(..=MAX_SECRET_LEN).unwrap_or(shown);
        let held = self.0.secrets.iter();
        let found = held.fold(None, |found, secret| {
            if secret.shown.is(shown) {
                Some(secret)
            } else {
                found
            }
        });
        let found = found.ok_or_else(|| Error::rejected(Reason::NOT_AUTHENTIC))?;
        if found.until.is_some_and(|until| now >= until) {
            return Err(Error::rejected(Reason::EXPIRED));
        }
        Ok(Internal {
            id: found.id.clone(),
            until: found.until,
        })
    }

    /// The ids of the secrets, each with when it ends.
    pub fn ids(&self) -> impl Iterator<Item = (&RecordId, Option<Timestamp>)> {
        self.0
            .secrets
            .iter()
            .map(|secret| (&secret.id, secret.until))
    }
}

impl fmt::Debug for InternalSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// That a caller has one of the [`InternalSecrets`]: the service's own cron, or another service of its
/// operator's. It says nothing of a person or a tenant.
#[derive(Debug)]
#[must_use]
pub struct Internal {
    id: RecordId,
    until: Option<Timestamp>,
}

impl Internal {
    /// Which of the secrets it has: for the event.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// When that secret ends: a caller that still has it a short while before is to be given the next.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }
}
