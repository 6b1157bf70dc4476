//! A value opens where it was put, and nowhere else; nothing beside it can be edited.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)] // Tests: a panic is the report.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, ManualClock, Purpose, Reason, Role, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Policy, TenantKeyMode};
use keyward_store::{Applied, Collection, Content, MemoryStore, Record, RecordKey, Records, Write};
use keyward_testkit::RecordingAudit;
use keyward_vault::{Expect, Kind, Slot, Vault};

const TOKEN: &[u8] = b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

struct World {
    vault: Vault,
    keys: Arc<dyn Records>,
    store: Arc<dyn Records>,
    audit: Arc<RecordingAudit>,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new() -> Self {
        Self::of(&["vault"], Policy::default()).await
    }

    async fn of(purposes: &[&str], policy: Policy) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let audit = Arc::new(RecordingAudit::new());
        let store: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let purposes: Vec<Purpose> = purposes.iter().map(|p| Purpose::new(p).unwrap()).collect();
        let keys: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        let ring = Keyring::builder(Arc::clone(&keys), root)
            .clock(clock.clone())
            .policy(policy)
            .create(&purposes, &[])
            .await
            .unwrap();
        let vault = Vault::builder(ring, Arc::clone(&store))
            .audit(audit.clone())
            .build()
            .await
            .unwrap();
        Self {
            vault,
            keys,
            store,
            audit,
            clock,
        }
    }

    async fn put(&self, slot: &Slot, kind: Kind, secret: &[u8], role: &str) {
        let credential = self
            .vault
            .credential(kind, SecretBytes::copy_of(secret))
            .unwrap();
        let role = Role::new(role).unwrap();
        self.vault
            .put(slot, &credential, &role, Expect::Any)
            .await
            .unwrap();
    }

    async fn row(&self, slot: &Slot) -> Record {
        self.store.fetch(&row_key(slot)).await.unwrap().unwrap()
    }

    /// Writes `sealed` and `data` into a slot, as whoever has the database can.
    async fn overwrite(&self, slot: &Slot, sealed: String, data: Vec<u8>) {
        let key = row_key(slot);
        let write = match self.store.fetch(&key).await.unwrap() {
            Some(held) => Write::Swap {
                key,
                version: held.version,
                content: Content {
                    sealed,
                    data,
                    ..Content::default()
                },
            },
            None => Write::Insert {
                key,
                content: Content {
                    sealed,
                    data,
                    ..Content::default()
                },
            },
        };
        assert!(matches!(
            self.store.apply(vec![write]).await.unwrap(),
            Applied::Done(_)
        ));
    }

    /// Opening fails; outward it is one word, and the audit has the reason.
    async fn refused(&self, slot: &Slot, role: &str, reason: Reason) {
        let error = self
            .vault
            .open(slot, &Role::new(role).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error:?}");
        assert_eq!(error.to_string(), "rejected");
        let last = self.audit.last().unwrap();
        assert_eq!(last.action, "vault.open");
        assert_eq!(
            last.outcome,
            Outcome::Failed(ErrorKind::Rejected, Some(reason)),
            "{last:?}"
        );
        assert_eq!(last.tenant.as_ref(), Some(&slot.tenant));
    }
}

fn row_key(slot: &Slot) -> RecordKey {
    RecordKey {
        collection: Collection::named("vault"),
        owner: slot.tenant.as_str().to_owned(),
        id: format!("{}/{}", slot.place, slot.record),
    }
}

fn home() -> Slot {
    Slot::new("acme", "account.token", "42").unwrap()
}

#[tokio::test]
async fn a_row_moved_to_another_record_or_column_does_not_open() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    for (place, record) in [
        ("account.token", "43"),
        ("account.other", "42"),
        ("billing.token", "42"),
        ("account.token", "420"),
    ] {
        let elsewhere = Slot::new("acme", place, record).unwrap();
        world
            .overwrite(&elsewhere, row.sealed.clone(), row.data.clone())
            .await;
        world.refused(&elsewhere, "", Reason::NOT_AUTHENTIC).await;
    }
    let _opened = world.vault.open(&home(), &Role::none()).await.unwrap();
}

#[tokio::test]
async fn a_row_moved_to_another_tenant_does_not_open() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    let theirs = Slot::new("globex", "account.token", "42").unwrap();
    world
        .overwrite(&theirs, row.sealed.clone(), row.data.clone())
        .await;
    // They have no key of that id at all, with and without keys of their own.
    world.refused(&theirs, "", Reason::NOT_AUTHENTIC).await;
    let other = Slot::new("globex", "account.token", "1").unwrap();
    world.put(&other, Kind::ApiKey, TOKEN, "").await;
    world.clock.advance(Duration::from_secs(2));
    world.refused(&theirs, "", Reason::NOT_AUTHENTIC).await;
}

