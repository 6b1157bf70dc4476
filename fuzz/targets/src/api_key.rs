//! API keys of strangers, and rows and epochs that somebody else wrote.

use std::sync::{Arc, LazyLock};

use keyward_base::encoding::from_base64url;
use keyward_base::token::TokenKind;
use keyward_base::{ErrorKind, KeyId, ManualClock, Purpose, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::api_key::format::{EpochShape, RowShape};
use keyward_session::api_key::{ApiKeys, NewKey, Ranges, Scopes, checksum_is_right};
use keyward_session::danger::Operator;
use keyward_store::MemoryStore;
use secrecy::ExposeSecret as _;
use tokio::runtime::{Builder, Runtime};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const KIND: TokenKind<([u8; 16], [u8; 32], [u8; 8])> = TokenKind::new("kwk_", 1).with_checksum();

/// Keys of which one lives, and its text.
static WORLD: LazyLock<(Runtime, ApiKeys, String)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (keys, text) = runtime.block_on(async {
        let clock = Arc::new(ManualClock::new(NOW));
        let store = || Arc::new(MemoryStore::new(1_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).expect("a root"));
        let vault = Purpose::new("vault").expect("a purpose");
        let ring = Keyring::builder(store(), root).clock(clock);
        let ring = ring.create(&[vault], &[]).await.expect("a ring");
        let builder = ApiKeys::builder(ring, store()).install().await;
        let keys = builder.expect("the purpose").build().await.expect("keys");
        let by = Operator::of(
            Tenant::new("acme").expect("a tenant"),
            Subject::new("ada").expect("a subject"),
        );
        let new = NewKey::new("build").expect("a name");
        let issued = keys.issue_as_operator(&by, new).await.expect("a key");
        (keys, issued.key().expose().to_owned())
    });
    (runtime, keys, text)
});

fn refused(text: &str) {
    let (runtime, keys, right) = &*WORLD;
    if text == right {
        return;
    }
    let error = runtime.block_on(keys.check(text, None));
    let error = error.expect_err("nobody was given this key");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error:?}");
    assert_eq!(error.to_string(), "rejected");
    // A report of it does nothing, and says nothing.
    let reported = runtime.block_on(keys.revoke_leaked(text));
    reported.expect("it is taken as any other");
}

/// The input as a key, as what was changed in one that lives, with the checksum that it would have, and
/// as scopes and ranges that somebody types.
pub fn api_key_text(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        refused(text);
        if checksum_is_right(text) {
            assert!(text.len() > 6);
        }
        if let Ok(scopes) = Scopes::parse(text) {
            let again = Scopes::parse(&scopes.to_string()).expect("what was written");
            assert!(again == scopes && again.is_within(&scopes));
        }
        if let Ok(ranges) = Ranges::parse(text) {
            let again = Ranges::parse(&ranges.to_string()).expect("what was written");
            assert!(again == ranges && again.is_within(&ranges));
        }
    }
    let right = &WORLD.2;
    let mut bytes = from_base64url(&right[4..91]).expect("a key");
    for (byte, flip) in bytes.iter_mut().zip(data) {
        *byte ^= flip;
    }
    let (key, rest) = (bytes[1..9].first_chunk(), &bytes[9..]);
    let key = KeyId::from_bytes(*key.expect("8 bytes"));
    let (id, rest) = rest.split_first_chunk().expect("16 bytes");
    let (secret, front) = rest.split_first_chunk().expect("32 bytes");
    let payload = (id, secret, front.first_chunk().expect("8 bytes"));
    let forged = KIND.encode(key, payload).expect("a text");
    assert!(checksum_is_right(forged.expose_secret()));
    refused(forged.expose_secret());
    let cut = data.len().min(right.len());
    refused(&right[..right.len() - cut]);
    refused(&format!("{right}{}", String::from_utf8_lossy(data)));
}

/// A row that is read writes itself back.
pub fn api_key_row(data: &[u8]) {
    match RowShape::parse(data) {
        Ok(row) => {
            assert_eq!(row.to_bytes(), data);
            assert!(row.scopes().is_within(row.scopes()));
            assert!(row.ranges().is_within(row.ranges()));
        }
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}

/// An epoch that is read writes itself back.
pub fn api_key_epoch(data: &[u8]) {
    match EpochShape::parse(data) {
        Ok(epoch) => assert_eq!(epoch.to_bytes(), data),
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}
