//! The door: passwords are hashed and verified, each in its turn.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Clock, Error, Reason, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::slow::argon2::Arena;

use crate::checking::Planned;
use crate::context::Context;
use crate::ledger::{Counting, Ledger, Meter};
use crate::normal::Normal;
use crate::password::Password;
use crate::people::NewPassword;
use crate::policy::Policy;
use crate::pool::{Admission, Answer, Load, Pool};
use crate::reason;
use crate::remake::Remade;
use crate::scheme::Scheme;
use crate::stored::{NotRead, Stored, need_of_both};
use crate::verdict::Verdict;
use crate::verified::{Account, VerifiedPassword};
use crate::wrap::{Wrap, Wrapping};

/// Hashes and verifies passwords, within a budget of memory and of threads ([`Admission`]). Clones are
/// the same door.
#[derive(Clone)]
pub struct Passwords {
    policy: Policy,
    budget: u64,
    workers: usize,
    provider: Provider,
    clock: Arc<dyn Clock>,
    pool: Pool,
    counting: Arc<Counting>,
}

/// A stored string, and what is to be known of it. `Debug` shows none of it.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    text: &'a str,
    label: Option<&'a str>,
    context: Option<&'a Context>,
    reserve: u64,
    read_at: Option<Timestamp>,
    is_factor_due: bool,
}

impl<'a> Row<'a> {
    /// As it lies in the table.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self {
            text,
            label: None,
            context: None,
            reserve: 0,
            read_at: None,
            is_factor_due: false,
        }
    }

    /// What it is, by the text of a [`Scheme`], where the string does not say so.
    #[must_use]
    pub const fn label(mut self, label: &'a str) -> Self {
        self.label = Some(label);
        self
    }

    /// What its scheme keeps elsewhere.
    #[must_use]
    pub const fn context(mut self, context: &'a Context) -> Self {
        self.context = Some(context);
        self
    }

    /// Takes at least so many bytes of the budget: the most that any row of the realm takes, so that
    /// who has to wait does not tell what a row holds.
    #[must_use]
    pub const fn reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// When the reading of the row began, by the store's time. Without it, the evidence is as old as
    /// the call to [`Passwords::verify`].
    #[must_use]
    pub const fn read_at(mut self, moment: Timestamp) -> Self {
        self.read_at = Some(moment);
        self
    }

    /// Whether the account asks for a second factor after the password: the evidence says so then.
    #[must_use]
    pub const fn factor_due(mut self, is_due: bool) -> Self {
        self.is_factor_due = is_due;
        self
    }
}

impl Row<'_> {
    pub(crate) const fn text(&self) -> &str {
        self.text
    }

    pub(crate) const fn label_text(&self) -> Option<&str> {
        self.label
    }

    pub(crate) const fn reserved(&self) -> u64 {
        self.reserve
    }

    pub(crate) const fn was_read_at(&self) -> Option<Timestamp> {
        self.read_at
    }

    pub(crate) const fn is_factor_due(&self) -> bool {
        self.is_factor_due
    }

    pub(crate) fn context_or<'b>(&'b self, none: &'b Context) -> &'b Context {
        self.context.unwrap_or(none)
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row(label {:?}, {} bytes)", self.label, self.text.len())
    }
}

/// What came of checking a password. Whoever logs in is told the same of all but the first.
#[derive(Debug)]
#[must_use = "a password that was checked and not looked at lets everybody in"]
#[non_exhaustive]
pub enum Checked {
    /// It is the password.
    Match {
        /// For what needs the proof.
        verified: VerifiedPassword,
        /// Whether the stored hash is weaker than the policy's, or made another way.
        needs_upgrade: bool,
    },
    /// It is not.
    Mismatch,
    /// The string is of no known scheme, or not whole: nothing was computed.
    Unsupported(Reason),
    /// The string asks for more than the policy or the budget allows, holds the password itself, says
    /// that nobody may log in, or may be read in two ways: nothing was computed.
    Refused(Reason),
}

impl Checked {
    /// The same without what belongs to it.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Match { .. } => Verdict::Match,
            Self::Mismatch => Verdict::Mismatch,
            Self::Refused(_) => Verdict::Refused,
            Self::Unsupported(_) => Verdict::Unsupported,
        }
    }
}

