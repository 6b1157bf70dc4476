//! The record of what is asked, decided and done: the door is [`Gates`].
//!
//! One record for each action that was asked for, under one MAC: its state, its votes, its history.
//! Each step is one compare-and-swap, in one batch with the entries of the tenant's audit log that
//! tell of it: so no step is without its entry, no entry is there twice, and nothing is decided by
//! what has changed since it was read. `docs/formats/gate.md` specifies the bytes.
//!
//! | file | what it holds |
//! |---|---|
//! | `ask` | asking, staging, editing |
//! | `decide` | votes, denials, withdrawals |
//! | `lend` | a vote lent for a time |
//! | `links` | the links of a gate: made, fetched, their tries |
//! | `due` | what time does: reminders, the second rule, the end |
//! | `glass` | breaking the glass, and the review after it |
//! | `once` | asked once for each idempotency key, and how many wait |
//! | `class` | approved once, run several times |
//! | `newest` | whether a record is the newest, as the log has it |
//! | [`export`] | all of a gate as a file, which proves itself |
//! | `news` | whose gates went on, from the log |
//! | `operator` | what whoever runs the command line says of a gate |
//! | `survey` | all gates of all tenants, for a check of a whole store |
//! | `standing` | a yes that is judged once more, for whoever acts on it and is no executor |
//! | `row` | the record's bytes |

mod approved;
mod ask;
mod builder;
mod class;
mod decide;
mod due;
pub mod export;
mod glass;
pub(crate) mod held;
mod id;
mod lend;
mod links;
mod load;
mod newest;
mod news;
mod once;
mod operator;
mod proof;
mod resolve;
pub(crate) mod row;
mod sealing;
mod shown;
mod standing;
mod state;
mod survey;
mod tally;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use keyward_audit::{Audit, Kinds};
use keyward_base::{
    BoxFuture, Clock, Door, Error, Evidence, Purpose, Result, Role, Subject, Tenant, Timestamp,
};
use keyward_keys::{Barrier, Keyring};
use keyward_store::Stores;

pub use approved::ApprovedAction;
pub use ask::{Answer, Asking};
pub use builder::GatesBuilder;
pub use class::Scope;
pub(crate) use class::{scope_of, within};
pub use decide::{Ballot, Standing};
pub use due::Due;
pub use held::ROW;
pub use id::GateId;
/// Where [`Gates::list`] goes on.
pub use keyward_store::Found;
pub use lend::MAX_LENT;
pub use links::{LinkState, Reserved, TRIES};
pub(crate) use newest::Newest;
pub use news::News;
pub use once::{ONCE_KEY, Once, PLACES_MOST};
pub use proof::{Passkeys, Questioned};
pub use resolve::Resolution;
pub use row::{Decision, GateShape, LINKS, Past, REASON, Vote, Voter};
pub use shown::{Shown, StepResult};
pub use state::{Channel, State, What};
pub use survey::Survey;
pub(crate) use tally::{is_late, rule_of};

use crate::policy::Policy;
use crate::reason;

/// The purpose of the ring whose keys authenticate gates.
pub const PURPOSE: &str = "approval";

/// The purpose of the ring whose keys seal secret arguments.
pub const SECRETS_PURPOSE: &str = "approval-secret";

/// How old evidence may be: as old as what starts a session.
pub const EVIDENCE_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// By how much two clocks of one service may differ.
pub const MAX_SKEW: std::time::Duration = std::time::Duration::from_secs(60);

/// How often a write is tried anew that lost to another.
const MAX_TRIES: usize = 64;

/// Which roles a person has, asked each time it matters. The service answers from what it keeps, and
/// never from what a request says.
pub trait Roles: fmt::Debug + Send + Sync {
    /// The roles that `subject` of `tenant` has now.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be told: nothing is decided then.
    fn roles<'a>(
        &'a self,
        tenant: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<Role>>>;
}

/// The gates of a service. A cheap clone; all clones are one.
#[derive(Clone)]
pub struct Gates(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) keyring: Keyring,
    pub(crate) audit: Audit,
    pub(crate) store: Arc<dyn Stores>,
    pub(crate) purpose: Purpose,
    pub(crate) sealing: Purpose,
    pub(crate) policy: RwLock<Arc<Policy>>,
    pub(crate) roles: Arc<dyn Roles>,
    pub(crate) doors: Vec<Door>,
    pub(crate) passkeys: Option<Arc<dyn Passkeys>>,
    pub(crate) kept: std::time::Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kinds: Kinds,
    /// What the logs have of gates, as far as they were read.
    readers: Mutex<newest::Readers>,
    pub(crate) barriers: Mutex<Option<Vec<Barrier>>>,
    /// Where the last tick ended, among what is staged, waits and was approved.
    ticked: Mutex<[Option<Found>; 4]>,
}

impl Gates {
    /// Gates in the store of `audit`, under the keys of `keyring`; what happens to them is in its
    /// logs.
    pub fn builder(keyring: Keyring, audit: Audit, policy: Policy) -> GatesBuilder {
        GatesBuilder::new(keyring, audit, policy)
    }

    /// The policy by which asks are judged now.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        let held = self.0.policy.read();
        Arc::clone(&held.unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges by `policy` from now on. What waits is judged by it when somebody votes, and again when
    /// it is run.
    pub fn set_policy(&self, policy: Policy) {
        let held = self.0.policy.write();
        *held.unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// By which doors who decides comes in.
    #[must_use]
    pub fn doors(&self) -> &[Door] {
        &self.0.doors
    }

    /// Where the time comes from.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(crate) fn now(&self) -> Result<Timestamp> {
        self.0.clock.now()
    }

    /// Who it is that evidence shows, if it is fit to decide by.
    pub(crate) fn shown(&self, tenant: &Tenant, evidence: &impl Evidence) -> Result<Subject> {
        let (now, at) = (self.now()?, evidence.at());
        if at > now.saturating_add(MAX_SKEW) {
            return Err(Error::unavailable(
                "the clock is behind the one by which evidence was gathered: set it right",
            ));
        }
        let is_fit = evidence.tenant() == tenant
            && self.0.doors.contains(&evidence.door())
            && !evidence.is_factor_due();
        if !is_fit {
            return Err(Error::rejected(reason::EVIDENCE));
        }
        if now.saturating_since(at) > EVIDENCE_MAX_AGE {
            return Err(Error::rejected(reason::EVIDENCE_OLD));
        }
        Ok(evidence.subject().clone())
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gates")
            .field("doors", &self.0.doors)
            .finish_non_exhaustive()
    }
}

pub(crate) fn contended() -> Error {
    Error::unavailable(
        "the gate is contended: every try lost to another writer; try again in a moment",
    )
}
