//! A stored string, read and not yet checked against.

use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_crypto::slow::argon2::Arena;

use crate::context::Context;
use crate::password::Password;
use crate::policy::{Ceilings, Policy, Work};
use crate::pool::Need;
use crate::reason;
use crate::recipe::Recipe;
use crate::scheme::{self, Scheme};
use crate::verdict::Verdict;
use crate::wrap::{self, Outer};

/// The longest stored string, in bytes. The longest known is a Keycloak credential, of some hundred.
pub const MAX_LEN: usize = 8192;

/// A stored string that was read: its scheme is known, and what it asks for is within the policy.
/// `Debug` shows neither salt nor hash.
pub struct Stored {
    scheme: Scheme,
    recipe: Recipe,
    outer: Option<Outer>,
    cost: Cost,
    ceilings: Ceilings,
}

/// What a check takes, known before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Bytes of memory that the hash works in; what fits the stack is 0.
    pub memory_bytes: u64,
    /// The rest, in the unit of the scheme.
    pub work: Work,
}

/// Why a stored string was not read. No hash was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRead {
    verdict: Verdict,
    reason: Reason,
}

impl NotRead {
    /// `Unsupported` or `Refused`.
    pub const fn verdict(self) -> Verdict {
        self.verdict
    }

    /// Why, for the operator: one of [`crate::reason`], or [`Reason::MALFORMED`] or
    /// [`Reason::TOO_LONG`].
    #[must_use]
    pub const fn reason(self) -> Reason {
        self.reason
    }

    pub(crate) const fn refused(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Refused,
            reason,
        }
    }

    pub(crate) const fn unsupported(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Unsupported,
            reason,
        }
    }

    pub(crate) const MALFORMED: Self = Self::unsupported(Reason::MALFORMED);
}

impl Stored {
    /// Reads a stored string. `label` says what it is, by the text of a [`Scheme`]; a string that says
    /// so itself needs none, and a label that is not known is passed over.
    ///
    /// # Errors
    /// [`NotRead`]: unsupported for a string of no known scheme or one that is not whole, or if the
    /// context lacks a key; refused for one that asks for more than the policy's ceilings, holds the
    /// password itself, is locked, or is ambiguous without a label.
    pub fn read(
        label: Option<&str>,
        text: &str,
        context: &Context,
        policy: &Policy,
    ) -> Result<Self, NotRead> {
        if text.len() > MAX_LEN {
            return Err(NotRead::unsupported(Reason::TOO_LONG));
        }
        let (scheme, recipe, outer) = if wrap::is_meant(text) {
            let (scheme, recipe, outer) = wrap::read(text, context)?;
            (scheme, recipe, Some(outer))
        } else {
            let (scheme, recipe) = scheme::read(label.and_then(Scheme::from_label), text, context)?;
            (scheme, recipe, None)
        };
        let stored = Self {
            scheme,
            cost: recipe.cost(),
            recipe,
            outer,
            ceilings: *policy.ceilings_of(),
        };
        if !stored.allows_len(0) {
            return Err(NotRead::refused(reason::CEILING));
        }
        Ok(stored)
    }

    /// What it is.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What a check takes; of a wrapped string, what the inner hash takes of it.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// What the hash around it takes besides, of a wrapped string ([`crate::wrap`]).
    #[must_use]
    pub fn outer_cost(&self) -> Option<Cost> {
        self.outer.as_ref().map(Outer::cost)
    }

    pub(crate) fn outer_recipe(&self) -> Option<&Recipe> {
        self.outer.as_ref().map(Outer::recipe)
    }

    /// Whether another hash is around it.
    #[must_use]
    pub const fn is_wrapped(&self) -> bool {
        self.outer.is_some()
    }

    /// What a check takes of the budget.
    pub(crate) fn need(&self) -> Need {
        match self.outer_cost() {
            None => need_of(self.cost),
            Some(outer) => need_of_both(self.cost, outer),
        }
    }

    /// How many bytes of a password have an effect, where that is limited: 72 for bcrypt over the
    /// password itself. Longer ones match if their first 72 bytes do, as they do where the string comes
    /// from.
    #[must_use]
    pub fn effective_len(&self) -> Option<usize> {
        self.recipe.effective_len()
    }

    /// Whether a password so long is within the ceilings too, where each round hashes it anew.
    pub(crate) fn allows(&self, password: &Password) -> bool {
        self.allows_len(password.len())
    }

    fn allows_len(&self, len: usize) -> bool {
        match self.outer_cost() {
            None => self.ceilings.allow_of(self.cost, len),
            Some(outer) => {
                let memory = need_of_both(self.cost, outer).budget_bytes();
                self.ceilings.allow_both(self.cost, outer, memory, len)
            }
        }
    }

    /// Whether it is the password. Nothing here waits; the time it takes is what [`Stored::cost`] says.
    /// `Refused` is a password so long that with it phpass or SHA-crypt are above the ceiling.
    ///
    /// # Errors
    /// `Unavailable` if memory cannot be had, which is no answer about the password.
    pub fn check(&self, password: &Password, arena: &mut Arena) -> Result<Verdict> {
        self.check_counting(password, arena, |_, _| ())
    }

    /// Calls `began` with what each hash is as it begins.
    pub(crate) fn check_counting(
        &self,
        password: &Password,
        arena: &mut Arena,
        mut began: impl FnMut(Scheme, Cost),
    ) -> Result<Verdict> {
        if !self.allows(password) {
            return Ok(Verdict::Refused);
        }
        let inner = || began(self.scheme, self.cost);
        let is_match = match &self.outer {
            None => self.recipe.is_match(password.bytes(), arena, inner),
            Some(outer) => self
                .recipe
                .digest(password.bytes(), arena, inner)
                .and_then(|digest| {
                    began(Scheme::Argon2, outer.cost());
                    outer.is_around(&digest, arena)
                }),
        };
        match is_match {
            Ok(true) => Ok(Verdict::Match),
            Ok(false) => Ok(Verdict::Mismatch),
            Err(e) if unsupported(&e) => Ok(Verdict::Unsupported),
            Err(e) => Err(e),
        }
    }
}

/// Argon2 works in an arena; scrypt and its kin have their memory of their own.
const fn need_of(cost: Cost) -> Need {
    match cost.work {
        Work::Argon2 { .. } => Need::arena(cost.memory_bytes),
        _ => Need::elsewhere(cost.memory_bytes),
    }
}

/// One after the other, the second one in an arena that is there from the beginning.
pub(crate) fn need_of_both(inner: Cost, outer: Cost) -> Need {
    match inner.work {
        Work::Argon2 { .. } => Need::arena(inner.memory_bytes.max(outer.memory_bytes)),
        _ => Need::arena(outer.memory_bytes)
            .at_least(inner.memory_bytes.saturating_add(outer.memory_bytes)),
    }
}

/// Parameters that the string may have and the hash has not: nothing was computed.
fn unsupported(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Misuse | ErrorKind::Rejected)
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("scheme", &self.scheme)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}