#[tokio::test]
async fn a_row_of_derived_keys_moved_to_another_tenant_does_not_open() {
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let world = World::of(&["vault"], policy).await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    let theirs = Slot::new("globex", "account.token", "42").unwrap();
    world
        .overwrite(&theirs, row.content.sealed, row.content.data)
        .await;
    world.refused(&theirs, "", Reason::NOT_AUTHENTIC).await;
    let _opened = world.vault.open(&home(), &Role::none()).await.unwrap();
}

#[tokio::test]
async fn a_key_record_moved_to_another_tenant_is_refused() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    let place = |owner: &str| RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: owner.to_owned(),
        id: "vault".to_owned(),
    };
    let keys = world.keys.fetch(&place("acme")).await.unwrap().unwrap();
    let stolen = Write::Insert {
        key: place("globex"),
        content: Content {
            sealed: keys.content.sealed,
            data: keys.content.data,
            ..Content::default()
        },
    };
    let Applied::Done(_) = world.keys.apply(vec![stolen]).await.unwrap() else {
        panic!()
    };
    let theirs = Slot::new("globex", "account.token", "42").unwrap();
    world
        .overwrite(&theirs, row.content.sealed, row.content.data)
        .await;
    // The id tells that the key is another's, and the record is not read.
    world.refused(&theirs, "", Reason::NOT_AUTHENTIC).await;
    // Nor does it seal for them.
    let token = world
        .vault
        .credential(Kind::ApiKey, SecretBytes::copy_of(TOKEN))
        .unwrap();
    let none = Role::none();
    let put = world.vault.put(&theirs, &token, &none, Expect::Any);
    let error = put.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Corrupt, Some(keyward_keys::reason::DAMAGED_KEYS))
    );
}

#[tokio::test]
async fn two_rows_of_one_tenant_cannot_be_swapped() {
    let world = World::new().await;
    let other = Slot::new("acme", "account.token", "43").unwrap();
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    world
        .put(
            &other,
            Kind::ApiKey,
            b"ghp_another-token-of-the-same-length-0001",
            "",
        )
        .await;
    let (one, two) = (world.row(&home()).await, world.row(&other).await);
    world
        .overwrite(&home(), two.sealed.clone(), two.data.clone())
        .await;
    world
        .overwrite(&other, one.content.sealed, one.content.data)
        .await;
    world.refused(&home(), "", Reason::NOT_AUTHENTIC).await;
    world.refused(&other, "", Reason::NOT_AUTHENTIC).await;
}

#[tokio::test]
async fn metadata_cannot_be_edited() {
    let world = World::new().await;
    let token = br#"{"access_token":"x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo","expires_in":3600,"scope":"repo"}"#;
    let edits = [
        ("\"kind\":\"api-key\"", "\"kind\":\"opaque\""),
        ("\"revision\":", "another"),
        ("\"scopes\":[\"repo\"]", "\"scopes\":[\"admin\"]"),
        ("\"expires\":17", "\"expires\":27"),
        ("\"created\":17", "\"created\":16"),
        ("\"updated\":17", "\"updated\":18"),
        ("{\"v\":2,", "{ \"v\":2,"),
    ];
    for (from, to) in edits {
        // A kind is changed where no facts tell it.
        if from.contains("api-key") {
            world.put(&home(), Kind::ApiKey, TOKEN, "").await;
        } else {
            world.put(&home(), Kind::OAuthToken, token, "").await;
        }
        let row = world.row(&home()).await;
        let text = String::from_utf8(row.content.data).unwrap();
        let text = if from.contains("revision") {
            let revision = world
                .vault
                .list(&home().tenant, None, 1)
                .await
                .unwrap()
                .items[0]
                .revision;
            text.replace(
                &format!("\"revision\":{}", revision.number()),
                "\"revision\":77",
            )
        } else {
            assert!(text.contains(from), "{text}");
            text.replace(from, to)
        };
        world
            .overwrite(&home(), row.content.sealed, text.into_bytes())
            .await;
        world.refused(&home(), "", Reason::NOT_AUTHENTIC).await;
        let page = world
            .vault
            .list_verified(&home().tenant, None, 10)
            .await
            .unwrap();
        assert_eq!(page.items.len(), 0);
        assert_eq!(
            page.refused[0].reason,
            Some(Reason::NOT_AUTHENTIC),
            "{from}"
        );
    }
}

