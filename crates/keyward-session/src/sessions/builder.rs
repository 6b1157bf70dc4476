//! Making it.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Discard;
use keyward_base::{Clock, Door, Error, Purpose, Result, Trail};
use keyward_keys::{KeyUse, Keyring, Life};
use keyward_store::Records;

use super::{Inner, PURPOSE, Sessions};
use crate::epoch::SESSION_EPOCHS;
use crate::ground::{Ground, cover};
use crate::kind::Kind;
use crate::policy::Policy;
use crate::row::WORD;

/// What the ring's keys live beyond the longest session: clocks differ.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What [`Sessions`] are made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct SessionsBuilder {
    keyring: Keyring,
    store: Arc<dyn Records>,
    doors: Vec<(Door, Kind)>,
    policy: Policy,
    clock: Option<Arc<dyn Clock>>,
    trail: Option<Trail>,
}

impl SessionsBuilder {
    pub(super) fn new(keyring: Keyring, store: Arc<dyn Records>) -> Self {
        Self {
            keyring,
            store,
            doors: Vec::new(),
            policy: Policy::default(),
            clock: None,
            trail: None,
        }
    }

    /// Who comes in by `door` gets sessions of this kind: [`Kind::User`] or [`Kind::Admin`]. A door
    /// that is not named starts nothing, and ends what was started by it.
    ///
    /// A subject of a tenant is one person at all doors: he sees and ends his sessions of each kind
    /// from any, and a revoke is about all of them. If administrators are other people than users,
    /// their subjects are others too, or their tenant is.
    pub fn opens(mut self, door: Door, kind: Kind) -> Self {
        self.doors.push((door, kind));
        self
    }

    /// How long sessions live; [`Policy::default`] unless told.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Where the time comes from; the keyring's clock unless told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where events go; nowhere unless told.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = Some(trail);
        self
    }

    /// Adds the purpose to the ring, if it lacks it, or lets its keys live as long as these sessions
    /// do. Once for each keyring.
    ///
    /// # Errors
    /// As [`Admin::add_purpose`](keyward_keys::Admin::add_purpose); `Misuse` too if the ring has the
    /// purpose for another use.
    pub async fn install(self) -> Result<Self> {
        let purpose = Purpose::new(PURPOSE)?;
        let life = Life::AtMost(self.policy.longest().saturating_add(MARGIN));
        let admin = self.keyring.admin();
        admin.add_purpose(&purpose, KeyUse::Mac(life)).await?;
        Ok(self)
    }

    /// The sessions. Registers their rows with the ring, so that no key goes that one needs.
    ///
    /// # Errors
    /// `Misuse` for a door that is named twice, opens another kind than a user's or an
    /// administrator's, or whose name has more than 32 bytes; if the ring lacks the purpose
    /// ([`SessionsBuilder::install`]), or its keys live shorter than the policy's sessions;
    /// `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<Sessions> {
        check_doors(&self.doors)?;
        let purpose = Purpose::new(PURPOSE)?;
        let longest = self.keyring.mac(&purpose)?.longest_life();
        if longest.is_some_and(|longest| longest < self.policy.longest()) {
            return Err(Error::misuse(
                "the ring's purpose `session` has keys that live shorter than the policy's sessions: `SessionsBuilder::install` lets them live longer",
            ));
        }
        cover(&self.keyring, &self.store, &purpose, &SESSION_EPOCHS).await?;
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::clone(self.keyring.clock()));
        let trail = self
            .trail
            .unwrap_or_else(|| Trail::new(Arc::new(Discard::new())));
        Ok(Sessions(Arc::new(Inner {
            ground: Ground::new(
                self.keyring,
                self.store,
                purpose,
                clock,
                trail,
                &SESSION_EPOCHS,
            ),
            doors: self.doors,
            policy: self.policy,
        })))
    }
}

fn check_doors(doors: &[(Door, Kind)]) -> Result<()> {
    for (at, (door, kind)) in doors.iter().enumerate() {
        if !matches!(kind, Kind::User | Kind::Admin) {
            return Err(Error::misuse(
                "a door opens sessions of users or of administrators: the other kinds come from these",
            ));
        }
        if door.as_str().is_empty() || door.as_str().len() > WORD {
            return Err(Error::misuse("the name of a door has 1 to 32 bytes here"));
        }
        if doors
            .iter()
            .skip(at.saturating_add(1))
            .any(|(other, _)| other == door)
        {
            return Err(Error::misuse("a door is named twice: it opens one kind"));
        }
    }
    Ok(())
}
