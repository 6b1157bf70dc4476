//! A floor under the time that a refusal takes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::BoxFuture;

/// Something that waits: a runtime's timer.
pub trait Timer: fmt::Debug + Send + Sync {
    /// A future that is ready so long after this call, and not after it is first polled.
    fn after(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// The least that a refusal takes once a worker has been had, where rows may take longer than a hash of
/// the policy: rows that were taken over. It hides how long they take only as long as it is above the
/// slowest of them, on this machine and under load, and what a hash of the policy takes after it.
/// `keyward password census` measures them.
#[derive(Clone, Debug)]
pub struct Floor {
    pub(super) timer: Arc<dyn Timer>,
    pub(super) span: Duration,
}

impl Floor {
    /// So long by this timer. Nothing is held meanwhile, neither a worker nor memory.
    #[must_use]
    pub const fn new(timer: Arc<dyn Timer>, span: Duration) -> Self {
        Self { timer, span }
    }
}
