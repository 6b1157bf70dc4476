//! A hash made anew of a password that has just been right, in the same turn.

use keyward_base::{Error, Reason, Result};
use keyward_crypto::Provider;
use keyward_crypto::slow::argon2::Arena;
use keyward_crypto::slow::bcrypt::Flavour;

use crate::ledger::Counting;
use crate::new_hash::NewHash;
use crate::normal::Normal;
use crate::password::Password;
use crate::passwords::Passwords;
use crate::reason;
use crate::recipe::{Hash, Prepare};
use crate::stored::Stored;

/// What became of it.
#[derive(Debug)]
pub(crate) enum Remade {
    NotNeeded,
    /// The new scheme cannot take the password, or the string stays for another reason.
    Left(Reason),
    /// What to store.
    Made(String),
    Failed(Error),
}

/// What is to be done if the password is right.
pub(crate) enum Remake {
    Left(Reason),
    Make(Plan),
}

/// The password as it was typed, and how it is hashed.
pub(crate) struct Plan {
    password: Password,
    new: NewHash,
    normal: Normal,
    provider: Provider,
}

impl Remake {
    /// `form` is the one that the stored hash is of.
    pub(crate) fn of(
        passwords: &Passwords,
        stored: &Stored,
        form: Normal,
        password: &Password,
    ) -> Self {
        let policy = passwords.policy();
        let (new, normal) = (policy.new_hash(), form.wider(policy.new_normal()));
        if new.is_below(stored) {
            return Self::Left(reason::STRONGER);
        }
        let Ok(formed) = form.apply(password.copy()) else {
            return Self::Left(Reason::TOO_LONG);
        };
        // Somebody who mistypes what the old hash passes over would have to mistype it ever after.
        if ignores_some(stored, &formed) {
            return Self::Left(reason::PARTLY_HASHED);
        }
        let Ok(password) = normal.apply(password.copy()) else {
            return Self::Left(Reason::TOO_LONG);
        };
        if let Err(e) = new.takes(&password) {
            return Self::Left(e.reason().unwrap_or(reason::BCRYPT_INPUT));
        }
        Self::Make(Plan {
            password,
            new,
            normal,
            provider: *passwords.salts(),
        })
    }

    pub(crate) fn run(self, counting: &Counting, arena: &mut Arena) -> Remade {
        match self {
            Self::Left(why) => Remade::Left(why),
            Self::Make(plan) => plan.make(counting, arena).unwrap_or_else(Remade::Failed),
        }
    }
}

impl Plan {
    fn make(self, counting: &Counting, arena: &mut Arena) -> Result<Remade> {
        let making = self.new.salted(&self.provider)?;
        counting.hash(self.new.scheme(), making.cost());
        let text = making.hash(&self.password, arena)?;
        Ok(Remade::Made(self.normal.mark(text)))
    }
}

/// Whether a part of the password has no effect on the hash: what follows bcrypt's 72 bytes or a NUL,
/// spaces that are trimmed, what stands before a byte above 0x7f in `$2x$`.
fn ignores_some(stored: &Stored, password: &Password) -> bool {
    let bytes = password.bytes();
    let cuts = |step: &Prepare| {
        let is_cut = matches!(step, Prepare::CutAtNul | Prepare::Trim);
        is_cut
            && !step
                .apply(bytes)
                .is_ok_and(|kept| kept.len() == bytes.len())
    };
    let is_muddled = matches!(
        stored.recipe().hash,
        Hash::Bcrypt {
            flavour: Flavour::SignBug,
            ..
        }
    );
    stored
        .effective_len()
        .is_some_and(|most| bytes.len() > most || (is_muddled && !bytes.is_ascii()))
        || stored.recipe().prepare.iter().any(cuts)
}
