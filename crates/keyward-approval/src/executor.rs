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
//! From asking to running:
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyward_approval::executor::{Effect, Job, OnceBy, Target};
//! use keyward_approval::{
//!     ActionBuilder, Asking, Ballot, Catalogue, Executor, ExecutorName, FileClaims, Gates, Policy,
//!     Requester, ServiceName, Shape, State, Step,
//! };
//! use keyward_audit::Audit;
//! use keyward_base::{BoxFuture, Door, Evidence, Result, Subject, Tenant};
//! use keyward_keys::Keyring;
//! use keyward_store::Stores;
//!
//! #[derive(Debug)]
//! struct Servers;
//!
//! impl Target for Servers {
//!     // It keeps no key: of a try that is cut off, a person says what became of it.
//!     fn once(&self, _: &Step) -> OnceBy {
//!         OnceBy::Nothing
//!     }
//!     fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
//!         let said = format!("{} is gone", job.step().target());
//!         Box::pin(async { Effect::Done(said) })
//!     }
//! }
//!
//! /// `bob` is evidence of a log-in a moment ago, such as `keyward_password` and the pages of
//! /// `keyward_http` make; `outside` is a folder where who writes the database cannot.
//! async fn delete(
//!     keyring: Keyring,
//!     store: Arc<dyn Stores>,
//!     outside: std::path::PathBuf,
//!     bob: impl Evidence,
//! ) -> Result<State> {
//!     let acme = Tenant::new("acme")?;
//!     let worker = ExecutorName::new("worker")?;
//!     let audit = Audit::builder(keyring.clone(), store).install().await?.build().await?;
//!     let policy = Policy::parse(keyring.provider(), r#"
//!         keyward-policy = 1
//!         version = 1
//!         otherwise = "one"
//!         [rule.one]
//!         strictness = 10
//!         approvers = ["bob"]
//!         quorum = 1
//!     "#)?;
//!     // `install` once for each keyring, `build` in each process.
//!     let gates = Gates::builder(keyring.clone(), audit, policy).door(Door::new("users"));
//!     let gates = gates.install().await?.build().await?;
//!
//!     // Ada asks.
//!     let catalogue = Catalogue::new().with(Shape::new("server.delete")?)?;
//!     let who = Requester::person(Subject::new("ada")?);
//!     let action = ActionBuilder::new(acme.clone(), ServiceName::new("desk")?, worker.clone(), who)
//!         .reason("nobody has used it since June")
//!         .step(catalogue.step("server.delete", "web-1")?);
//!     let now = keyring.clock().now()?;
//!     let asked = action.build(&gates.policy(), now, keyring.provider())?;
//!     let id = gates.ask(Asking::new(asked)).await?.gate();
//!
//!     // Bob, who was shown `View::of` it, says yes.
//!     gates.vote(&acme, id, bob, Ballot::approve()).await?;
//!
//!     // It runs, once.
//!     let anchor = Arc::new(FileClaims::open(outside)?);
//!     let executor = Executor::builder(gates.clone(), worker, anchor, Arc::new(Servers)).build()?;
//!     executor.run(gates.approved(&acme, id).await?).await
//! }
//! # use keyward_base::{Clock as _, Method, Purpose, SystemClock, Timestamp};
//! # #[derive(Debug)]
//! # struct Bob(Tenant, Subject, Timestamp);
//! # impl Evidence for Bob {
//! #     fn tenant(&self) -> &Tenant { &self.0 }
//! #     fn subject(&self) -> &Subject { &self.1 }
//! #     fn method(&self) -> Method { Method::PASSWORD }
//! #     fn door(&self) -> Door { Door::new("users") }
//! #     fn at(&self) -> Timestamp { self.2 }
//! #     fn is_factor_due(&self) -> bool { false }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! # use keyward_store::MemoryStore;
//! # let root = keyward_keys::EphemeralRoot::new(&keyward_crypto::Provider::default())?;
//! # let keyring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), Arc::new(root));
//! # let keyring = keyring.create(&[Purpose::new("vault")?], &[]).await?;
//! # let folder = tempfile::tempdir().unwrap();
//! # let bob = Bob(Tenant::new("acme")?, Subject::new("bob")?, SystemClock::new().now()?);
//! # let store = Arc::new(MemoryStore::new(10_000));
//! let state = delete(keyring, store, folder.path().join("claims"), bob).await?;
//! assert_eq!(state, State::Executed);
//! # Ok(()) }
//! ```
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
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::Result;
use keyward_store::Found;

pub use builder::ExecutorBuilder;
pub use target::{Effect, Job, OnceBy, Target};

use crate::claims::ClaimAnchor;
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
    anchor: Arc<dyn ClaimAnchor>,
    target: Arc<dyn Target>,
    trust: Option<Arc<dyn Trusting>>,
    lease: Duration,
    /// One claim at a time in this process: what it pinned it knows.
    claiming: tokio::sync::Mutex<()>,
    /// When the anchor was last pruned, in milliseconds.
    pruned: AtomicU64,
    /// Where the last tick ended, among what executes and what was approved.
    ticked: Mutex<[Option<Found>; 2]>,
}

impl Executor {
    /// The executor of that name, which actions name, with the anchor that is its own.
    pub fn builder(
        gates: Gates,
        name: ExecutorName,
        anchor: Arc<dyn ClaimAnchor>,
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
