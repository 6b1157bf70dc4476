//! Making it.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Purpose, Result};
use keyward_keys::{Anchor, KeyUse, Keyring, Life, RecordColumn, Signs};
use keyward_store::{Records, Stores};

use super::{Audit, HEAD_PURPOSE, HEADS, Inner, ROUND_EVERY, SIGN_PURPOSE};
use crate::kinds::Kinds;
use crate::leaf::Class;

/// What an [`Audit`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct AuditBuilder {
    keyring: Keyring,
    store: Arc<dyn Stores>,
    anchors: Vec<Arc<dyn Anchor>>,
    round_every: Duration,
}

impl AuditBuilder {
    pub(super) fn new(keyring: Keyring, store: Arc<dyn Stores>) -> Self {
        Self {
            keyring,
            store,
            anchors: Vec::new(),
            round_every: ROUND_EVERY,
        }
    }

    /// One more place outside the store that remembers the head of the root log, under the name
    /// `log/root`, and so those of all logs. One such place is for one home. Without any, a whole
    /// database that was put back is not noticed.
    pub fn anchor(mut self, anchor: Arc<dyn Anchor>) -> Self {
        self.anchors.push(anchor);
        self
    }

    /// How long after a round of checkpoints [`Audit::tick`] makes the next, if anything changed:
    /// [`ROUND_EVERY`] unless told.
    pub const fn round_every(mut self, every: Duration) -> Self {
        self.round_every = every;
        self
    }

    /// Adds the two purposes to the ring, those that it lacks: one that MACs heads, one that signs
    /// checkpoints. Once for each keyring.
    ///
    /// # Errors
    /// As [`Admin::add_purpose`](keyward_keys::Admin::add_purpose); `Misuse` too if the ring has one
    /// of them for another use.
    pub async fn install(self) -> Result<Self> {
        let admin = self.keyring.admin();
        let head = Purpose::new(HEAD_PURPOSE)?;
        let sign = Purpose::new(SIGN_PURPOSE)?;
        let keys = self.keyring.status().keys;
        let has = |purpose: &Purpose| keys.iter().any(|key| key.purpose == *purpose);
        // Before either is added: with both, a home keeps logs.
        if has(&head) {
            self.keyring.mac(&head)?;
        }
        if has(&sign) {
            self.keyring.signing(&sign)?;
            // Misuse of one that signs a domain and fields: no note is signed with that.
            self.keyring.pending_signing(&sign)?;
        }
        if !has(&head) {
            admin.add_purpose(&head, KeyUse::Mac(Life::Endless)).await?;
        }
        if !has(&sign) {
            admin.add_purpose(&sign, KeyUse::Sign(Signs::Raw)).await?;
        }
        self.keyring.mac(&head)?;
        self.keyring.signing(&sign)?;
        Ok(self)
    }

    /// The logs. Registers their heads with the ring, so that no key goes that vouches for one.
    ///
    /// # Errors
    /// `Misuse` if the ring lacks the purposes: [`AuditBuilder::install`]; `Unavailable` if a store
    /// cannot be reached.
    pub async fn build(self) -> Result<Audit> {
        let purpose = Purpose::new(HEAD_PURPOSE)?;
        let records: Arc<dyn Records> = self.store.clone();
        let column = RecordColumn::of_macs(records, HEADS, purpose.clone())?;
        self.keyring.cover(Arc::new(column)).await?;
        let inner = Inner {
            keyring: self.keyring,
            store: self.store,
            purpose,
            class: Class::new("std")?,
            approvals: Class::new(Kinds::APPROVALS)?,
            anchors: self.anchors,
            lanes: std::sync::Mutex::default(),
            fence: std::sync::Mutex::default(),
            summed: std::sync::Mutex::default(),
            salts: std::sync::Mutex::default(),
            root: tokio::sync::Mutex::default(),
            round_every: self.round_every,
            last_round: std::sync::Mutex::default(),
            sweep: tokio::sync::Mutex::default(),
        };
        Ok(Audit(Arc::new(inner), None))
    }
}
