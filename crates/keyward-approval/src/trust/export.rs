//! The votes of a gate as a text, for whoever checks them without the service.

use keyward_base::encoding::{base64url, hex};
use keyward_base::{Error, Result, Subject};
use serde_json::{Value, json};

use super::{CastVote, Facts, Trust};
use crate::passkey::{Assertion, PasskeyVote, Scope};
use crate::reason::UNKNOWN_PASSKEY;

impl Trust {
    /// A JSON text of what was signed and by which keys, as `docs/formats/passkey-vote.md` says.
    /// Whoever has it and a file of trust that he believes can tell, without the service, whether
    /// each is that person's vote on that action: nothing in it is the service's word but what is
    /// signed. Nothing is checked here, and the action's arguments stand in it: it is as secret as
    /// they are.
    ///
    /// # Errors
    /// `Rejected` ([`UNKNOWN_PASSKEY`]) for a vote whose passkey this file does not have; `Corrupt`
    /// for a proof that is none; `Misuse` if the file has no such rule.
    pub fn export(&self, facts: &Facts<'_>, votes: &[CastVote<'_>]) -> Result<String> {
        let rule = facts
            .rule
            .and_then(|name| self.policy.rule(name.as_str()))
            .ok_or_else(|| Error::misuse("the file of trust has no such rule"))?;
        let votes = votes.iter().map(|vote| self.exported(facts, vote));
        let votes = votes.collect::<Result<Vec<_>>>()?;
        let scope = match facts.scope {
            Scope::Once => Value::Null,
            Scope::Class {
                fixed,
                until,
                count,
            } => json!({ "fixed": fixed, "until": until.as_millis(), "count": count }),
        };
        let text = json!({
            "keyward-votes": 1,
            "trust": { "version": self.version, "sha256": hex(&self.digest) },
            "rp-id": self.party.rp_id(),
            "origin": self.party.origin(),
            "service": self.service.as_str(),
            "gate": hex(&facts.gate.to_bytes()),
            "action": base64url(facts.action.bytes()),
            "rule": rule.name().as_str(),
            "quorum": rule.quorum(),
            "scope": scope,
            "votes": votes,
        });
        Ok(text.to_string())
    }

    fn exported(&self, facts: &Facts<'_>, vote: &CastVote<'_>) -> Result<Value> {
        let proof = PasskeyVote::from_bytes(vote.proof)?;
        let given = match (&proof.given, vote.lent_by) {
            (Some(given), Some(from)) => json!({
                "from": from.as_str(),
                "until": given.until.as_millis(),
                "nonce": hex(&given.nonce),
                "signed": self.signed_by(facts, from, &given.assertion)?,
            }),
            _ => Value::Null,
        };
        Ok(json!({
            "approver": vote.approver.as_str(),
            "decision": if vote.approves { "approve" } else { "deny" },
            "nonce": hex(&proof.nonce),
            "signed": self.signed_by(facts, vote.approver, &proof.assertion)?,
            "delegation": given,
        }))
    }

    fn signed_by(&self, facts: &Facts<'_>, who: &Subject, assertion: &Assertion) -> Result<Value> {
        let passkeys = self.passkeys(facts.action.tenant(), who).iter();
        let passkey = passkeys
            .into_iter()
            .find(|passkey| passkey.id() == assertion.credential())
            .ok_or_else(|| Error::rejected(UNKNOWN_PASSKEY))?;
        Ok(json!({
            "id": base64url(passkey.id()),
            "public-key": base64url(passkey.key().spki()),
            "client-data": base64url(assertion.client_data()),
            "authenticator-data": base64url(assertion.authenticator_data()),
            "signature": base64url(assertion.signature()),
        }))
    }
}