impl Passwords {
    /// Starts the threads that hash.
    ///
    /// # Errors
    /// `Misuse` if one hash of the policy needs more memory than the budget. `Unavailable` if the
    /// system gives no thread.
    pub fn new(policy: Policy, admission: Admission, clock: Arc<dyn Clock>) -> Result<Self> {
        if policy.new_hash().memory_bytes() > admission.budget_bytes() {
            return Err(Error::misuse(
                "a hash of this policy needs more memory than the budget: raise the budget",
            ));
        }
        Ok(Self {
            policy,
            budget: admission.budget_bytes(),
            workers: admission.workers_count(),
            provider: Provider::default(),
            pool: Pool::new(admission, Arc::clone(&clock))?,
            clock,
            counting: Arc::default(),
        })
    }

    /// Takes salts from this provider.
    #[must_use]
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// How passwords are hashed.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The threads, for other slow work on the same budget.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Hashes a password that was judged ([`Passwords::judge`]). The answer is the string to store: a
    /// PHC string, or `$2b$` for bcrypt, of at most 150 bytes.
    ///
    /// # Errors
    /// - `Rejected` ([`BCRYPT_INPUT`](reason::BCRYPT_INPUT)) for more than 72 bytes or a NUL, where
    ///   the policy writes bcrypt.
    /// - `Unavailable` if there is no randomness or no memory, and as [`Pool::run`].
    pub fn hash(&self, tenant: &Tenant, password: NewPassword) -> Answer<String> {
        self.hash_any(tenant, password.into_password())
    }

    pub(crate) fn hash_any(&self, tenant: &Tenant, password: Password) -> Answer<String> {
        let new = self.policy.new_hash();
        let normal = self.policy.new_normal();
        let ready = || {
            let password = normal.apply(password)?;
            new.takes(&password)?;
            Ok((password, new.salted(&self.provider)?))
        };
        let (password, making) = match ready() {
            Ok(ready) => ready,
            Err(e) => return Answer::ready(Err(e)),
        };
        let counting = Arc::clone(&self.counting);
        self.pool.run(tenant, new.need(), move |arena| {
            counting.hash(new.scheme(), making.cost());
            let text = making.hash(&password, arena)?;
            Ok(normal.mark(text))
        })
    }

    /// Checks a password against a stored string. What the string asks is known and refused before
    /// anything waits or is hashed.
    ///
    /// # Errors
    /// `Unavailable` if there is no memory or the clock cannot be relied on, and as [`Pool::run`]:
    /// none of them is an answer about the password.
    pub fn verify(&self, account: &Account, row: &Row<'_>, password: Password) -> Answer<Checked> {
        self.verify_then(account, row, password, false, |checked, _| checked)
    }

