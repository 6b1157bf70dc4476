//! Keys that MAC and keys that sign: had without I/O, rotated like the others, and ended each in
//! its own way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_base::{Domain, ErrorKind, KeyId, Purpose, Reason, SecretArray};
use keyward_crypto::{MacKey, Provider};
use keyward_keys::{
    Algorithm, Barrier, Coverage as _, Destruction, KeyState, KeyUse, Keyring, Life, RecordColumn,
    Root as _, RootVersion, Signs, Stage, Wrapped, danger,
};
use keyward_store::{Applied, Collection, Content, MemoryStore, RecordKey, Records as _, Write};

use crate::world::{V1, World, purpose, root, tenant};

const DAY: Duration = Duration::from_secs(86_400);

const RECEIPT: Domain<(&str, &str)> = Domain::new("acme/receipt/v1");
const TOKEN: Domain<(u64,)> = Domain::new("acme/token/v1");

fn links() -> Purpose {
    Purpose::new("links").unwrap()
}

fn receipts() -> Purpose {
    Purpose::new("receipts").unwrap()
}

fn mac(longest: Option<Duration>) -> KeyUse {
    KeyUse::Mac(longest.map_or(Life::Endless, Life::AtMost))
}

async fn with_links(world: &World) -> Keyring {
    let ring = world.create().await;
    let added = ring.admin().add_purpose(&links(), mac(Some(DAY))).await;
    added.unwrap();
    ring
}

async fn rotated(ring: &Keyring, purpose: &Purpose) -> KeyId {
    let id = ring.admin().rotate(purpose).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    id
}

fn calls(world: &World) -> usize {
    world.store.staged.take_calls().len()
}

