//! Approvals: nothing dangerous runs until a person said so, and the record proves it.
//!
//! ```
//! use keyward_approval::{
//!     ActionBuilder, AgentAsk, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape, Type,
//!     Verdict, View,
//! };
//! use keyward_base::{Subject, Tenant, Timestamp};
//! use keyward_crypto::Provider;
//!
//! # fn main() -> keyward_base::Result<()> {
//! # let provider = Provider::default();
//! # let now = Timestamp::from_millis(1_767_225_600_000);
//! // What the service can do, with every default said; and what needs whose approval.
//! let delete = Shape::new("server.delete")?.must("region", Type::Text)?.or("force", false)?;
//! let catalogue = Catalogue::new().with(delete)?;
//! let policy = Policy::parse(&provider, r#"
//!     keyward-policy = 1
//!     version = 1
//!     otherwise = "one-admin"
//!
//!     [rule.one-admin]
//!     strictness = 10
//!     approvers = ["role:admin"]
//!     quorum = 1
//!
//!     [case.test-servers]
//!     kind = "server.delete"
//!     target = { starts-with = "test-" }
//!     when.region = { is = "eu-1" }
//!     when.force = { is = false }
//!     then = "auto"
//! "#)?;
//!
//! // An agent says what it wants and why; who it is and whose the service says.
//! let ask = AgentAsk::parse(&catalogue, br#"{
//!     "reason": "nobody has used it since June",
//!     "steps": [{"kind": "server.delete", "target": "web-1", "arguments": {"region": "eu-1"}}]
//! }"#)?;
//! let requester = Requester::agent_of(Subject::new("ada")?, Subject::new("agent-7")?);
//! let (service, executor) = (ServiceName::new("deploydesk")?, ExecutorName::new("worker")?);
//! let builder = ActionBuilder::new(Tenant::new("acme")?, service, executor, requester);
//! let asked = builder.ask(ask).build(&policy, now, &provider)?;
//! assert!(matches!(asked.verdict, Verdict::NeedsApproval(rule) if rule.as_str() == "one-admin"));
//!
//! // What an approver is shown is made from the bytes whose digest he votes on.
//! let shown = View::of(&asked.action).text();
//! assert!(shown.starts_with("Step 1 of 1: server.delete\n  target: \"web-1\"\n  force: false\n"));
//! assert!(shown.contains(&asked.action.digest().to_string()));
//! # Ok(()) }
//! ```
//!
//! From here on a [`Gates`] keeps the ask until it is decided, and an [`Executor`] runs what was
//! approved: [`executor`] goes all the way in one example, and `docs/approvals.md` is the guide.
//!
//! | module | what it holds |
//! |---|---|
//! | [`action`] | what is to be done, as bytes with one digest |
//! | [`callback`] | what whoever asked is told, signed |
//! | [`claims`] | what was claimed, outside the database: the anchor of an executor |
//! | [`danger`] | what a hurried person should not find first |
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
pub mod claims;
pub mod danger;
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
pub use claims::FileClaims;
pub use executor::Executor;
pub use gate::{Answer, ApprovedAction, Asking, Ballot, GateId, Gates, GatesBuilder, Scope, State};
pub use link::{Letter, Links};
pub use policy::{Policy, PolicyRef, Rule, Verdict};
pub use trust::{Trust, TrustFile};
pub use view::View;
pub use who::{Requester, RequesterKind, Whom};
pub use word::{ActionKind, ArgumentName, ExecutorName, RuleName, ServiceName};