    /// [`Passwords::verify`], and where the password is right, `remakes` is set and the stored hash is
    /// weaker than the policy's, a new hash of it in the same turn. `then` gets both.
    pub(crate) fn verify_then<T: Send + 'static>(
        &self,
        account: &Account,
        row: &Row<'_>,
        password: Password,
        remakes: bool,
        then: impl FnOnce(Checked, Remade) -> T + Send + 'static,
    ) -> Answer<T> {
        match self.plan(account, row, password, remakes) {
            Err(e) => Answer::ready(Err(e)),
            Ok(Planned::Not(checked)) => Answer::ready(Ok(then(checked, Remade::NotNeeded))),
            Ok(Planned::Check(check)) => {
                let need = check.need();
                let work = move |arena: &mut Arena| {
                    let (checked, remade) = check.run(arena)?;
                    Ok(then(checked, remade))
                };
                self.pool.run(&account.tenant, need, work)
            }
        }
    }

    /// Puts a hash of the policy around a weak one, without the password: the answer is the string to
    /// store in its place, by compare-and-swap, or why it stays as it is. It costs one hash of the
    /// policy, and is done in the tenant's turn as all else. What it is good for and what not says
    /// `docs/passwords.md`.
    ///
    /// # Errors
    /// `Misuse` if the policy does not write Argon2id. `Unavailable` if there is no randomness or no
    /// memory, and as [`Pool::run`].
    pub fn wrap(&self, tenant: &Tenant, row: &Row<'_>) -> Answer<Wrap> {
        let new = self.policy.new_hash();
        if !new.is_argon2id() {
            let e = Error::misuse("wrapping takes a policy that writes Argon2id");
            return Answer::ready(Err(e));
        }
        let (normal, wrapping) = match self.wrapping(row) {
            Ok(ready) => ready,
            Err(why) => return Answer::ready(Ok(Wrap::Left(why))),
        };
        let making = match new.salted(&self.provider) {
            Ok(making) => making,
            Err(e) => return Answer::ready(Err(e)),
        };
        let need = new.need().at_least(row.reserve);
        let counting = Arc::clone(&self.counting);
        self.pool.run(tenant, need, move |arena| {
            counting.hash(new.scheme(), making.cost());
            let outer = making.hash_bytes(wrapping.message().expose(), arena)?;
            Ok(Wrap::Wrapped(normal.mark(wrapping.text(&outer))))
        })
    }

    /// Whether [`Passwords::wrap`] would wrap it. Nothing is hashed or counted.
    pub(crate) fn would_wrap(&self, row: &Row<'_>) -> bool {
        self.policy.new_hash().is_argon2id() && self.to_wrap(row).is_ok()
    }

    pub(crate) const fn workers(&self) -> usize {
        self.workers
    }

    /// What is to be wrapped, or why it is not.
    fn wrapping(&self, row: &Row<'_>) -> Result<(Normal, Wrapping), Reason> {
        self.to_wrap(row).map_err(|left| match left {
            Left::NotRead(not_read) => {
                let _ = self.not_checked(not_read.verdict(), not_read.reason());
                not_read.reason()
            }
            Left::Stays(why) => why,
        })
    }

    fn to_wrap(&self, row: &Row<'_>) -> Result<(Normal, Wrapping), Left> {
        let (normal, text) = Normal::split(row.text);
        let none = Context::default();
        let context = row.context.unwrap_or(&none);
        let stored = Stored::read(row.label, text, context, &self.policy).map_err(Left::NotRead)?;
        if stored.is_wrapped() {
            return Err(Left::Stays(reason::ALREADY_WRAPPED));
        }
        if !self.policy.is_weaker(&stored) {
            return Err(Left::Stays(reason::ALREADY_STRONG));
        }
        let label = row.label.and_then(Scheme::from_label);
        let wrapping = Wrapping::of(label, text, context, (stored.scheme(), stored.recipe()))
            .map_err(Left::Stays)?;
        // What is written is verified within the same ceilings and the same budget.
        let outer = self.policy.new_hash().cost();
        let memory = need_of_both(stored.cost(), outer).budget_bytes();
        let ceilings = self.policy.ceilings_of();
        if !ceilings.allow_both(stored.cost(), outer, memory, 0) {
            return Err(Left::Stays(reason::CEILING));
        }
        if memory.max(row.reserve) > self.budget {
            return Err(Left::Stays(reason::ABOVE_BUDGET));
        }
        Ok((normal, wrapping))
    }

    /// Counts into the ledger what is done beside hashing.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.counting))
    }

    /// The clock it was given.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) const fn budget(&self) -> u64 {
        self.budget
    }

    pub(crate) fn counting(&self) -> Arc<Counting> {
        Arc::clone(&self.counting)
    }

    pub(crate) const fn salts(&self) -> &Provider {
        &self.provider
    }

    /// What an account's row refuses before its string is looked at.
    pub(crate) fn refused(&self, why: Reason) -> Checked {
        self.not_checked(Verdict::Refused, why)
    }

    pub(crate) fn not_checked(&self, verdict: Verdict, why: Reason) -> Checked {
        if verdict == Verdict::Refused {
            self.counting.refused();
            return Checked::Refused(why);
        }
        self.counting.unsupported();
        Checked::Unsupported(why)
    }

    /// What work was done since the start.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut ledger = self.counting.read();
        ledger.busy = self.load().turned_away;
        ledger
    }

    /// What is done now.
    #[must_use]
    pub fn load(&self) -> Load {
        self.pool.load()
    }

    /// [`Pool::shut_down`].
    pub fn shut_down(&self) {
        self.pool.shut_down();
    }
}

/// Why a row is not wrapped.
enum Left {
    NotRead(NotRead),
    Stays(Reason),
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({:?}, {:?})", self.policy, self.pool)
    }
}
