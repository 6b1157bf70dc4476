//! What runs that was approved: the door is [`Executor`].
//!
//! It takes an [`ApprovedAction`](crate::ApprovedAction) and nothing else, and believes nothing of it: the record is read
//! anew, its action hashed anew, the policy asked anew, each vote counted anew, and the log asked
//! whether the record is the newest. Then it pins the claim in its anchor, and only then in the
//! record; so a database that was put back has no claim that the anchor has, and nothing runs.
//!
//! **Once.** How often an effect happens is what its target can promise, and the type says it
//! ([`OnceBy`]): exactly once where the effect is in the same batch as its result
//! ([`OnceBy::Batch`]), or the target keeps the key that it is given ([`OnceBy::Key`]); at most once,
//! and sometimes unknown, where it is neither ([`OnceBy::Nothing`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `target` | what does the steps, and what it promises |
//! | `anchored` | what the anchor has of a gate |
//! | `claim` | from approved to executing |
//! | `work` | step by step, and what a lost lease leaves |

mod anchored;
mod builder;
mod claim;
mod target;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::Result;
use keyward_keys::Anchor;

pub use builder::ExecutorBuilder;
pub use target::{Effect, Job, OnceBy, Target};

use crate::gate::Gates;
use crate::trust::Trust;
use crate::word::ExecutorName;

/// How long a step may take before another may take its place: twice what HTTP clients wait for by
/// default.
pub const LEASE: Duration = Duration::from_secs(60);

/// How often a step is tried anew that lost to another.
const MAX_TRIES: usize = 64;

/// Where an executor has the file of trust from: read anew before each claim.
pub trait Trusting: fmt::Debug + Send + Sync {
    /// The file, as it is now.
    ///
    /// # Errors
    /// `Unavailable` or `Misuse` if it cannot be relied on: nothing runs then.
    fn trust(&self) -> Result<Arc<Trust>>;
}

/// Runs what was approved for it. A cheap clone; all clones are one. Several processes may be one
/// executor if they share its anchor.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    gates: Gates,
    name: ExecutorName,
    /// This one, among those of its name.
    run: [u8; 16],
    anchor: Arc<dyn Anchor>,
    target: Arc<dyn Target>,
    trust: Option<Arc<dyn Trusting>>,
    lease: Duration,
    /// One claim at a time in this process: what it pinned it knows.
    claiming: tokio::sync::Mutex<()>,
}

impl Executor {
    /// The executor of that name, which actions name, with the anchor that is its own.
    pub fn builder(
        gates: Gates,
        name: ExecutorName,
        anchor: Arc<dyn Anchor>,
        target: Arc<dyn Target>,
    ) -> ExecutorBuilder {
        ExecutorBuilder::new(gates, name, anchor, target)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ExecutorName {
        &self.0.name
    }

    /// The gates whose actions it runs.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.0.gates
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({})", self.0.name)
    }
}
