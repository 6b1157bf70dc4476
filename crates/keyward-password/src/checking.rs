//! The check of one password: what is known of it before its turn, and what is done in it.

use std::sync::Arc;

use keyward_base::{Reason, Result, Timestamp};
use keyward_crypto::slow::argon2::Arena;

use crate::context::Context;
use crate::ledger::Counting;
use crate::normal::Normal;
use crate::password::Password;
use crate::passwords::{Checked, Passwords, Row};
use crate::pool::Need;
use crate::reason;
use crate::remake::{Remade, Remake};
use crate::stored::Stored;
use crate::verdict::Verdict;
use crate::verified::{Account, VerifiedPassword};

/// What a row and a password come to before anything waits.
pub(crate) enum Planned {
    /// Nothing is to be computed.
    Not(Checked),
    Check(Box<Checking>),
}

/// A check that was planned and waits for its turn.
pub(crate) struct Checking {
    stored: Stored,
    password: Password,
    remake: Option<Remake>,
    needs_upgrade: bool,
    need: Need,
    owner: Account,
    at: Timestamp,
    is_factor_due: bool,
    counting: Arc<Counting>,
}

impl Passwords {
    /// What the string asks is known, and refused, before anything waits or is hashed.
    ///
    /// # Errors
    /// `Unavailable` if the clock cannot be relied on.
    pub(crate) fn plan(
        &self,
        account: &Account,
        row: &Row<'_>,
        password: Password,
        remakes: bool,
    ) -> Result<Planned> {
        let now = self.clock().now()?;
        let policy = self.policy();
        let (normal, text) = Normal::split(row.text());
        let none = Context::default();
        let context = row.context_or(&none);
        let stored = match Stored::read(row.label_text(), text, context, policy) {
            Ok(stored) => stored,
            Err(not_read) => return Ok(self.not(not_read.verdict(), not_read.reason())),
        };
        let mut need = stored.need().at_least(row.reserved());
        if need.budget_bytes() > self.budget() {
            return Ok(self.not(Verdict::Refused, reason::ABOVE_BUDGET));
        }
        let is_narrow = normal != normal.wider(policy.new_normal());
        let needs_upgrade = policy.is_weaker(&stored) || is_narrow;
        let mut remake =
            (remakes && needs_upgrade).then(|| Remake::of(self, &stored, normal, &password));
        if let Some(Remake::Make(_)) = &remake {
            let both = stored.need().or(policy.new_hash().need());
            if both.budget_bytes() > self.budget() {
                remake = Some(Remake::Left(reason::ABOVE_BUDGET));
            } else {
                need = both.at_least(row.reserved());
            }
        }
        let Ok(password) = normal.apply(password) else {
            // No hash is of anything so long.
            return Ok(Planned::Not(Checked::Mismatch));
        };
        if !stored.allows(&password) {
            return Ok(self.not(Verdict::Refused, reason::CEILING));
        }
        Ok(Planned::Check(Box::new(Checking {
            stored,
            password,
            remake,
            needs_upgrade,
            need,
            owner: account.clone(),
            at: row.was_read_at().map_or(now, |read_at| read_at.min(now)),
            is_factor_due: row.is_factor_due(),
            counting: self.counting(),
        })))
    }

    fn not(&self, verdict: Verdict, why: Reason) -> Planned {
        Planned::Not(self.not_checked(verdict, why))
    }
}

impl Checking {
    /// What it takes of the budget.
    pub(crate) const fn need(&self) -> Need {
        self.need
    }

    /// Whether it computes just what a hash of the policy takes.
    #[cfg(feature = "login")]
    pub(crate) fn is_as(&self, new: crate::new_hash::NewHash) -> bool {
        let stored = &self.stored;
        !stored.is_wrapped() && (stored.scheme(), stored.cost()) == (new.scheme(), new.cost())
    }

    /// Hashes, and where the password is right and the stored hash is weaker than the policy's, makes
    /// a new one.
    ///
    /// # Errors
    /// `Unavailable` if there is no memory.
    pub(crate) fn run(self, arena: &mut Arena) -> Result<(Checked, Remade)> {
        let counting = self.counting;
        let began = |scheme, cost| counting.hash(scheme, cost);
        let checked = match self.stored.check_counting(&self.password, arena, began)? {
            Verdict::Match => Checked::Match {
                verified: VerifiedPassword::new(self.owner, self.at, self.is_factor_due),
                needs_upgrade: self.needs_upgrade,
            },
            Verdict::Mismatch => Checked::Mismatch,
            Verdict::Refused => Checked::Refused(reason::CEILING),
            Verdict::Unsupported => {
                counting.unsupported();
                Checked::Unsupported(Reason::MALFORMED)
            }
        };
        let remade = match self.remake {
            Some(remake) if matches!(checked, Checked::Match { .. }) => {
                remake.run(&counting, arena)
            }
            _ => Remade::NotNeeded,
        };
        Ok((checked, remade))
    }
}