#[tokio::test]
async fn a_hint_cannot_be_edited() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    let bytes = keyward_base::encoding::from_base64url(&row.sealed[4..]).unwrap();
    assert_eq!(&bytes[10..22], b"ghp_****6aKo");
    let mut edited = bytes.clone();
    edited[21] = b'x';
    let sealed = format!("kw1.{}", keyward_base::encoding::base64url(&edited));
    world.overwrite(&home(), sealed, row.data.clone()).await;
    let page = world.vault.list(&home().tenant, None, 10).await.unwrap();
    assert_eq!(
        page.items[0].hint.to_string(),
        "ghp_••••6aKx",
        "unverified says what stands there"
    );
    world.refused(&home(), "", Reason::NOT_AUTHENTIC).await;
    assert!(
        world
            .vault
            .list_verified(&home().tenant, None, 10)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_role_opens_for_its_own_callers_alone() {
    let world = World::new().await;
    world
        .put(&home(), Kind::ApiKey, TOKEN, "platform-admin")
        .await;
    world
        .refused(&home(), "", keyward_vault::reason::ROLE_MISMATCH)
        .await;
    world
        .refused(&home(), "support", keyward_vault::reason::ROLE_MISMATCH)
        .await;
    let _opened = world
        .vault
        .open(&home(), &Role::new("platform-admin").unwrap())
        .await
        .unwrap();
    // Whoever edits the role in the database gains nothing.
    let row = world.row(&home()).await;
    let text = String::from_utf8(row.content.data)
        .unwrap()
        .replace("platform-admin", "support");
    world
        .overwrite(&home(), row.content.sealed, text.into_bytes())
        .await;
    world
        .refused(&home(), "support", Reason::NOT_AUTHENTIC)
        .await;
}

#[tokio::test]
async fn keys_of_one_purpose_open_nothing_of_another() {
    let world = World::of(&["vault", "billing"], Policy::default()).await;
    let vault_of = |store: Arc<dyn Records>| {
        Vault::builder(world.vault.keyring().clone(), store)
            .purpose(Purpose::new("billing").unwrap())
            .build()
    };
    let shared = vault_of(Arc::clone(&world.store)).await.unwrap_err();
    assert_eq!(
        shared.kind(),
        ErrorKind::Misuse,
        "a store belongs to one purpose"
    );

    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let row = world.row(&home()).await;
    let store: Arc<dyn Records> = Arc::new(MemoryStore::new(10));
    let moved = Write::Insert {
        key: row.key,
        content: Content {
            sealed: row.content.sealed,
            data: row.content.data,
            ..Content::default()
        },
    };
    let Applied::Done(_) = store.apply(vec![moved]).await.unwrap() else {
        panic!()
    };
    let billing = vault_of(store).await.unwrap();
    let error = billing.open(&home(), &Role::none()).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
}

/// The limit that the threat model states: a whole older row, put back over a newer one, opens.
/// Who keeps the expected revision elsewhere notices.
#[tokio::test]
async fn a_whole_older_row_put_back_is_seen_by_its_revision() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let first = world.vault.describe(&home()).await.unwrap().unwrap();
    let old = world.row(&home()).await;
    world
        .put(
            &home(),
            Kind::ApiKey,
            b"ghp_the-token-that-replaced-the-first-one",
            "",
        )
        .await;
    let new = world.row(&home()).await;
    world
        .overwrite(&home(), old.sealed.clone(), old.content.data)
        .await;
    let opened = world.vault.open(&home(), &Role::none()).await.unwrap();
    assert_eq!(
        (opened.bytes().expose(), opened.revision()),
        (TOKEN, first.revision)
    );
    // The older value under the newer row's metadata does not.
    world
        .overwrite(&home(), old.content.sealed, new.content.data)
        .await;
    world.refused(&home(), "", Reason::NOT_AUTHENTIC).await;
}

/// A slot that was deleted and put anew does not go through its old revisions again.
#[tokio::test]
async fn an_older_row_put_back_after_a_delete_does_not_pass_for_the_expected_one() {
    let world = World::new().await;
    let mut rows = Vec::new();
    for _ in 0..3 {
        world.put(&home(), Kind::ApiKey, TOKEN, "").await;
        let listed = world.vault.describe(&home()).await.unwrap().unwrap();
        assert!(listed.revision.number() < 1 << 53, "exact in JSON");
        rows.push((listed.revision, world.row(&home()).await));
        if rows.len() == 2 {
            world.vault.delete(&home(), Expect::Any).await.unwrap();
        }
    }
    let (third, _) = rows.pop().unwrap();
    for (revision, row) in rows {
        assert_ne!(revision, third);
        world
            .overwrite(&home(), row.content.sealed, row.content.data)
            .await;
        let opened = world.vault.open(&home(), &Role::none()).await.unwrap();
        assert_ne!(opened.revision(), third, "who expects the third, notices");
        let expected = Expect::Revision(third);
        let error = world.vault.delete(&home(), expected).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::CONFLICT));
    }
}

#[tokio::test]
async fn an_audit_that_fails_keeps_the_secret_back() {
    let world = World::new().await;
    world.put(&home(), Kind::ApiKey, TOKEN, "").await;
    let full = RecordingAudit::new();
    full.set_failing(true);
    let vault = Vault::builder(world.vault.keyring().clone(), Arc::clone(&world.store))
        .audit(Arc::new(full))
        .build()
        .await
        .unwrap();
    let error = vault.open(&home(), &Role::none()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
