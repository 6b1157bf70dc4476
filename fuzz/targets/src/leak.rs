//! Reports of leaked keys that were signed, whatever is in them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue};
use keyward_axum::leak::{LeakReports, VerifyReport};
use keyward_base::{ManualClock, Purpose, Result, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::api_key::{ApiKeys, NewKey};
use keyward_session::danger::Operator;
use keyward_store::MemoryStore;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// Everybody may report here.
struct Anybody;

impl VerifyReport for Anybody {
    fn verify(&self, key: &str, signature: &str, _: &[u8]) -> Result<()> {
        assert_eq!((key, signature), ("a", "b"));
        Ok(())
    }
}

/// Keys of which one lives, and its text.
static WORLD: LazyLock<(Runtime, ApiKeys, LeakReports, String)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (keys, text) = runtime.block_on(async {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).expect("a root"));
        let ring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
        let ring = ring.clock(Arc::new(ManualClock::new(now)));
        let vault = Purpose::new("vault").expect("a purpose");
        let ring = ring.create(&[vault], &[]).await.expect("a ring");
        let builder = ApiKeys::builder(ring, Arc::new(MemoryStore::new(1_000)));
        let builder = builder.install().await.expect("the purpose");
        let keys = builder.build().await.expect("keys");
        let acme = Tenant::new("acme").expect("a tenant");
        let by = Operator::of(acme, Subject::new("root").expect("a subject"));
        let new = NewKey::new("build").expect("a name");
        let issued = keys.issue_as_operator(&by, new).await.expect("a key");
        let text = issued.key().expose().to_owned();
        (keys, text)
    });
    let reports = LeakReports::new(keys.clone(), Anybody);
    (runtime, keys, reports, text)
});

/// What is taken is an array of objects with a text each, as another reader reads it; and no key goes
/// that nobody named.
pub fn leak_report(data: &[u8]) {
    let (runtime, keys, reports, text) = &*WORLD;
    let mut headers = HeaderMap::new();
    headers.insert(
        "github-public-key-identifier",
        HeaderValue::from_static("a"),
    );
    headers.insert("github-public-key-signature", HeaderValue::from_static("b"));
    match runtime.block_on(reports.receive(&headers, data)) {
        Ok(answer) => {
            assert_eq!(answer.body().as_ref(), b"[]");
            let text = std::str::from_utf8(data).expect("text");
            let found: Vec<BTreeMap<String, &RawValue>> =
                serde_json::from_str(text).expect("an array of objects");
            let is_text =
                |found: &BTreeMap<String, &RawValue>| found["token"].get().starts_with('"');
            assert!(found.iter().all(is_text));
        }
        Err(failure) => assert!(matches!(failure.status().as_u16(), 400 | 413)),
    }
    let live = runtime.block_on(keys.check(text, None));
    live.expect("nobody named it");
}
