//! What a log-in is made of.

use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{Error, Result, Subject, Trail};
use keyward_keys::Keyring;

use super::floor::Floor;
use super::{Inner, LogIn};
use crate::device::Devices;
use crate::directory::Directory;
use crate::identifier::{Identifier, login_purpose};
use crate::throttle::Throttle;
use crate::upgrade::Upgrades;
use crate::verified::Realm;

/// Of no account: `.invalid` is never a domain (RFC 2606, 2).
const NOBODY: &str = "nobody@nobody.invalid";

/// What a [`LogIn`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct LogInBuilder {
    realm: Realm,
    keyring: Keyring,
    directory: Arc<dyn Directory>,
    upgrades: Upgrades,
    throttle: Throttle,
    floor: Option<Floor>,
    trail: Trail,
}

impl LogInBuilder {
    pub(super) fn new(
        realm: Realm,
        keyring: Keyring,
        directory: Arc<dyn Directory>,
        upgrades: Upgrades,
        throttle: Throttle,
    ) -> Self {
        Self {
            realm,
            keyring,
            directory,
            upgrades,
            throttle,
            floor: None,
            trail: Trail::new(Arc::new(Discard::new())),
        }
    }

    /// Lets refusals take so long at least: needed where the policy verifies what takes longer than a
    /// hash of its own, as it does unless it is told otherwise
    /// ([`Policy::own_rows`](crate::Policy::own_rows)).
    pub fn floor(mut self, floor: Floor) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Where events go: `login.ok`, `login.refused` and `login.blocked`, as well as can be. Default:
    /// nowhere.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// `Misuse` if the policy verifies what takes longer than a hash of its own and there is no floor,
    /// or if the ring has no purpose `login` that MACs; `Unavailable` if there is no randomness, or the
    /// realm's key cannot be had.
    pub async fn build(self) -> Result<LogIn> {
        let passwords = self.upgrades.passwords();
        let policy = passwords.policy();
        if policy.takes_slower() && self.floor.is_none() {
            return Err(Error::misuse(
                "the policy verifies rows that take longer than a hash of its own, by which a refusal would tell of an account: give the log-in a floor above the slowest, or take Policy::own_rows if there are no such rows",
            ));
        }
        self.keyring.mac(&login_purpose()?)?;
        self.upgrades.credentials().ready(&self.realm).await?;
        let new = policy.new_hash();
        let text = new.of_nobody(passwords.salts())?;
        let most = policy.most_memory().min(passwords.budget());
        Ok(LogIn(Arc::new(Inner {
            nobody: self.realm.account(Subject::new("nobody")?),
            nobodys: Identifier::email(NOBODY)?,
            nobodys_text: policy.new_normal().mark(text),
            need: new.need().at_least(most),
            devices: Devices::new(self.keyring),
            realm: self.realm,
            directory: self.directory,
            upgrades: self.upgrades,
            throttle: self.throttle,
            floor: self.floor,
            trail: self.trail,
        })))
    }
}
