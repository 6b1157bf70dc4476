//! What is voted on: every fact that decides, in one challenge.

use keyward_base::{Domain, Error, Result, Subject, Timestamp};
use keyward_crypto::Provider;

use crate::gate::GateId;
use crate::who::Requester;
use crate::word::ArgumentName;

/// Service, gate, action, rule, quorum, decision, scope, requester, on whose behalf, approver,
/// delegation, nonce.
type Vote<'a> = (
    &'a str,
    GateId,
    &'a [u8],
    &'a str,
    u32,
    &'static str,
    &'a [u8],
    &'a [u8],
    &'a str,
    &'a Subject,
    &'a [u8],
    [u8; 32],
);

const VOTE: Domain<Vote<'_>> = Domain::new("keyward/v1/passkey-vote");

/// Kind, subject, owner (may be empty, which no subject is).
const REQUESTER: Domain<(&str, &Subject, &str)> = Domain::new("keyward/v1/passkey-requester");

/// To whom, and until when.
const GIVEN: Domain<(&Subject, Timestamp)> = Domain::new("keyward/v1/passkey-delegation-given");

/// The scope of an approval of one action.
const ONCE: &[u8] = b"once";

/// The names of what is fixed with line feeds between them, until when, and how often.
const CLASS: Domain<(&str, Timestamp, u32)> = Domain::new("keyward/v1/passkey-scope-class");

/// From whom, until when, and the challenge under which it was given.
const HELD: Domain<(&Subject, Timestamp, [u8; 32])> =
    Domain::new("keyward/v1/passkey-delegation-held");

/// What an approver decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever counts votes has to count each.
pub enum Decision<'a> {
    /// It may run.
    Approve,
    /// It may not, which ends it.
    Deny,
    /// Somebody else is to decide in the approver's place.
    Delegate {
        /// Who.
        to: &'a Subject,
        /// Until when; what he approves runs until then only.
        until: Timestamp,
    },
}

impl Decision<'_> {
    /// `approve`, `deny` or `delegate`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Delegate { .. } => "delegate",
        }
    }
}

/// For what an approval is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Once, or as a class.
pub enum Scope<'a> {
    /// This action, once.
    Once,
    /// Besides, each action of its class.
    Class {
        /// The arguments that are fixed, in the order of their bytes, each once.
        fixed: &'a [String],
        /// From when on it ends.
        until: Timestamp,
        /// How often, beside this once.
        count: u32,
    },
}

impl Scope<'_> {
    /// `once`, or the encoding of the class.
    fn bytes(&self) -> Result<Vec<u8>> {
        let Self::Class {
            fixed,
            until,
            count,
        } = self
        else {
            return Ok(ONCE.to_vec());
        };
        let rises = fixed.is_sorted_by(|a, b| a < b);
        if !rises || fixed.iter().any(|name| ArgumentName::new(name).is_err()) {
            return Err(Error::misuse(
                "the fixed arguments of a class are names in their order, each once",
            ));
        }
        // No name of an argument has the byte that stands between them.
        let names = fixed.join("\n");
        let mut encoded = Vec::new();
        CLASS.stream(&(names.as_str(), *until, *count), |piece| {
            encoded.extend_from_slice(piece);
        });
        Ok(encoded)
    }
}

/// By whose leave somebody votes who is not asked himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // What a delegation is.
pub struct Held<'a> {
    /// In whose place.
    pub from: &'a Subject,
    /// Until when.
    pub until: Timestamp,
    /// The challenge of the statement by which it was given.
    pub given: [u8; 32],
}

/// All that a vote is about. Another value in any of the fields is another [challenge]: a vote is
/// good for these and no others.
///
/// [challenge]: Statement::challenge
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // A statement without one of them does not compile.
pub struct Statement<'a> {
    /// Which service it is that acts.
    pub service: &'a str,
    /// Which gate: one request, and no second one like it.
    pub gate: GateId,
    /// The action's canonical bytes: what is to be done, to what, whose, by which executor, under
    /// which policy, until when it is to be decided and run.
    pub action: &'a [u8],
    /// By which rule.
    pub rule: &'a str,
    /// How many approvals that rule asks for.
    pub quorum: u32,
    /// What is decided.
    pub decision: Decision<'a>,
    /// For what it is good.
    pub scope: Scope<'a>,
    /// Who asks, whose program that is, and on whose behalf it acts.
    pub requester: &'a Requester,
    /// Who decides.
    pub approver: &'a Subject,
    /// In whose place, if in another's.
    pub held: Option<Held<'a>>,
    /// 32 random bytes, drawn for this vote.
    pub nonce: [u8; 32],
}

impl Statement<'_> {
    /// What an authenticator is to sign: SHA-256 of the encoding (`docs/formats/mac.md`) of all
    /// fields in their domain, 32 bytes.
    ///
    /// # Errors
    /// `Misuse` for a delegation by somebody who votes in another's place: none is handed on; and for
    /// a class whose fixed arguments are not names in their order.
    pub fn challenge(&self, provider: &Provider) -> Result<[u8; 32]> {
        let requester = REQUESTER.encode(&(
            self.requester.kind().as_str(),
            self.requester.subject(),
            text(self.requester.owner()),
        ))?;
        let delegation = match (self.decision, self.held) {
            (Decision::Delegate { .. }, Some(_)) => {
                return Err(Error::misuse("a delegation is not handed on"));
            }
            (Decision::Delegate { to, until }, None) => Some(GIVEN.encode(&(to, until))?),
            (_, Some(held)) => Some(HELD.encode(&(held.from, held.until, held.given))?),
            (_, None) => None,
        };
        let delegation = delegation.as_ref().map(|encoded| encoded.as_bytes());
        let scope = self.scope.bytes()?;
        let fields = (
            self.service,
            self.gate,
            self.action,
            self.rule,
            self.quorum,
            self.decision.as_str(),
            scope.as_slice(),
            requester.as_bytes(),
            text(self.requester.for_whom()),
            self.approver,
            delegation.unwrap_or_default(),
            self.nonce,
        );
        let mut encoded = Vec::new();
        VOTE.stream(&fields, |piece| encoded.extend_from_slice(piece));
        Ok(provider.sha256(&[&encoded]))
    }
}

fn text(subject: Option<&Subject>) -> &str {
    subject.map_or("", Subject::as_str)
}
