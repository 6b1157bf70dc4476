//! The kinds of approvals: what was proposed, what was decided of it, and what came of each action.
//!
//! Who decided is the event's actor, on whose behalf its `for_whom`, when its time; how an action
//! ended is its outcome, with the reason of a failure.

use keyward_base::Result;

use super::{Kind, Kinds, Type};

/// What was shown, of which ticket: the same fields in each of the three, so that one is found by
/// the other.
fn kind(action: &str) -> Kind {
    Kind::new(action)
        .must("ticket", Type::Id(128))
        .may("instance", Type::Id(128))
        .may("category", Type::Id(64))
        .must("action", Type::Id(128))
        .must("shown", Type::Digest)
}

impl Kinds {
    /// What an action is called that was proposed.
    pub const PROPOSE: &'static str = "approval.propose";
    /// What a decision is called.
    pub const DECIDE: &'static str = "approval.decide";
    /// What is called what came of an action.
    pub const RESULT: &'static str = "approval.result";

    /// The kinds of approvals. Each is about one action of a ticket: `ticket`, `instance` (may),
    /// `category` (may), `action`, and `shown`, SHA-256 of the very bytes that were shown, and run.
    ///
    /// | kind | what it has beside |
    /// |---|---|
    /// | `approval.propose` | `needs-approval`, a flag; `confidence` (may), in thousandths; `expires` (may), a time |
    /// | `approval.decide` | `status`: `approved`, `denied`, `expired` or `withdrawn`; `channel`: `link`, `page`, `chat`, `api` or `policy`; `expires` (may) |
    /// | `approval.result` | `status` under which it ran: `approved` or `automatic` |
    ///
    /// # Errors
    /// None that can be reached: each is a kind.
    pub fn approvals() -> Result<Self> {
        let propose = kind(Self::PROPOSE)
            .must("needs-approval", Type::Flag)
            .may("confidence", Type::Number)
            .may("expires", Type::Time);
        let status = ["approved", "denied", "expired", "withdrawn"];
        let channel = ["link", "page", "chat", "api", "policy"];
        let decide = kind(Self::DECIDE)
            .must("status", Type::words(status))
            .must("channel", Type::words(channel))
            .may("expires", Type::Time);
        let result = kind(Self::RESULT).must("status", Type::words(["approved", "automatic"]));
        Self::of("approval")
            .with(propose)?
            .with(decide)?
            .with(result)
    }
}
