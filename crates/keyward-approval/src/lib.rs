//! Approvals: nothing dangerous runs until a person said so, and the record proves it.
//!
//! ```
//! use keyward_approval::{Requester, Whom};
//! use keyward_base::{Role, Subject};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let (agent, ada) = (Subject::new("agent-7")?, Subject::new("ada")?);
//!
//! // Whoever stands behind an ask is one of those who ask.
//! let requester = Requester::agent_of(ada.clone(), agent);
//! assert!(requester.is_self(&ada));
//!
//! // Who may approve is named as one person, or as all who have a role.
//! assert_eq!(Whom::parse("role:admin")?, Whom::Role(Role::new("admin")?));
//! assert_eq!(Whom::parse("ada")?, Whom::Subject(ada));
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`action`] | what is to be done, as bytes with one digest |
//! | [`callback`] | what whoever asked is told, signed |
//! | [`executor`] | what runs that was approved |
//! | [`gate`] | the record of what is asked, decided and done |
//! | [`link`] | links by which an approver comes to what waits for him |
//! | [`policy`] | what needs an approval, and whose: a policy as data |
//! | [`passkey`] | votes that the service itself cannot forge |
//! | [`reason`] | the words for the audit |
//! | [`trust`] | what the service itself cannot change: who approves, by which keys and rules |
//! | [`view`] | what a person is shown of an action |
//! | [`who`] | who asks, and who may answer |
//! | [`word`] | the names that a service gives what it does |

pub mod action;
pub mod callback;
pub mod executor;
pub mod gate;
pub mod link;
pub mod passkey;
pub mod policy;
pub mod reason;
pub mod trust;
pub mod view;
pub mod who;
pub mod word;

pub use action::{
    Action, ActionBuilder, ActionDigest, AgentAsk, Argument, Asked, Catalogue, NotAnAsk, Secrets,
    Shape, Step, StepBuilder, Type, Value,
};
pub use executor::Executor;
pub use gate::{Answer, ApprovedAction, Asking, Ballot, GateId, Gates, GatesBuilder, Scope, State};
pub use link::{Letter, Links};
pub use policy::{Again, Policy, PolicyRef, Rule, Under, Verdict};
pub use trust::{Trust, TrustFile};
pub use view::View;
pub use who::{Requester, RequesterKind, Whom};
pub use word::{ActionKind, ArgumentName, ExecutorName, RuleName, ServiceName};
