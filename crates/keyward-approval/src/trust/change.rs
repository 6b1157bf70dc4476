//! A new file by the votes of the old one.

use keyward_base::{Domain, Error, Result, Subject, Tenant};

use super::Trust;
use crate::passkey::Assertion;
use crate::reason::{NOT_APPROVER, QUORUM, UNKNOWN_PASSKEY, VOTED};
use crate::word::ServiceName;

/// Service; version and SHA-256 of the old file and of the new one; quorum; tenant and subject of the
/// voter; nonce.
type Change<'a> = (
    &'a ServiceName,
    u64,
    &'a [u8; 32],
    u64,
    &'a [u8; 32],
    u8,
    &'a Tenant,
    &'a Subject,
    [u8; 32],
);

const CHANGE: Domain<Change<'_>> = Domain::new("keyward/v1/trust-change");

/// A vote for a new file.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // What a vote for a file is.
pub struct ChangeVote {
    /// Of whose.
    pub tenant: Tenant,
    /// Who.
    pub subject: Subject,
    /// 32 random bytes, drawn for this vote.
    pub nonce: [u8; 32],
    /// The assertion over [`Trust::change_challenge`].
    pub assertion: Assertion,
}

/// A new file for which the old one's voters have voted. Only [`Trust::accept`] makes one;
/// [`TrustFile::replace`](super::TrustFile::replace) takes it.
#[derive(Debug)]
#[must_use = "the new file holds once it is written"]
pub struct Succession {
    before: [u8; 32],
    next: Trust,
}

impl Succession {
    /// What the new file says.
    #[must_use]
    pub const fn next(&self) -> &Trust {
        &self.next
    }

    pub(super) fn into_parts(self) -> ([u8; 32], Trust) {
        (self.before, self.next)
    }
}

impl Trust {
    /// What one of those who may change this file signs for `next` to take its place: 32 bytes. It is
    /// good for this file and that one alone, to the byte.
    ///
    /// # Errors
    /// `Misuse` if this file is changed by hand only.
    pub fn change_challenge(
        &self,
        next: &Self,
        tenant: &Tenant,
        subject: &Subject,
        nonce: [u8; 32],
    ) -> Result<[u8; 32]> {
        let fields = (
            &self.service,
            self.version,
            &self.digest,
            next.version,
            &next.digest,
            self.quorum()?,
            tenant,
            subject,
            nonce,
        );
        let mut encoded = Vec::new();
        CHANGE.stream(&fields, |piece| encoded.extend_from_slice(piece));
        Ok(self.provider.sha256(&[&encoded]))
    }

    /// Takes `next` for this file's successor, if as many of those who may change this one as it says
    /// have voted for it. Every vote that is given has to be good.
    ///
    /// # Errors
    /// `Misuse` if this file is changed by hand only, if `next` is of another service, or its version
    /// is not greater. `Rejected`: [`NOT_APPROVER`] for a vote of somebody who may not,
    /// [`VOTED`] for a second one of one person, [`QUORUM`] for too few; [`UNKNOWN_PASSKEY`] and as
    /// [`Party::check`](crate::passkey::Party::check) for an assertion that is not this vote.
    pub fn accept(&self, next: Self, votes: &[ChangeVote]) -> Result<Succession> {
        let quorum = self.quorum()?;
        if next.service != self.service || next.version <= self.version {
            return Err(Error::misuse(
                "a new file of trust is of the same service and has a greater version",
            ));
        }
        let mut voted: Vec<&Subject> = Vec::new();
        for vote in votes {
            let may = self.approver(&vote.tenant, &vote.subject);
            let may = may
                .filter(|approver| approver.may_change())
                .ok_or_else(|| Error::rejected(NOT_APPROVER))?;
            if voted.contains(&&vote.subject) {
                return Err(Error::rejected(VOTED));
            }
            let passkey = may
                .passkey(vote.assertion.credential())
                .ok_or_else(|| Error::rejected(UNKNOWN_PASSKEY))?;
            let signed = self.change_challenge(&next, &vote.tenant, &vote.subject, vote.nonce)?;
            let _ = self.party.check(&vote.assertion, passkey, &signed)?;
            voted.push(&vote.subject);
        }
        if voted.len() < usize::from(quorum) {
            return Err(Error::rejected(QUORUM));
        }
        Ok(Succession {
            before: self.digest,
            next,
        })
    }

    fn quorum(&self) -> Result<u8> {
        self.change_quorum
            .filter(|least| *least > 0)
            .ok_or_else(|| {
                Error::misuse("this file of trust is changed by hand only: it has no change-quorum")
            })
    }
}
