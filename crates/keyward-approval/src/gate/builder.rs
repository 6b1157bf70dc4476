//! Making them.

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use keyward_audit::{Audit, Kinds};
use keyward_base::{BoxFuture, Clock, Door, Error, Purpose, Result, Role, Subject, Tenant};
use keyward_keys::{KeyUse, Keyring, Life, RecordColumn};
use keyward_store::Records;

use super::held::{GATES, SECRETS};
use super::once::ONCE;
use super::{Gates, Inner, PURPOSE, Passkeys, Roles, SECRETS_PURPOSE};
use crate::policy::Policy;

/// How long the record of a gate is kept after its run-by: as long as a year's audit looks back.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How long what belongs to a gate is kept at least after its run-by: its steps, and what a lost lease
/// left, may come after it.
pub(super) const AT_LEAST: Duration = Duration::from_secs(24 * 60 * 60);

/// Nobody has a role.
#[derive(Debug)]
struct NoRoles;

impl Roles for NoRoles {
    fn roles<'a>(&'a self, _: &'a Tenant, _: &'a Subject) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// What [`Gates`] are made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct GatesBuilder {
    keyring: Keyring,
    audit: Audit,
    policy: Policy,
    roles: Arc<dyn Roles>,
    doors: Vec<Door>,
    passkeys: Option<Arc<dyn Passkeys>>,
    clock: Option<Arc<dyn Clock>>,
    kept: Duration,
}

impl GatesBuilder {
    pub(super) fn new(keyring: Keyring, audit: Audit, policy: Policy) -> Self {
        Self {
            keyring,
            audit,
            policy,
            roles: Arc::new(NoRoles),
            doors: Vec::new(),
            passkeys: None,
            clock: None,
            kept: KEPT,
        }
    }

    /// Who comes in by `door` may decide. Evidence of a door that is not named decides nothing.
    pub fn door(mut self, door: Door) -> Self {
        self.doors.push(door);
        self
    }

    /// Who has which role; nobody has any unless told.
    pub fn roles(mut self, roles: Arc<dyn Roles>) -> Self {
        self.roles = roles;
        self
    }

    /// What checks votes by passkeys. Without it, a rule that wants them is never satisfied.
    pub fn passkeys(mut self, passkeys: Arc<dyn Passkeys>) -> Self {
        self.passkeys = Some(passkeys);
        self
    }

    /// Where the time comes from; the keyring's clock unless told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long the record of a gate is kept after its run-by, or the end of its class: a day at least,
    /// as what was claimed just before needs it; 400 days unless told.
    pub const fn kept(mut self, kept: Duration) -> Self {
        self.kept = kept;
        self
    }

    /// Adds the two purposes to the ring, those that it lacks. Once for each keyring.
    ///
    /// # Errors
    /// As [`Admin::add_purpose`](keyward_keys::Admin::add_purpose); `Misuse` too if the ring has one
    /// of them for another use.
    pub async fn install(self) -> Result<Self> {
        let admin = self.keyring.admin();
        let (macs, seals) = (Purpose::new(PURPOSE)?, Purpose::new(SECRETS_PURPOSE)?);
        admin.add_purpose(&macs, KeyUse::Mac(Life::Endless)).await?;
        admin.add_purpose(&seals, KeyUse::Seal).await?;
        Ok(self)
    }

    /// The gates. Registers their records with the ring, so that no key goes that one needs.
    ///
    /// # Errors
    /// `Misuse` if the ring lacks the purposes ([`GatesBuilder::install`]); `Unavailable` if a store
    /// cannot be reached.
    pub async fn build(self) -> Result<Gates> {
        let (purpose, sealing) = (Purpose::new(PURPOSE)?, Purpose::new(SECRETS_PURPOSE)?);
        self.keyring.mac(&purpose)?;
        if self.doors.is_empty() {
            return Err(Error::misuse(
                "no door is named: nobody could decide anything",
            ));
        }
        let store = Arc::clone(self.audit.store());
        let records: Arc<dyn Records> = store.clone();
        let gates = RecordColumn::of_macs(records.clone(), GATES, purpose.clone())?;
        self.keyring.cover(Arc::new(gates)).await?;
        let once = RecordColumn::of_macs(records.clone(), ONCE, purpose.clone())?;
        self.keyring.cover(Arc::new(once)).await?;
        let secrets = RecordColumn::new(records, SECRETS, sealing.clone())?;
        self.keyring.cover(Arc::new(secrets)).await?;
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::clone(self.keyring.clock()));
        Ok(Gates(Arc::new(Inner {
            keyring: self.keyring,
            audit: self.audit,
            store,
            purpose,
            sealing,
            policy: RwLock::new(Arc::new(self.policy)),
            roles: self.roles,
            doors: self.doors,
            passkeys: self.passkeys,
            kept: self.kept.max(AT_LEAST),
            clock,
            kinds: Kinds::approvals()?,
            readers: Mutex::default(),
            barriers: Mutex::default(),
            ticked: Mutex::default(),
        })))
    }
}
