//! A process that was slow cannot write under a key that is being destroyed.

use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{Role, SecretBytes, SystemClock};
use keyward_keys::Barrier;
use keyward_store::Applied;
use keyward_vault::slot::VAULT;
use keyward_vault::{Expect, Kind, Slot, Vault};

/// The old key protects nothing, since its tenant keys were wrapped anew; but a slow process has
/// taken a key under it for a new tenant, and is about to put its first value.
#[tokio::test]
async fn destroying_a_key_closes_the_door_behind_it() {
    let vault = Vault::in_memory(Arc::new(SystemClock::new()), Arc::new(Discard::new()))
        .await
        .unwrap();
    let (store, purpose) = (Arc::clone(vault.store()), vault.purpose().clone());
    let admin = vault.keyring().admin();
    let old = vault.keyring().status().keys.first().unwrap().id;
    let held = Barrier::claim(store.as_ref(), &VAULT, &purpose)
        .await
        .unwrap();

    admin.rotate(&purpose).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.rewrap_keys(|_| {}).await.unwrap();
    admin.disable(old).await.unwrap();
    admin.destroy(old).await.unwrap();

    // What the slow process would do now: its batch requires the barrier as it knew it.
    let late = store.apply(vec![held.require()]).await.unwrap();
    assert_eq!(late, Applied::Conflict { index: 0 });

    // And what a process does that meets the conflict: it seals under a newer key.
    let slot = Slot::new("acme", "account.token", "1").unwrap();
    let token = SecretBytes::copy_of(b"token");
    let token = vault.credential(Kind::ApiKey, token).unwrap();
    vault
        .put(&slot, &token, &Role::none(), Expect::Absent)
        .await
        .unwrap();
    let opened = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(opened.bytes().expose(), b"token");
}
