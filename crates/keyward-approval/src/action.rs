//! What is to be done, as one value: built in one order with every default in, and then nothing but
//! its bytes. What a person is shown is made from them, his vote is over their digest, and what runs
//! is read from them. `docs/formats/action.md` specifies them.

pub mod agent;
mod build;
mod format;
mod json;
pub mod limits;
mod secret;
mod shape;
mod step;
mod value;

use std::fmt;
use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::field::Field;
use keyward_base::{Result, Tenant, Timestamp};
use keyward_crypto::Provider;

pub use agent::{AgentAsk, NotAnAsk};
pub use build::{ActionBuilder, Asked};
pub use secret::{Commitment, Secrets};
pub use shape::{Catalogue, Shape};
pub use step::{Step, StepBuilder};
pub use value::{Argument, Type, Value};

use crate::policy::PolicyRef;
use crate::who::Requester;
use crate::word::{ExecutorName, ServiceName};

/// SHA-256 of an action's bytes: what is voted on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionDigest([u8; 32]);

impl ActionDigest {
    /// The digest of those bytes, as it was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Field for ActionDigest {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(&self.0)
    }
}

/// 64 lower-case hexadecimal digits, as `sha256sum` writes them.
impl fmt::Display for ActionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ActionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionDigest({self})")
    }
}

/// What is to be done: 1 to 64 steps in their order, by whom, for whom, under which policy, until
/// when. A cheap clone. There is one encoding of each action, and none that changes it.
#[derive(Clone)]
pub struct Action(Arc<Inner>);

struct Inner {
    bytes: Box<[u8]>,
    digest: ActionDigest,
    parts: Parts,
}

/// What stands in the bytes.
#[derive(Clone, PartialEq, Eq)]
struct Parts {
    tenant: Tenant,
    service: ServiceName,
    executor: ExecutorName,
    policy: PolicyRef,
    requester: Requester,
    decide_by: Timestamp,
    run_by: Timestamp,
    reason: String,
    confidence: Option<u16>,
    steps: Vec<Step>,
}

impl Action {
    fn of(provider: &Provider, bytes: Vec<u8>, parts: Parts) -> Self {
        let digest = ActionDigest(provider.sha256(&[&bytes]));
        let bytes = bytes.into_boxed_slice();
        Self(Arc::new(Inner {
            bytes,
            digest,
            parts,
        }))
    }

    /// Reads an action from its bytes: those that were kept, or were exported. Whatever is read writes
    /// itself back byte for byte.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no action; `Unavailable` for one of a newer release.
    pub fn parse(provider: &Provider, bytes: &[u8]) -> Result<Self> {
        let parts = format::parse(bytes)?;
        Ok(Self::of(provider, bytes.to_vec(), parts))
    }

    /// Its one encoding: at most 1,310,720 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// SHA-256 of [`Action::bytes`].
    #[must_use]
    pub fn digest(&self) -> &ActionDigest {
        &self.0.digest
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.parts.tenant
    }

    /// The service that asks.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.0.parts.service
    }

    /// The only program that may run it.
    #[must_use]
    pub fn executor(&self) -> &ExecutorName {
        &self.0.parts.executor
    }

    /// The policy under which it was asked.
    #[must_use]
    pub fn policy(&self) -> &PolicyRef {
        &self.0.parts.policy
    }

    /// Who asks.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.0.parts.requester
    }

    /// From when on it cannot be approved any more.
    #[must_use]
    pub fn decide_by(&self) -> Timestamp {
        self.0.parts.decide_by
    }

    /// From when on it cannot begin to run any more.
    #[must_use]
    pub fn run_by(&self) -> Timestamp {
        self.0.parts.run_by
    }

    /// Why, in the requester's own words. Nobody checked them; empty if he gave none.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.parts.reason
    }

    /// How sure the requester says it is, in thousandths: its own word.
    #[must_use]
    pub fn confidence(&self) -> Option<u16> {
        self.0.parts.confidence
    }

    /// What is to be done, in this order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0.parts.steps
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Action {}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({}, {} steps)", self.digest(), self.steps().len())
    }
}
