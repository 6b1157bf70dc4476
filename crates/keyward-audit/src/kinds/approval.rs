//! The kinds of approvals: what was proposed, what was decided of it, what came of each action, and
//! what happened between.
//!
//! Who decided is the event's actor, on whose behalf its `for_whom`, when its time; how an action
//! ended is its outcome, with the reason of a failure.

use keyward_base::Result;

use super::{Kind, Kinds, Type};

/// What was shown, of which ticket: the same fields in each of the four, so that one is found by
/// the other. Where a gate keeps the record, `entry` is the number in its history, and `fence` how
/// often it changed.
fn kind(action: &str) -> Kind {
    Kind::new(action)
        .must("ticket", Type::Id(128))
        .may("instance", Type::Id(128))
        .may("category", Type::Id(64))
        .must("action", Type::Id(128))
        .must("shown", Type::Digest)
}

/// The place of an event in the record of its gate.
fn placed(kind: Kind) -> Kind {
    kind.may("entry", Type::Number)
        .may("fence", Type::Number)
        .may("record", Type::Digest)
}

impl Kinds {
    /// The class of retention of approvals: what runs by them needs their entries for as long as it
    /// may run, however soon a rule erases others.
    pub const APPROVALS: &'static str = "approval";
    /// What an action is called that was proposed.
    pub const PROPOSE: &'static str = "approval.propose";
    /// What a decision is called.
    pub const DECIDE: &'static str = "approval.decide";
    /// What is called what came of an action.
    pub const RESULT: &'static str = "approval.result";
    /// What is called what else happened to a proposal.
    pub const NOTE: &'static str = "approval.note";

    /// The kinds of approvals. Each is about one action of a ticket: `ticket`, `instance` (may),
    /// `category` (may), `action`, and `shown`, SHA-256 of the very bytes that were shown, and run.
    ///
    /// | kind | what it has beside |
    /// |---|---|
    /// | `approval.propose` | `needs-approval`, a flag; `confidence` (may), in thousandths; `expires` (may), a time |
    /// | `approval.decide` | `status`: `approved`, `denied`, `expired`, `superseded` or `withdrawn`; `channel`: `link`, `page`, `passkey`, `chat`, `api`, `policy`, `operator` or `click`; `expires` (may) |
    /// | `approval.result` | `status` under which it ran: `approved` or `automatic` |
    /// | `approval.note` | `event`, a word: what happened |
    ///
    /// Each may have, last, `entry` and `fence`: its number in the history of its gate, and how often
    /// the gate's record had changed; and `record`, SHA-256 of the gate's record after it. Uses of a class (`class-used`) and tries of codes (`code-tried`)
    /// are in no history: `entry` is how many of them there were before.
    ///
    /// # Errors
    /// None that can be reached: each is a kind.
    pub fn approvals() -> Result<Self> {
        let propose = kind(Self::PROPOSE)
            .must("needs-approval", Type::Flag)
            .may("confidence", Type::Number)
            .may("expires", Type::Time);
        let status = ["approved", "denied", "expired", "superseded", "withdrawn"];
        let channel = [
            "link", "page", "passkey", "chat", "api", "policy", "operator", "click",
        ];
        let decide = kind(Self::DECIDE)
            .must("status", Type::words(status))
            .must("channel", Type::words(channel))
            .may("expires", Type::Time);
        let result = kind(Self::RESULT).must("status", Type::words(["approved", "automatic"]));
        let note = kind(Self::NOTE).must("event", Type::words(NOTES));
        Self::of("approval")
            .with(placed(propose))?
            .with(placed(decide))?
            .with(placed(result))?
            .with(placed(note))
    }
}

/// What else may happen to a proposal.
const NOTES: [&str; 20] = [
    "asked-anew",
    "break-glass",
    "claimed",
    "class-ended",
    "class-used",
    "code-tried",
    "delegated",
    "escalated",
    "executed",
    "failed",
    "fetched",
    "indeterminate",
    "issued",
    "link-dead",
    "link-made",
    "not-run",
    "reclaimed",
    "reminded",
    "reviewed",
    "voted",
];
