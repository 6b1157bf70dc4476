//! Rotation ends, on real SQLite files.

use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{Purpose, Role, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Promotion};
use keyward_sqlite::SqliteStore;
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};

async fn vault(folder: &std::path::Path) -> Vault {
    let keys = Arc::new(SqliteStore::open(folder.join("keys.db")).unwrap());
    let data = Arc::new(SqliteStore::open(folder.join("data.db")).unwrap());
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let purpose = Purpose::new("vault").unwrap();
    let ring = Keyring::builder(keys, root)
        .clock(Arc::new(SystemClock::new()))
        .create(&[purpose], &[])
        .await
        .unwrap();
    Vault::builder(ring, data)
        .audit(Arc::new(Discard::new()))
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_value_moves_and_the_old_key_is_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path()).await;
    let (none, rows) = (Role::none(), 1500_usize);
    for at in 0..rows {
        let slot = Slot::new(["acme", "globex"][at % 2], "account.token", &at.to_string()).unwrap();
        let token = SecretBytes::copy_of(format!("token-{at:032}").as_bytes());
        let token = vault.credential(Kind::ApiKey, token).unwrap();
        vault
            .put(&slot, &token, &none, Expect::Absent)
            .await
            .unwrap();
    }
    let admin = vault.keyring().admin();
    let old = vault.keyring().status().keys[0].id;
    let new = admin.rotate(vault.purpose()).await.unwrap();
    assert_eq!(
        admin.promote_ready().await.unwrap(),
        Promotion::Promoted(vec![new])
    );
    admin.disable(old).await.unwrap();
    let needed = admin.destroy(old).await.unwrap_err();
    assert!(
        needed.to_string().contains("1500 values still need"),
        "{needed}"
    );
    let stuck = Rewrap::new(&vault).run().await.unwrap();
    assert_eq!(
        (stuck.moved, stuck.skipped, stuck.left),
        (0, 1500, 1500),
        "a disabled key is not a bad row"
    );
    admin.enable(old).await.unwrap();

    let report = Rewrap::new(&vault).run().await.unwrap();
    assert_eq!(
        (report.moved, report.quarantined, report.left),
        (1500, 0, 0)
    );
    admin.disable(old).await.unwrap();
    assert_eq!(admin.destroy(old).await.unwrap().key, old);
    for at in 0..rows {
        let slot = Slot::new(["acme", "globex"][at % 2], "account.token", &at.to_string()).unwrap();
        let opened = vault.open(&slot, &none).await.unwrap();
        assert_eq!(
            opened.bytes().expose(),
            format!("token-{at:032}").as_bytes()
        );
    }
}
