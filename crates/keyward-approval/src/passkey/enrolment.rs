//! How a passkey is taken up: its public key as the browser gives it, closed by an assertion.
//!
//! The browser makes a key (`navigator.credentials.create`) and gives its public half
//! (`getPublicKey()`) beside an attestation object, which nothing here reads: no attestation is
//! asked for. So nothing has shown yet that whoever sent it has the private half, that the
//! authenticator verifies its owner, or that the key works at all. An assertion over the key shows
//! it, and binds whose it is to be. Nothing of this makes it good for a vote: it is when the file of
//! [`crate::trust`] has it.

use keyward_base::{Domain, Result, Subject, Tenant};

use super::assertion::{Assertion, Checked, Passkey};
use super::party::Party;

/// Service, RP ID, tenant, approver, id of the key, its SubjectPublicKeyInfo, nonce.
type Key<'a> = (
    &'a str,
    &'a str,
    &'a Tenant,
    &'a Subject,
    &'a [u8],
    &'a [u8],
    [u8; 32],
);

const ENROLMENT: Domain<Key<'_>> = Domain::new("keyward/v1/passkey-enrolment");

/// A passkey that somebody is about to have.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // An enrolment without one of them does not compile.
pub struct Enrolment<'a> {
    /// The service that it is to be good at.
    pub service: &'a str,
    /// The tenant of the approver.
    pub tenant: &'a Tenant,
    /// Whose it is to be: as who is signed in, never as the browser says.
    pub approver: &'a Subject,
    /// The key.
    pub passkey: &'a Passkey,
    /// 32 random bytes, drawn when the enrolment began and kept with the session until it ends.
    pub nonce: [u8; 32],
}

impl Enrolment<'_> {
    /// What the new key is to sign: 32 bytes.
    #[must_use]
    pub fn challenge(&self, party: &Party) -> [u8; 32] {
        let fields = (
            self.service,
            party.rp_id(),
            self.tenant,
            self.approver,
            self.passkey.id(),
            self.passkey.key().spki(),
            self.nonce,
        );
        let mut encoded = Vec::new();
        ENROLMENT.stream(&fields, |piece| encoded.extend_from_slice(piece));
        party.provider().sha256(&[&encoded])
    }

    /// Closes it by the assertion of the key itself.
    ///
    /// # Errors
    /// As [`Party::check`].
    pub fn close(&self, party: &Party, assertion: &Assertion) -> Result<Enrolled> {
        let checked = party.check(assertion, self.passkey, &self.challenge(party))?;
        Ok(Enrolled {
            tenant: self.tenant.clone(),
            approver: self.approver.clone(),
            passkey: self.passkey.clone(),
            checked,
        })
    }
}

/// A passkey that has shown that it is its approver's. Only [`Enrolment::close`] makes one.
#[derive(Debug)]
#[must_use = "a passkey is good for votes once the file of trust has it"]
pub struct Enrolled {
    tenant: Tenant,
    approver: Subject,
    passkey: Passkey,
    checked: Checked,
}

impl Enrolled {
    /// The tenant of the approver.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Whose it is.
    #[must_use]
    pub const fn approver(&self) -> &Subject {
        &self.approver
    }

    /// The key.
    #[must_use]
    pub const fn passkey(&self) -> &Passkey {
        &self.passkey
    }

    /// What its authenticator said of itself.
    pub const fn checked(&self) -> Checked {
        self.checked
    }
}