#[tokio::test]
async fn a_purpose_is_added_once_and_is_for_one_thing_for_good() {
    let world = World::new();
    let ring = with_links(&world).await;
    let admin = ring.admin();
    let before = ring.status();
    admin.add_purpose(&links(), mac(Some(DAY))).await.unwrap();
    admin
        .add_purpose(&links(), mac(Some(DAY / 2)))
        .await
        .unwrap();
    assert_eq!(ring.status(), before, "said again, and shorter");
    admin
        .add_purpose(&links(), mac(Some(DAY * 2)))
        .await
        .unwrap();
    let key = ring.mac(&links()).unwrap();
    assert_eq!(key.longest_life(), Some(DAY * 2), "longer");
    // Whoever says nothing of it leaves it, and has to say something of a new one.
    let unsaid = KeyUse::Mac(Life::Unchanged);
    let before = ring.status();
    admin.add_purpose(&links(), unsaid).await.unwrap();
    assert_eq!(ring.status(), before);
    let new = Purpose::new("sessions").unwrap();
    let refused = admin.add_purpose(&new, unsaid).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("--endless"), "{refused}");
    // Without end is for good: what was issued under it is not freed.
    admin.add_purpose(&new, mac(None)).await.unwrap();
    for said in [unsaid, mac(Some(DAY))] {
        admin.add_purpose(&new, said).await.unwrap();
        assert_eq!(ring.mac(&new).unwrap().longest_life(), None);
    }
    admin
        .add_purpose(&receipts(), KeyUse::Sign(Signs::Fields))
        .await
        .unwrap();
    let before = ring.status();
    admin
        .add_purpose(&receipts(), KeyUse::Sign(Signs::Fields))
        .await
        .unwrap();
    assert_eq!(ring.status(), before, "said again");
    // Whole seconds, rounded up: nothing is ended early.
    for (millis, seconds) in [(1, 1), (1_000, 1), (1_001, 2), (2_000, 2)] {
        let purpose = Purpose::new(&format!("of-{millis}")).unwrap();
        let life = Duration::from_millis(millis);
        admin.add_purpose(&purpose, mac(Some(life))).await.unwrap();
        let life = ring.mac(&purpose).unwrap().longest_life();
        assert_eq!(life, Some(Duration::from_secs(seconds)), "{millis} ms");
    }
    for (purpose, what) in [
        (links(), KeyUse::Seal),
        (links(), KeyUse::Sign(Signs::Raw)),
        (purpose(), mac(None)),
        (receipts(), KeyUse::Sign(Signs::Raw)),
    ] {
        let refused = admin.add_purpose(&purpose, what).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{purpose} {what:?}");
    }
    assert_eq!(format!("{key:?}"), format!("MacHandle({})", key.id()));
    let epoch = ring.promoted_epoch(&links()).unwrap();
    assert!(epoch > 1 && key.promoted_epoch() == epoch);
    let signs = ring.signing(&receipts()).unwrap();
    let shown = format!("SigningHandle({}, {:?})", signs.id(), signs.public());
    assert_eq!(format!("{signs:?}"), shown);
    // Each is refused for what it is not.
    let acme = tenant("acme");
    assert_eq!(ring.mac(&purpose()).unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(
        ring.signing(&links()).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    assert_eq!(ring.mac(&receipts()).unwrap_err().kind(), ErrorKind::Misuse);
    let sealed = ring.sealing_key(&links(), &acme, 0).await.unwrap_err();
    assert_eq!(sealed.kind(), ErrorKind::Misuse);
    let opened = ring.opening_key(&links(), &acme, key.id()).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(ring.status().keys[1].algorithm, Algorithm::Mac);
    // A new process knows it all.
    let other = world.open().await;
    assert_eq!(other.mac(&links()).unwrap().longest_life(), Some(DAY * 2));
}

#[tokio::test]
async fn macs_are_of_one_purpose_one_tenant_and_one_key() {
    let world = World::new();
    let ring = with_links(&world).await;
    let other = Purpose::new("sessions").unwrap();
    ring.admin().add_purpose(&other, mac(None)).await.unwrap();
    let of = |key: keyward_keys::MacHandle| key.sign(TOKEN, &(7,));
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let old = ring.mac(&links()).unwrap();
        for key in [
            ring.mac(&links()),
            ring.mac(&other),
            ring.tenant_mac(&links(), &tenant("a")),
            ring.tenant_mac(&links(), &tenant("b")),
            ring.tenant_mac(&other, &tenant("a")),
        ] {
            assert!(seen.insert(of(key.unwrap())), "two alike");
        }
        rotated(&ring, &links()).await;
        rotated(&ring, &other).await;
        // What the old key made is verified by its id.
        let found = ring.mac_by_id(&links(), old.id()).unwrap();
        found.verify(TOKEN, &(7,), &of(old.clone())).unwrap();
        let wrong = found.verify(TOKEN, &(8,), &of(old.clone())).unwrap_err();
        assert_eq!(wrong.reason(), Some(Reason::NOT_AUTHENTIC));
        let foreign = ring.mac_by_id(&other, old.id()).unwrap_err();
        assert_eq!(foreign.reason(), Some(Reason::NOT_AUTHENTIC));
    }
    // Another process comes to the same keys.
    let again = world.open().await;
    assert_eq!(
        of(again.mac(&links()).unwrap()),
        of(ring.mac(&links()).unwrap())
    );
    let (a, here) = (
        tenant("a"),
        ring.tenant_mac(&links(), &tenant("a")).unwrap(),
    );
    let there = again.tenant_mac_by_id(&links(), &a, here.id()).unwrap();
    there.verify(TOKEN, &(7,), &of(here)).unwrap();
}

#[tokio::test]
async fn a_view_that_is_too_old_macs_and_signs_nothing() {
    let world = World::new();
    let ring = with_links(&world).await;
    ring.admin()
        .add_purpose(&receipts(), KeyUse::Sign(Signs::Fields))
        .await
        .unwrap();
    let web = world.builder().replica("web").open().await.unwrap();
    let id = web.mac(&links()).unwrap().id();
    world.clock.advance(Duration::from_secs(60));
    for keyring in [&ring, &web] {
        for refused in [
            keyring.mac(&links()).map(drop),
            keyring.mac_by_id(&links(), id).map(drop),
            keyring.tenant_mac(&links(), &tenant("a")).map(drop),
            keyring.find_mac(&links(), id).await.map(drop),
            keyring.signing(&receipts()).map(drop),
            keyring.tenant_signing(&receipts(), &tenant("a")).map(drop),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
        }
    }
    ring.refresh().await.unwrap();
    web.tick().await.unwrap();
    assert!(ring.mac(&links()).is_ok() && web.mac(&links()).is_ok());
}

