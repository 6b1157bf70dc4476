//! What a browser says of passkeys.

use std::collections::HashSet;

use keyward_approval::Trust;
use keyward_approval::passkey::authenticator_data::AuthenticatorData;
use keyward_approval::passkey::client_data::{self, ClientData};
use keyward_approval::passkey::{Assertion, PasskeyVote};
use keyward_base::encoding::base64url;
use keyward_crypto::Provider;
use keyward_crypto::foreign::{Algorithm, ForeignKey};

/// A public key is read in one form, and is what it was read from.
pub fn passkey_spki(data: &[u8]) {
    let Ok(key) = ForeignKey::from_spki(data) else {
        return;
    };
    assert_eq!(key.spki(), data);
    let (frame, lengths) = match key.algorithm() {
        Algorithm::Es256 => (27, 91..=91),
        _ => (0, 294..=550),
    };
    assert!(lengths.contains(&data.len()));
    // Nobody has signed what nobody signed.
    assert!(key.verify(data, &data[frame..]).is_err());
    assert!(key.verify(data, &[0; 256]).is_err());
    // A byte more, or one less, is no key.
    assert!(ForeignKey::from_spki(&[data, &[0]].concat()).is_err());
    assert!(ForeignKey::from_spki(&data[..data.len() - 1]).is_err());
}

/// What a browser says is read in one way: as a reader of JSON that takes the first of two members of
/// one name reads it, and as one that takes the last.
pub fn passkey_client_data(data: &[u8]) {
    let Ok(read) = ClientData::parse(data) else {
        return;
    };
    let text = std::str::from_utf8(data).expect("UTF-8");
    assert!(data.len() <= client_data::MAX_LEN && !text.starts_with('\u{feff}'));
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).expect("an object");
    assert_eq!(members["type"], "webauthn.get");
    assert_eq!(members["challenge"], base64url(read.challenge()));
    assert_eq!(members["origin"], read.origin());
    assert!(members.get("crossOrigin").is_none_or(|said| *said == false));
    assert!(!members.contains_key("topOrigin"));
    // Whatever is appended within the object is either read alike or refused.
    let inside = text.trim_end().strip_suffix('}').expect("its end");
    let again = format!("{inside},\"origin\":\"https://evil.example\"}}");
    assert!(ClientData::parse(again.as_bytes()).is_err());
    assert!(ClientData::parse(&[data, b"x"].concat()).is_err());
}

/// What an authenticator says is its 37 bytes and nothing else.
pub fn passkey_authenticator_data(data: &[u8]) {
    let Ok(read) = AuthenticatorData::parse(data) else {
        return;
    };
    let (flags, counter) = (data[32], read.counter().to_be_bytes());
    assert_eq!([read.rp_id_hash(), &[flags][..], &counter].concat(), data);
    assert_eq!(flags & 0b1110_0010, 0);
    assert_eq!(read.is_present(), flags & 1 != 0);
    assert_eq!(read.is_verified(), flags & 4 != 0);
    assert_eq!(read.is_synced(), flags & 8 != 0);
    assert!(flags & 16 == 0 || read.is_synced());
}

/// A vote as a record keeps it: what is read writes itself back byte for byte.
pub fn passkey_vote(data: &[u8]) {
    if let Ok(read) = PasskeyVote::from_bytes(data) {
        assert_eq!(read.to_bytes().expect("as long as it was"), data);
    }
    if let Ok(read) = Assertion::from_bytes(data) {
        assert_eq!(read.to_bytes(), data);
    }
    if let Ok(read) = Assertion::from_json(data) {
        let kept = Assertion::from_bytes(&read.to_bytes()).expect("what was written");
        assert_eq!(kept, read);
    }
}

/// A file of trust says what it says: no passkey is two persons', and whoever changes it is counted
/// once.
pub fn trust_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let provider = Provider::default();
    let Ok(trust) = Trust::parse(&provider, text) else {
        return;
    };
    assert_eq!(trust.text(), text);
    assert_eq!(*trust.digest(), provider.sha256(&[data]));
    assert!(trust.version() > 0);
    assert_eq!(
        trust
            .party()
            .origin()
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split(':').next()),
        Some(trust.party().rp_id())
    );
    let (mut ids, mut keys, mut may_change) = (HashSet::new(), HashSet::new(), HashSet::new());
    for approver in trust.approvers() {
        for passkey in approver.passkeys() {
            assert!(ids.insert(passkey.id()) && keys.insert(passkey.key().spki()));
        }
        if approver.may_change() {
            assert!(may_change.insert(approver.subject().as_str()));
        }
    }
    let quorum = trust.change_quorum().map_or(0, usize::from);
    assert!(quorum <= may_change.len());
    assert_eq!(quorum > 0, !may_change.is_empty());
}
