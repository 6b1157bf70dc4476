//! What is computed for a try: the same whoever it is.

use keyward_base::{Error, Reason, Result, SecretBytes};
use keyward_crypto::slow::argon2::Arena;

use super::Inner;
use crate::checking::{Checking, Planned};
use crate::credential::Loaded;
use crate::new_hash::NewHash;
use crate::password::{MAX_LEN, Password};
use crate::passwords::{Checked, Row};
use crate::reason;
use crate::remake::Remade;
use crate::verified::{Account, VerifiedPassword};

/// What is to be computed in one turn.
pub(super) struct Turn {
    /// The account's own check, or why there is none.
    own: Result<Box<Checking>, Reason>,
    /// The hash that is spent where the account's own is none of the policy's.
    nobodys: Box<Checking>,
    new: NewHash,
}

/// How it ended.
pub(super) enum Ended {
    Match(VerifiedPassword, Remade),
    Refused(Reason),
}

impl Inner {
    /// Plans it. `row` is the account's, or why there is none.
    ///
    /// # Errors
    /// `Unavailable` if the clock cannot be relied on.
    pub(super) fn turn(
        &self,
        account: &Account,
        row: Result<&Loaded, Reason>,
        typed: SecretBytes,
    ) -> Result<Turn> {
        let passwords = self.upgrades.passwords();
        let is_over_long = typed.len() > MAX_LEN;
        let password = if is_over_long {
            let front = typed.expose().get(..MAX_LEN).unwrap_or_default();
            Password::new(SecretBytes::copy_of(front))?
        } else {
            Password::new(typed)?
        };
        let nobodys = self.nobodys(&password)?;
        let own = match row {
            Err(why) => Err(why),
            Ok(_) if is_over_long => Err(Reason::TOO_LONG),
            Ok(loaded) => match self.upgrades.plan(account, loaded, password)? {
                Planned::Check(own) if own.need().budget_bytes() > self.need.budget_bytes() => {
                    Err(reason::ABOVE_BUDGET)
                }
                Planned::Check(own) => Ok(own),
                Planned::Not(checked) => Err(why(&checked)),
            },
        };
        Ok(Turn {
            own,
            nobodys,
            new: passwords.policy().new_hash(),
        })
    }

    fn nobodys(&self, password: &Password) -> Result<Box<Checking>> {
        let passwords = self.upgrades.passwords();
        let row = Row::new(&self.nobodys_text);
        let planned = passwords.plan(&self.nobody, &row, password.copy(), false)?;
        if let Planned::Check(check) = planned {
            return Ok(check);
        }
        // Its normal form is too long, which no row's is.
        let none = Password::new(SecretBytes::copy_of(b""))?;
        match passwords.plan(&self.nobody, &row, none, false)? {
            Planned::Check(check) => Ok(check),
            Planned::Not(_) => Err(Error::misuse(
                "the policy refuses its own hashes: raise its ceilings",
            )),
        }
    }
}

impl Turn {
    /// Hashes. One hash of the policy is computed at least, unless the password was right.
    ///
    /// # Errors
    /// `Unavailable` if there is no memory.
    pub(super) fn run(self, arena: &mut Arena) -> Result<Ended> {
        let own = match self.own {
            Ok(own) => own,
            Err(why) => {
                spend(self.nobodys, arena)?;
                return Ok(Ended::Refused(why));
            }
        };
        let is_as_policy = own.is_as(self.new);
        let (checked, remade) = own.run(arena)?;
        let why = match checked {
            Checked::Match { verified, .. } => return Ok(Ended::Match(verified, remade)),
            other => why(&other),
        };
        if !is_as_policy {
            spend(self.nobodys, arena)?;
        }
        Ok(Ended::Refused(why))
    }
}

/// Nobody's hash matches nothing: what comes of it is passed over all the same.
fn spend(nobodys: Box<Checking>, arena: &mut Arena) -> Result<()> {
    let _ = nobodys.run(arena)?;
    Ok(())
}

const fn why(checked: &Checked) -> Reason {
    match checked {
        Checked::Refused(why) | Checked::Unsupported(why) => *why,
        Checked::Match { .. } | Checked::Mismatch => reason::WRONG_PASSWORD,
    }
}
