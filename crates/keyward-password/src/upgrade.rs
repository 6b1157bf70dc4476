//! Hashes that are weaker than the policy's are made anew when their password is typed.
//!
//! Nobody notices: the log-in stands whatever comes of it.

use std::fmt;
use std::sync::Arc;

use keyward_base::audit::{Discard, Event, Outcome};
use keyward_base::{Error, ErrorKind, Reason, RecordId, Result, Trail};

use crate::checking::Planned;
use crate::context::Context;
use crate::credential::{Credential, CredentialVersion, Credentials, Loaded, Status, Swapped};
use crate::password::Password;
use crate::passwords::{Checked, Passwords, Row};
use crate::reason;
use crate::remake::Remade;
use crate::verified::Account;

/// What became of the stored hash of a password that was right.
#[derive(Debug)]
#[non_exhaustive]
pub enum Upgrade {
    /// It was written anew.
    Done(CredentialVersion),
    /// It could not be made or written anew now: the store is down, say. The next log-in tries again.
    Failed(Error),
    /// It is weaker, or made another way, and stays: the policy's scheme cannot take this password
    /// ([`BCRYPT_INPUT`](reason::BCRYPT_INPUT)), the hash is of a part of what was typed
    /// ([`PARTLY_HASHED`](reason::PARTLY_HASHED)), it is stronger than the policy's
    /// ([`STRONGER`](reason::STRONGER)), or both hashes together need more memory than the budget
    /// ([`ABOVE_BUDGET`](reason::ABOVE_BUDGET)).
    Left(Reason),
    /// Somebody else changed the row meanwhile: theirs stands.
    Lost,
    /// It is as strong as the policy's, or the password was not right.
    NotNeeded,
}

/// A password that was checked against a row, and what became of the row.
#[derive(Debug)]
#[must_use = "a password that was checked and not looked at lets everybody in"]
#[allow(clippy::exhaustive_structs)] // It has just these.
pub struct Upgraded {
    /// Whether it is the password.
    pub checked: Checked,
    /// What became of the stored hash.
    pub upgrade: Upgrade,
}

/// Checks passwords against rows and brings weaker hashes up to the policy. Clones are cheap.
#[derive(Clone)]
pub struct Upgrades {
    passwords: Passwords,
    credentials: Arc<dyn Credentials>,
    context: Arc<Context>,
    trail: Trail,
}

