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
//! let requester = Requester::agent(agent).owned_by(ada.clone());
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
//! | [`who`] | who asks, and who may answer |

pub mod who;

pub use who::{Requester, RequesterKind, Whom};
