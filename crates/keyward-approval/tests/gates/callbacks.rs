//! What whoever asked is told.

use keyward_approval::Ballot;
use keyward_approval::callback::CallbackKey;
use keyward_base::SecretArray;
use keyward_crypto::Provider;
use keyward_testkit::bit_flips;

use crate::world::{MINUTE, World, tenant, why};

#[tokio::test]
async fn a_callback_is_the_services_own_whole_and_of_now() {
    let world = World::new().await;
    let key = |byte| {
        let bytes = SecretArray::copy_of(&[byte; 32]).unwrap();
        CallbackKey::new(&Provider::default(), &bytes).unwrap()
    };
    let (ours, other) = (key(7), key(8));
    let id = world.ask("server.delete").await;
    world
        .vote(id, "bob", Ballot::deny("not \"today\""))
        .await
        .unwrap();
    let told = world.gates.callback(&tenant(), id, &ours).await.unwrap();
    let now = world.now();
    ours.verify(&told.header, &told.body, now).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(said["state"], "denied");
    assert_eq!(said["reason"], "not \"today\"");
    assert_eq!(said["gate"], id.to_string());
    assert_eq!(said["results"][0]["result"], "waits");
    let refused = |header: &str, body: &[u8], at| why(ours.verify(header, body, at));
    assert_eq!(
        why(other.verify(&told.header, &told.body, now)),
        "not-authentic-for-this-context"
    );
    for flipped in bit_flips(&told.body) {
        assert_eq!(
            refused(&told.header, &flipped, now),
            "not-authentic-for-this-context"
        );
    }
    for flipped in bit_flips(told.header.as_bytes()) {
        if let Ok(header) = String::from_utf8(flipped) {
            ours.verify(&header, &told.body, now).unwrap_err();
        }
    }
    for header in [
        "",
        "1",
        &told.header[2..],
        &format!("{},", told.header),
        &told.header.replacen("1,", "1,0", 1),
    ] {
        assert_eq!(refused(header, &told.body, now), "malformed");
    }
    let later = now.saturating_add(MINUTE * 6);
    assert_eq!(refused(&told.header, &told.body, later), "expired");
    ours.verify(&told.header, &told.body, now.saturating_add(MINUTE * 5))
        .unwrap();
}
