//! Making one.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{Error, Result};

use super::target::Target;
use super::{Executor, Inner, LEASE, Trusting};
use crate::claims::ClaimAnchor;
use crate::gate::Gates;
use crate::word::ExecutorName;

/// What an [`Executor`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ExecutorBuilder {
    gates: Gates,
    name: ExecutorName,
    anchor: Arc<dyn ClaimAnchor>,
    target: Arc<dyn Target>,
    trust: Option<Arc<dyn Trusting>>,
    lease: Duration,
}

impl ExecutorBuilder {
    pub(super) fn new(
        gates: Gates,
        name: ExecutorName,
        anchor: Arc<dyn ClaimAnchor>,
        target: Arc<dyn Target>,
    ) -> Self {
        Self {
            gates,
            name,
            anchor,
            target,
            trust: None,
            lease: LEASE,
        }
    }

    /// Judges by this file, from outside the database: its policy in the place of the gates', and each
    /// vote by its keys.
    pub fn trust(mut self, trust: Arc<dyn Trusting>) -> Self {
        self.trust = Some(trust);
        self
    }

    /// How long a step may take before another may take its place; [`LEASE`] unless told.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The executor.
    ///
    /// # Errors
    /// `Misuse` for a lease of less than a second or more than a day; `Unavailable` without randomness.
    pub fn build(self) -> Result<Executor> {
        let day = Duration::from_secs(24 * 60 * 60);
        if self.lease < Duration::from_secs(1) || self.lease > day {
            return Err(Error::misuse("a lease is a second to a day"));
        }
        let provider = *self.gates.0.keyring.provider();
        let run = *provider.random::<16>()?.expose();
        Ok(Executor(Arc::new(Inner {
            gates: self.gates,
            name: self.name,
            run,
            anchor: self.anchor,
            target: self.target,
            trust: self.trust,
            lease: self.lease,
            claiming: tokio::sync::Mutex::default(),
            pruned: AtomicU64::default(),
            ticked: Mutex::default(),
        })))
    }
}
