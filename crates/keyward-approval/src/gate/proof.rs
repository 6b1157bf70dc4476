//! The seam for votes that are proved by a passkey.

use std::fmt;

use keyward_base::{Result, Subject};

use super::id::GateId;
use super::row::Decision;
use crate::action::Action;
use crate::policy::Rule;

/// What an approver is asked, as the challenge covers it: whoever checks a proof compares all of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Questioned<'a> {
    /// The gate.
    pub gate: GateId,
    /// The action, whose bytes hold service, tenant, requester, on whose behalf, decide-by and run-by.
    pub action: &'a Action,
    /// The rule that holds, and with it the quorum.
    pub rule: &'a Rule,
    /// Yes or no.
    pub decision: Decision,
    /// How often it may run.
    pub scope: crate::passkey::Scope<'a>,
    /// Who votes.
    pub approver: &'a Subject,
    /// Whose vote it is, if he lent it.
    pub lent_by: Option<&'a Subject>,
}

/// What checks votes by passkeys, against keys that no row of the database names.
///
/// It is asked when a vote comes in, each time votes are counted, and by the executor for each vote
/// before anything runs. Where a rule wants passkeys and nothing checks them, no vote counts.
pub trait Passkeys: fmt::Debug + Send + Sync {
    /// Whether `proof`, 1 to 4,096 bytes as they came and as the record keeps them, is this approver's
    /// vote on exactly this.
    ///
    /// # Errors
    /// `Rejected` for any other; `Unavailable` if it cannot be told. The vote counts in neither case.
    fn check(&self, asked: &Questioned<'_>, proof: &[u8]) -> Result<()>;
}
