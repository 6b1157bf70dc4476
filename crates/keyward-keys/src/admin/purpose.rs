//! New purposes of a ring that exists.

use keyward_base::{KeyId, Purpose, Result};

use super::Admin;
use crate::key_use::{KeyUse, PurposeRules, Rules};
use crate::records::{MAX_TRIES, contended};
use crate::ring::Ring;

/// What saying a purpose leaves to do.
enum Change {
    Nothing,
    /// The ring with other rules of the purpose, which has keys.
    Rules(Ring),
    /// The ring with the purpose, which has no key.
    Purpose(Ring),
}

impl Admin {
    /// Sees to it that the ring has keys for `purpose`, and that they are for `what`: makes an
    /// Active one if the ring does not know the purpose. Nothing was made with a new purpose, so
    /// that nobody has to know the key first. Said again, it changes nothing, but that the longest
    /// life of what is MACed may grow, without end only by that word; a shorter one leaves it as it
    /// is.
    ///
    /// # Errors
    /// `Misuse` if the keys of the purpose are for something else, for good, if the purpose is new
    /// and does not say how long what is MACed lives, or if the ring is full; `Unavailable` if
    /// store, root or audit cannot be reached.
    pub async fn add_purpose(&self, purpose: &Purpose, what: KeyUse) -> Result<()> {
        let act = self.intend("keys.add-purpose", None).await?;
        let result = self.try_add_purpose(purpose, what).await;
        let key = result.as_ref().ok().copied().flatten();
        self.ended(act, key, result).await.map(|_| ())
    }

    async fn try_add_purpose(&self, purpose: &Purpose, what: KeyUse) -> Result<Option<KeyId>> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            let (next, key) = match change(&known.ring, purpose, what)? {
                Change::Nothing => return Ok(None),
                Change::Rules(next) => (next, None),
                Change::Purpose(mut next) => {
                    let now = self.keyring.0.clock.now()?;
                    let id = self.add_key(&known, &mut next, purpose, now).await?;
                    let _new: bool = next.promote(id, now);
                    (next, Some(id))
                }
            };
            if self.keyring.commit(&known, next).await? {
                return Ok(key);
            }
        }
        Err(contended())
    }
}

fn change(ring: &Ring, purpose: &Purpose, what: KeyUse) -> Result<Change> {
    let mut next = ring.next_epoch()?;
    let Ok(rules) = next.rules_mut(purpose) else {
        next.purposes.push(PurposeRules {
            purpose: purpose.clone(),
            rules: Rules::of(what)?,
        });
        return Ok(Change::Purpose(next));
    };
    let said = rules.said_again(purpose, what)?;
    if said == *rules {
        return Ok(Change::Nothing);
    }
    *rules = said;
    Ok(Change::Rules(next))
}