impl Upgrades {
    /// Of the rows in `credentials`.
    #[must_use]
    pub fn new(passwords: &Passwords, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            passwords: passwords.clone(),
            credentials,
            context: Arc::default(),
            trail: Trail::new(Arc::new(Discard::new())),
        }
    }

    /// What a scheme keeps outside of its strings for all accounts, such as a pepper of theirs. What
    /// an account has of its own goes before it.
    ///
    /// Argon2's secret is for rows with a label (`argon2`), or with a `keyid=` in their strings: a hash
    /// of ours looks the same, and has none.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = Arc::new(context);
        self
    }

    /// Where events go: `password.upgrade`, as well as can be. Default: nowhere.
    #[must_use]
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// Checks the password that was typed. If it is right and the stored hash is weaker than the
    /// policy's ([`Policy::is_weaker`](crate::Policy::is_weaker)), it is hashed anew in the same turn,
    /// and written by compare-and-swap, with the revision kept. Nothing of that fails the check. Only
    /// a row that is not written a moment before by a rotation, say, is read and tried once more.
    ///
    /// # Errors
    /// As [`Passwords::verify`].
    pub async fn check(
        &self,
        account: &Account,
        loaded: &Loaded,
        password: Password,
    ) -> Result<Upgraded> {
        let check = match self.plan(account, loaded, password)? {
            Planned::Check(check) => check,
            Planned::Not(checked) => {
                return Ok(Upgraded {
                    checked,
                    upgrade: Upgrade::NotNeeded,
                });
            }
        };
        let (tenant, need) = (&account.tenant, check.need());
        let answer = self
            .passwords
            .pool()
            .run(tenant, need, move |arena| check.run(arena));
        let (checked, remade) = answer.await?;
        let upgrade = self.finish(account, loaded, remade).await;
        Ok(Upgraded { checked, upgrade })
    }

    /// What the row and the password come to before anything waits.
    ///
    /// # Errors
    /// `Unavailable` if the clock cannot be relied on.
    pub(crate) fn plan(
        &self,
        account: &Account,
        loaded: &Loaded,
        password: Password,
    ) -> Result<Planned> {
        let credential = &loaded.credential;
        let refused = |why| Ok(Planned::Not(self.passwords.refused(why)));
        let Some(stored) = credential.stored() else {
            return refused(reason::NO_PASSWORD);
        };
        match credential.is() {
            Status::Active => {}
            Status::Changing => return refused(reason::CHANGING),
            Status::Disabled => return refused(reason::DISABLED),
        }
        // Read at once: no key of a context waits for the hash.
        let context = self.context.for_row(credential);
        let mut row = Row::new(stored).context(&context).read_at(loaded.read_at);
        row = row.factor_due(credential.is_factor_due());
        if let Some(label) = credential.labelled() {
            row = row.label(label);
        }
        self.passwords.plan(account, &row, password, true)
    }

    /// Writes what was made anew, and tells of it.
    pub(crate) async fn finish(
        &self,
        account: &Account,
        loaded: &Loaded,
        remade: Remade,
    ) -> Upgrade {
        let upgrade = match remade {
            Remade::NotNeeded => Upgrade::NotNeeded,
            Remade::Left(why) => Upgrade::Left(why),
            Remade::Failed(e) => Upgrade::Failed(e),
            Remade::Made(encoded) => {
                let written = self.write(account, loaded, &encoded).await;
                written.unwrap_or_else(Upgrade::Failed)
            }
        };
        self.tell(account, &upgrade).await;
        upgrade
    }

    #[cfg(feature = "login")]
    pub(crate) const fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    #[cfg(feature = "login")]
    pub(crate) fn credentials(&self) -> &dyn Credentials {
        self.credentials.as_ref()
    }

    async fn write(&self, account: &Account, loaded: &Loaded, encoded: &str) -> Result<Upgrade> {
        let new = loaded.credential.with_encoded(encoded)?;
        let first = self.credentials.swap(account, loaded.version, &new).await?;
        if let Swapped::Done(version) = first {
            return Ok(Upgrade::Done(version));
        }
        // A row that was only sealed anew says the same as before.
        let Some(now) = self.credentials.load(account).await? else {
            return Ok(Upgrade::Lost);
        };
        if !says_the_same(&now.credential, &loaded.credential) {
            return Ok(Upgrade::Lost);
        }
        Ok(
            match self.credentials.swap(account, now.version, &new).await? {
                Swapped::Done(version) => Upgrade::Done(version),
                Swapped::Changed => Upgrade::Lost,
            },
        )
    }

    /// As well as can be: a log-in does not fail by it.
    async fn tell(&self, account: &Account, upgrade: &Upgrade) {
        self.passwords.meter().upgrade(upgrade);
        let outcome = match upgrade {
            Upgrade::Done(_) => Outcome::Done,
            Upgrade::Failed(e) => Outcome::Failed(e.kind(), e.reason()),
            Upgrade::Lost => Outcome::Failed(ErrorKind::Rejected, Some(Reason::CONFLICT)),
            Upgrade::Left(_) | Upgrade::NotNeeded => return,
        };
        let Ok(now) = self.passwords.clock().now() else {
            return;
        };
        let mut event = Event::new(now, "password.upgrade", outcome);
        event.tenant = Some(account.tenant.clone());
        event.record = RecordId::new(account.subject.as_str()).ok();
        self.trail.note(event).await;
    }
}

fn says_the_same(one: &Credential, other: &Credential) -> bool {
    one.revision() == other.revision()
        && one.is() == other.is()
        && one.is_factor_due() == other.is_factor_due()
        && one.stored() == other.stored()
        && one.labelled() == other.labelled()
}

impl fmt::Debug for Upgrades {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrades")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
