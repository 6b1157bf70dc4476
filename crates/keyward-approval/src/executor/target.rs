//! What does the steps, and what it promises.

use std::fmt;
use std::time::Duration;

use keyward_base::encoding::hex;
use keyward_base::{BoxFuture, SecretBytes, Tenant};
use keyward_store::Write;

use crate::action::{Secrets, Step};
use crate::gate::GateId;
use crate::word::ArgumentName;

/// How often a step may have its effect. Declared for each kind of step, by whoever knows the target:
/// what is declared wrongly runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever runs steps has to decide on each.
pub enum OnceBy {
    /// Exactly once: the effect is writes to the store of the gates ([`Effect::Written`]), which are made
    /// in the batch that records the result, or not at all.
    Batch,
    /// Exactly once: the target does nothing the second time it is given a key ([`Job::key`]) that it
    /// has seen within this span, and says what came of the first. A lost lease is followed by another
    /// try within it; later by nobody.
    Key(Duration),
    /// At most once: it is tried once. If the lease is lost, nobody knows whether it had its effect, and
    /// a person says so.
    Nothing,
}

/// What came of a step.
#[derive(Debug)]
#[must_use = "the record waits for it"]
#[allow(clippy::exhaustive_enums)] // Whoever runs steps has to decide on each.
pub enum Effect {
    /// It is done, and what the target said: of more than 1,000 bytes the front is kept.
    Done(String),
    /// It is done once these writes are made, in the batch of the result: what [`OnceBy::Batch`] takes.
    Written(String, Vec<Write>),
    /// It failed for good, without an effect, or with one that the target knows of; and what it said. No
    /// step behind it is run.
    Failed(String),
    /// Nobody knows: the target did not answer. As if the lease were lost.
    Unknown,
}

/// One step, to be done now.
pub struct Job<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) gate: GateId,
    pub(super) index: usize,
    pub(super) step: &'a Step,
    pub(super) key: [u8; 32],
    pub(super) fence: u64,
    pub(super) secrets: &'a Secrets,
}

impl Job<'_> {
    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        self.tenant
    }

    /// The gate that it was approved by.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.gate
    }

    /// Which step of its action, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What is to be done: read from the bytes that were approved.
    #[must_use]
    pub const fn step(&self) -> &Step {
        self.step
    }

    /// The secret argument of that name.
    #[must_use]
    pub fn secret(&self, name: &ArgumentName) -> Option<&SecretBytes> {
        self.secrets.find(self.index, name)
    }

    /// The idempotency key: 64 digits of hexadecimal, the same at each try of this step of this gate,
    /// and of no other.
    #[must_use]
    pub fn key(&self) -> String {
        hex(&self.key)
    }

    /// A number that is higher at each claim of the gate: a target that keeps the highest it has seen
    /// can refuse a worker that was overtaken.
    #[must_use]
    pub const fn fence(&self) -> u64 {
        self.fence
    }
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Job({}, step {}, {})",
            self.gate,
            self.index,
            self.step.kind()
        )
    }
}

/// What does the steps of an executor.
pub trait Target: fmt::Debug + Send + Sync {
    /// What it promises of steps like this.
    fn once(&self, step: &Step) -> OnceBy;

    /// Does one. Dropped or panicking, it is as if the lease were lost.
    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect>;
}
