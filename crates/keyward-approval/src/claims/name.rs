//! What a claim is of.

use std::fmt;

use keyward_base::Timestamp;

use crate::gate::GateId;

/// What sort of thing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // The format has just these.
pub enum ClaimOf {
    /// The uses of a class, counted.
    Class,
    /// One gate.
    Gate,
}

impl ClaimOf {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Gate => "gate",
        }
    }
}

/// What a claim is of, and until when it can be claimed: after that it may be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct ClaimName {
    /// Which gate, or the gate of which class.
    pub id: GateId,
    /// What sort of thing it is.
    pub of: ClaimOf,
    /// Run-by of a gate, the end of a class.
    pub until: Timestamp,
}

impl ClaimName {
    /// A gate, which runs until `run_by`.
    #[must_use]
    pub const fn gate(id: GateId, run_by: Timestamp) -> Self {
        let of = ClaimOf::Gate;
        Self {
            id,
            of,
            until: run_by,
        }
    }

    /// A class, which has uses until `until`.
    #[must_use]
    pub const fn class(id: GateId, until: Timestamp) -> Self {
        let of = ClaimOf::Class;
        Self { id, of, until }
    }
}

impl fmt::Debug for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, until) = (self.of.as_str(), self.until.as_millis());
        write!(f, "{of}/{}/{until}", self.id)
    }
}