/// Ids that fit the filter of a purpose and are no key's: as only who has the filter key makes.
async fn fitting(world: &World, count: u64) -> Vec<KeyId> {
    let ring = world.store.ring().await;
    const FILTER: Domain<([u8; 16],)> = Domain::new("keyward/v1/ring-filter");
    const ID: Domain<(&Purpose, [u8; 4])> = Domain::new("keyward/v1/ring-key-id");
    let context = FILTER.encode(&(ring[5..21].try_into().unwrap(),)).unwrap();
    let at = 37 + (8 + 110) + 14;
    let wrapped = Wrapped {
        version: RootVersion::new(1),
        bytes: ring[at + 6..at + 110].to_vec(),
    };
    let key: SecretArray<32> = root(V1).unwrap(&context, &wrapped).await.unwrap();
    let filter = MacKey::new(&Provider::default(), &key).unwrap();
    let made = (0..count).map(|n| {
        let random = u32::try_from(n).unwrap().to_be_bytes();
        let tag = filter.sign(ID, &(&links(), random));
        let id = [&random[..], &tag[..4]].concat();
        KeyId::from_bytes(id.try_into().unwrap())
    });
    made.collect()
}

#[tokio::test]
async fn a_flood_of_forged_tokens_leaves_the_refresh_of_the_vault_alone() {
    let world = World::new();
    let ring = with_links(&world).await;
    let forged = fitting(&world, 2_000).await;
    calls(&world);
    for n in 0..10_000_u64 {
        let made_up = KeyId::from_bytes(n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let refused = ring.find_mac(&links(), made_up).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    }
    assert_eq!(calls(&world), 0, "made up");
    let mut spent = 0;
    for id in &forged {
        let refused = ring.find_mac(&links(), *id).await.unwrap_err();
        assert_eq!(refused.reason(), Some(keyward_keys::reason::UNKNOWN_KEY));
        spent += usize::from(refused.kind() == ErrorKind::Unavailable);
    }
    assert_eq!(calls(&world), 8, "the budget of tokens");
    assert_eq!(spent, 2_000 - 8);
    // One that was looked for in vain costs nothing when it comes again, by itself or beside others.
    let cold = world.open().await;
    for reads in [2, 0] {
        calls(&world);
        for id in &forged[..2] {
            let refused = cold.find_mac(&links(), *id).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
        assert_eq!(calls(&world), reads);
    }
    // The vault's own is untouched: what another process issued a moment ago is found.
    let other = world.open().await;
    let acme = tenant("acme");
    ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    rotated(&other, &purpose()).await;
    let key = other.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert!(ring.opening_key(&purpose(), &acme, key.id()).await.is_ok());
    // A moment later a genuine new key is found too, and at once then.
    let new = rotated(&other, &links()).await;
    world.clock.advance(Duration::from_secs(1));
    let _seen_by_now = ring.find_mac(&links(), new).await.unwrap();
    calls(&world);
    ring.mac_by_id(&links(), new).unwrap();
    assert_eq!(calls(&world), 0);
}

#[tokio::test]
async fn a_pending_key_that_was_promoted_elsewhere_is_found() {
    let world = World::new();
    let ring = with_links(&world).await;
    let other = world.open().await;
    let id = other.admin().rotate(&links()).await.unwrap();
    ring.refresh().await.unwrap();
    other.admin().promote_ready().await.unwrap();
    let known = ring.mac_by_id(&links(), id).unwrap_err();
    assert_eq!(known.reason(), Some(keyward_keys::reason::PENDING_KEY));
    assert_eq!(ring.find_mac(&links(), id).await.unwrap().id(), id);
}

#[test]
fn threads_on_mac_keys_beside_rotation_get_no_wrong_answer_and_read_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let world = World::new();
    let ring = runtime.block_on(with_links(&world));
    // A process of its own rotates, so that whatever is read for these threads is seen.
    let admin = runtime.block_on(world.open());
    let stop = Arc::new(AtomicBool::new(false));
    let acme = tenant("acme");
    calls(&world);
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let (ring, stop, acme) = (ring.clone(), Arc::clone(&stop), acme.clone());
            std::thread::spawn(move || {
                let mut rounds = 0_u64;
                let mut held: Vec<(KeyId, [u8; 32], [u8; 32])> = Vec::new();
                while !stop.load(Ordering::SeqCst) || rounds < 2 {
                    let key = ring.mac(&links()).unwrap();
                    let of_tenant = ring.tenant_mac(&links(), &acme).unwrap();
                    let made = of_tenant.sign(TOKEN, &(7,));
                    held.push((key.id(), key.sign(TOKEN, &(7,)), made));
                    held.drain(..held.len().saturating_sub(8));
                    for (id, tag, _) in &held {
                        let found = ring.mac_by_id(&links(), *id).unwrap();
                        found.verify(TOKEN, &(7,), tag).unwrap();
                        assert!(found.verify(TOKEN, &(8,), tag).is_err());
                    }
                    // A rotation may lie between the two: each names its own key.
                    let id = of_tenant.id();
                    let found = ring.tenant_mac_by_id(&links(), &acme, id).unwrap();
                    found.verify(TOKEN, &(7,), &made).unwrap();
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let mut of_admin = 0;
    for _ in 0..8 {
        runtime.block_on(async {
            rotated(&admin, &links()).await;
            of_admin += calls(&world);
            ring.refresh().await.unwrap();
            assert_eq!(calls(&world), 1, "the refresh, and nothing for a thread");
        });
    }
    stop.store(true, Ordering::SeqCst);
    for thread in threads {
        assert!(thread.join().unwrap() >= 2);
    }
    assert!(of_admin > 0 && calls(&world) == 0);
}

#[tokio::test]
async fn a_mac_key_drains_as_what_it_made_expires() {
    let world = World::new();
    let ring = with_links(&world).await;
    let admin = ring.admin();
    let old = ring.mac(&links()).unwrap();
    assert_eq!(ring.status().keys[1].drains_until, None, "it MACs still");
    let mut rotation = admin.rotation(&links());
    let Stage::Draining { keys, rows, until } = rotation.step().await.unwrap() else {
        panic!("it drains");
    };
    assert_eq!((keys, rows), (vec![old.id()], 0));
    let retired = ring.status().keys[1].retired.unwrap();
    // Lease, skew, a day, skew.
    let end = retired.saturating_add(DAY + Duration::from_secs(120));
    assert_eq!(until, Some(end));
    assert_eq!(ring.status().keys[1].drains_until, Some(end));
    // It is not destroyed early, but by who says so; and verifies until then.
    world.clock.advance(DAY + Duration::from_secs(119));
    ring.refresh().await.unwrap();
    assert!(matches!(
        rotation.step().await.unwrap(),
        Stage::Draining { .. }
    ));
    assert!(ring.mac_by_id(&links(), old.id()).is_ok());
    admin.disable(old.id()).await.unwrap();
    let early = admin.destroy(old.id()).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Misuse);
    assert_eq!(
        ring.mac_by_id(&links(), old.id()).unwrap_err().reason(),
        Some(keyward_keys::reason::DISABLED_KEY)
    );
    admin.enable(old.id()).await.unwrap();
    // An operator took it from the rotation: a new one ends it with the others.
    world.clock.advance(Duration::from_secs(1));
    admin.disable(old.id()).await.unwrap();
    admin.destroy(old.id()).await.unwrap();
    let gone = ring.mac_by_id(&links(), old.id()).unwrap_err();
    assert_eq!(gone.reason(), Some(keyward_keys::reason::DESTROYED_KEY));
}

#[tokio::test]
async fn a_rotation_of_mac_keys_goes_on_when_they_have_drained() {
    let world = World::new();
    let ring = with_links(&world).await;
    let old = ring.mac(&links()).unwrap().id();
    let first = ring.admin().rotation(&links()).step().await.unwrap();
    assert!(matches!(first, Stage::Draining { .. }));
    world.clock.advance(DAY + Duration::from_secs(120));
    // Another process, another day.
    let other = world.open().await;
    let last = other.admin().rotation(&links()).step().await.unwrap();
    let Stage::Done { destroyed, .. } = last else {
        panic!("{last:?}");
    };
    assert_eq!(destroyed[0].key, old);
    assert_eq!(other.status().keys.len(), 3, "no further key was made");
}

#[tokio::test]
async fn records_that_name_a_mac_key_are_counted_and_keep_it() {
    let world = World::new();
    let ring = world.create().await;
    ring.admin().add_purpose(&links(), mac(None)).await.unwrap();
    let data: Arc<MemoryStore> = Arc::new(MemoryStore::new(100));
    let collection = Collection::named("session");
    let column = RecordColumn::of_macs(data.clone(), collection.clone(), links()).unwrap();
    // The same collection has a purpose that seals beside it.
    let sealed = RecordColumn::new(data.clone(), collection.clone(), purpose()).unwrap();
    assert_ne!(column.id(), sealed.id());
    sealed.close(1).await.unwrap();
    ring.cover(Arc::new(column)).await.unwrap();
    let key = ring.mac(&links()).unwrap();
    let old = Barrier::claim_macs(data.as_ref(), &collection, &links())
        .await
        .unwrap();
    let row = |id: &str| RecordKey {
        collection: collection.clone(),
        owner: "acme".to_owned(),
        id: id.to_owned(),
    };
    let (by_mac, by_token) = (
        Content {
            mac_key: key.tag(),
            ..Content::default()
        },
        Content {
            token_key: key.tag(),
            ..Content::default()
        },
    );
    for (id, content) in [("1", &by_mac), ("2", &by_token)] {
        let batch = vec![
            old.require(),
            Write::Insert {
                key: row(id),
                content: content.clone(),
            },
        ];
        assert!(matches!(data.apply(batch).await.unwrap(), Applied::Done(_)));
    }
    let Stage::Draining { rows, until, .. } = ring.admin().rotation(&links()).step().await.unwrap()
    else {
        panic!("it drains");
    };
    assert_eq!((rows, until), (2, None));
    assert_eq!(ring.admin().usage().await.unwrap().rows(key.id()), 2);
    let refused = {
        ring.admin().disable(key.id()).await.unwrap();
        ring.admin().destroy(key.id()).await.unwrap_err()
    };
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    // The destroying has put the barrier up: whoever was slow does not write under the old key.
    let late = vec![
        old.require(),
        Write::Insert {
            key: row("3"),
            content: by_mac,
        },
    ];
    assert!(matches!(
        data.apply(late).await.unwrap(),
        Applied::Conflict { .. }
    ));
    data.delete_owner(&collection, "acme").await.unwrap();
    ring.admin().destroy(key.id()).await.unwrap();
}

#[tokio::test]
async fn a_key_whose_tokens_are_not_over_is_ended_in_danger_alone() {
    let world = World::new();
    let ring = with_links(&world).await;
    let admin = ring.admin();
    let old = ring.mac(&links()).unwrap().id();
    rotated(&ring, &links()).await;
    admin.disable(old).await.unwrap();
    assert_eq!(
        admin.destroy(old).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
    let sealing = ring.status().keys[0].id;
    let refused = danger::destroy_early(&admin, sealing).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse, "one that seals");
    let ended = danger::destroy_early(&admin, old).await.unwrap();
    assert!(matches!(ended, Destruction::Done(_)));
    // One that never MACed need not drain.
    let unused = admin.rotate(&links()).await.unwrap();
    admin.disable(unused).await.unwrap();
    admin.destroy(unused).await.unwrap();
    // That nobody here can count its records is no matter.
    let leaked = ring.mac(&links()).unwrap().id();
    rotated(&ring, &links()).await;
    admin.disable(leaked).await.unwrap();
    let elsewhere = keyward_keys::ColumnId::new(
        keyward_store::StoreId::new("app").unwrap(),
        "links",
        links(),
    );
    ring.register(&elsewhere.unwrap(), true).await.unwrap();
    let ended = danger::destroy_early(&admin, leaked).await.unwrap();
    assert!(matches!(ended, Destruction::Done(_)));
    // What has no end, and is counted nowhere, is never known to be over.
    let endless = Purpose::new("endless").unwrap();
    admin.add_purpose(&endless, mac(None)).await.unwrap();
    let old = ring.mac(&endless).unwrap().id();
    rotated(&ring, &endless).await;
    world.clock.advance(DAY * 10_000);
    let drains = admin.rotation(&endless).step().await.unwrap();
    let Stage::Draining { keys, until, .. } = drains else {
        panic!("{drains:?}");
    };
    assert!(keys.contains(&old) && until.is_none());
    admin.disable(old).await.unwrap();
    assert_eq!(
        admin.destroy(old).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[tokio::test]
async fn signatures_outlive_their_key_and_each_key_signs_who_follows() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    admin
        .add_purpose(&receipts(), KeyUse::Sign(Signs::Fields))
        .await
        .unwrap();
    let old = ring.signing(&receipts()).unwrap();
    let signature = old.sign(RECEIPT, &("paid", "42")).unwrap();
    let check = |ring: &Keyring, fields: (&str, &str)| {
        ring.verify_signature(&receipts(), old.id(), RECEIPT, &fields, &signature)
    };
    check(&ring, ("paid", "42")).unwrap();
    for other in [("paid4", "2"), ("paid", "43"), ("", "paid42")] {
        assert!(check(&ring, other).is_err(), "{other:?}");
    }
    let ours: Domain<()> = Domain::new("keyward/v1/successor");
    assert!(old.sign_raw(b"paid").is_err() && old.sign(ours, &()).is_err());
    // Published while it is pending, and signed by the one before.
    let new = admin.rotate(&receipts()).await.unwrap();
    let keys = ring.verifying_keys(&receipts()).unwrap();
    assert_eq!(
        keys.iter().map(|k| k.state).collect::<Vec<_>>(),
        [KeyState::Active, KeyState::Pending]
    );
    assert_eq!((keys[1].id, keys[1].follows), (new, Some(old.id())));
    let id = ring.status().ring;
    keys[1].check_follows(id, &receipts(), &keys[0]).unwrap();
    assert!(keys[1].check_follows(id, &links(), &keys[0]).is_err());
    assert!(keys[0].check_follows(id, &receipts(), &keys[1]).is_err());
    let pending = ring.pending_signing(&receipts()).unwrap_err();
    assert_eq!(pending.kind(), ErrorKind::Misuse);
    // Its private half goes as soon as it signs no more; what it signed is verified still.
    let Stage::Done { destroyed, .. } = admin.rotation(&receipts()).step().await.unwrap() else {
        panic!("nothing is waited for");
    };
    assert_eq!(destroyed[0].key, old.id());
    let state = |n: usize| ring.status().keys[n].state;
    assert_eq!(
        (state(1), state(2)),
        (KeyState::Destroyed, KeyState::Active)
    );
    let other = world.open().await;
    check(&other, ("paid", "42")).unwrap();
    let keys = other.verifying_keys(&receipts()).unwrap();
    assert_eq!(keys[0].public, old.public());
    keys[1].check_follows(id, &receipts(), &keys[0]).unwrap();
    assert_eq!(other.signing(&receipts()).unwrap().id(), new);
    // A whole rotation ends it at once.
    let Stage::Done { destroyed, .. } = admin.rotation(&receipts()).step().await.unwrap() else {
        panic!("nothing is waited for");
    };
    assert_eq!(destroyed[0].key, new);
}

#[tokio::test]
async fn keys_of_raw_notes_sign_nothing_else_and_two_sign_one_note() {
    let world = World::new();
    let ring = world.create().await;
    let notes = Purpose::new("notes").unwrap();
    ring.admin()
        .add_purpose(&notes, KeyUse::Sign(Signs::Raw))
        .await
        .unwrap();
    let old = ring.signing(&notes).unwrap();
    old.public()
        .verify_bytes(b"note\n", &old.sign_raw(b"note\n").unwrap())
        .unwrap();
    assert_eq!(
        old.sign(RECEIPT, &("a", "b")).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    assert!(ring.pending_signing(&notes).unwrap().is_none());
    let id = ring.admin().rotate(&notes).await.unwrap();
    let keys = ring.verifying_keys(&notes).unwrap();
    assert_eq!((keys[1].follows, keys[1].signature), (None, None));
    let pending = ring.pending_signing(&notes).unwrap().unwrap();
    assert_eq!(pending.id(), id);
    keys[1]
        .public
        .verify_bytes(b"note\n", &pending.sign_raw(b"note\n").unwrap())
        .unwrap();
    // Retired, it signs no more and may go without another step.
    ring.admin().promote_ready().await.unwrap();
    assert_eq!(ring.signing(&notes).unwrap().id(), id);
    ring.admin().destroy(old.id()).await.unwrap();
    // A tenant's is another, and comes again.
    let acme = ring.tenant_signing(&notes, &tenant("acme")).unwrap();
    assert_ne!(acme.public(), old.public());
    let again = world
        .open()
        .await
        .tenant_signing(&notes, &tenant("acme"))
        .unwrap();
    assert_eq!(again.public(), acme.public());
}

#[tokio::test]
async fn a_tenants_signing_key_is_its_own_and_not_the_rings() {
    let world = World::new();
    let ring = world.create().await;
    let signs = KeyUse::Sign(Signs::Fields);
    let admin = ring.admin();
    admin.add_purpose(&receipts(), signs).await.unwrap();
    let of = |name: &str| ring.tenant_signing(&receipts(), &tenant(name)).unwrap();
    let keys = [of("acme"), of("globex"), ring.signing(&receipts()).unwrap()];
    for (at, key) in keys.iter().enumerate() {
        let signature = key.sign(RECEIPT, &("paid", "42")).unwrap();
        for (other, verifier) in keys.iter().enumerate() {
            let checked = verifier
                .public()
                .verify(RECEIPT, &("paid", "42"), &signature);
            assert_eq!(checked.is_ok(), at == other, "{at} {other}");
        }
    }
    assert_eq!(of("acme").public(), keys[0].public());
}

/// A part of a second is a second: what was MACed never outlives what is waited for.
#[tokio::test]
async fn a_longest_life_is_kept_in_whole_seconds_and_never_shorter() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    for (millis, seconds) in [(1_500, 2), (2_000, 2), (2_001, 3), (2_500, 3)] {
        let life = mac(Some(Duration::from_millis(millis)));
        admin.add_purpose(&links(), life).await.unwrap();
        let kept = ring.mac(&links()).unwrap().longest_life();
        assert_eq!(kept, Some(Duration::from_secs(seconds)), "{millis}");
    }
}

/// One forged token, sent again and again, leaves the budget to the others.
#[tokio::test]
async fn an_id_that_was_looked_for_in_vain_is_not_looked_for_again_at_once() {
    let world = World::new();
    let ring = with_links(&world).await;
    let forged = fitting(&world, 2).await;
    calls(&world);
    for _ in 0..100 {
        let refused = ring.find_mac(&links(), forged[0]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        assert_eq!(refused.reason(), Some(keyward_keys::reason::UNKNOWN_KEY));
    }
    assert_eq!(calls(&world), 1);
    let _unknown = ring.find_mac(&links(), forged[1]).await.unwrap_err();
    assert_eq!(calls(&world), 1);
    world.clock.advance(Duration::from_secs(1));
    let _unknown = ring.find_mac(&links(), forged[0]).await.unwrap_err();
    assert_eq!(calls(&world), 1, "a moment later it may be there");
}
