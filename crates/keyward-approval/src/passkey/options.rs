//! What a page passes to the browser, as JSON (WebAuthn Level 3, sections 5.1.8 and 5.1.9):
//!
//! ```js
//! const create = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(creation));
//! const made = await navigator.credentials.create({ publicKey: create });
//! // rawId and made.response.getPublicKey() go to the service, which answers with a request.
//! const get = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(request));
//! const given = await navigator.credentials.get({ publicKey: get });
//! // JSON.stringify(given) goes to the service: Assertion::from_json reads it.
//! ```

use keyward_base::encoding::base64url;
use keyward_base::{Domain, Subject, Tenant};
use keyward_crypto::foreign::Algorithm;
use serde_json::json;

use super::assertion::Passkey;
use super::party::Party;

/// Tenant and approver: what the authenticator calls its user, of whom it may tell nothing
/// (WebAuthn Level 3, section 14.6.1).
const USER: Domain<(&Tenant, &Subject)> = Domain::new("keyward/v1/passkey-user");

/// How long a person has, in milliseconds: five minutes, the recommended default where the user is
/// verified (WebAuthn Level 3, section 15.1).
const TIMEOUT: u32 = 300_000;

impl Party {
    /// What `navigator.credentials.create` is to make: a key of one of the two algorithms, whose
    /// authenticator verifies its owner, without attestation, and none that the approver has already.
    /// `shown` is the approver's name, for the browser's own window.
    ///
    /// The challenge is 32 zeros: nothing is taken from what comes back but the key, and that is
    /// closed by an assertion of its own ([`Enrolment`](super::Enrolment)).
    #[must_use]
    pub fn creation(
        &self,
        tenant: &Tenant,
        approver: &Subject,
        shown: &str,
        held: &[Passkey],
    ) -> String {
        let mut user = Vec::new();
        USER.stream(&(tenant, approver), |piece| user.extend_from_slice(piece));
        let user = self.provider().sha256(&[&user]);
        let algorithms = [Algorithm::Es256, Algorithm::Rs256]
            .map(|algorithm| json!({ "type": "public-key", "alg": algorithm.cose() }));
        json!({
            "rp": { "id": self.rp_id(), "name": self.rp_id() },
            "user": { "id": base64url(&user), "name": shown, "displayName": shown },
            "challenge": base64url(&[0; 32]),
            "pubKeyCredParams": algorithms,
            "timeout": TIMEOUT,
            "excludeCredentials": named(held),
            "authenticatorSelection": { "residentKey": "discouraged", "userVerification": "required" },
            "attestation": "none",
        })
        .to_string()
    }

    /// What `navigator.credentials.get` is to sign, by one of these passkeys: those of the approver
    /// that the file of trust has.
    #[must_use]
    pub fn request(&self, challenge: &[u8; 32], passkeys: &[Passkey]) -> String {
        json!({
            "challenge": base64url(challenge),
            "rpId": self.rp_id(),
            "timeout": TIMEOUT,
            "allowCredentials": named(passkeys),
            "userVerification": "required",
        })
        .to_string()
    }
}

fn named(passkeys: &[Passkey]) -> Vec<serde_json::Value> {
    let named = |passkey: &Passkey| json!({ "type": "public-key", "id": base64url(passkey.id()) });
    passkeys.iter().map(named).collect()
}
