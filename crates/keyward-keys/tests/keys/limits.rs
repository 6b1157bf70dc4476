//! What a key does not do: open another tenant's values, outlive a lease, a state or its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyward_base::ErrorKind;
use keyward_keys::{Destruction, KeyState, KeyUse, Keyring, Pass, Policy, TenantKeyMode};
use keyward_sqlite::SqliteStore;
use keyward_store::{BoxFuture, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{V1, V2, World, purpose, root, tenant};

#[tokio::test]
async fn a_derived_key_is_its_tenants_and_its_purposes_own() {
    let other = keyward_base::Purpose::new("other").unwrap();
    let world = World::new();
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let purposes = [purpose(), other.clone()];
    let builder = world.builder().policy(policy);
    let ring = builder.create(&purposes, &[]).await.unwrap();
    let of = async |purpose: &keyward_base::Purpose, name: &str| {
        ring.sealing_key(purpose, &tenant(name), 0).await.unwrap()
    };
    let (a, b, c) = (
        of(&purpose(), "a").await,
        of(&purpose(), "b").await,
        of(&other, "a").await,
    );
    assert_eq!(a.id(), b.id(), "values carry the ring key's id");
    let mut sealed = Vec::new();
    a.body()
        .seal(&crate::world::context(), b"secret", &mut sealed)
        .unwrap();
    assert!(b.body().open(&crate::world::context(), &sealed).is_err());
    assert!(c.body().open(&crate::world::context(), &sealed).is_err());
    let cold = world.open().await;
    let same = cold.opening_key(&purpose(), &tenant("a"), a.id()).await;
    let opened = same
        .unwrap()
        .body()
        .open(&crate::world::context(), &sealed)
        .unwrap();
    assert_eq!(opened.expose(), b"secret");
    // Where the ring is newer than this process knows, its id fits the filter, and it is found.
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let new = of(&purpose(), "a").await;
    cold.opening_key(&purpose(), &tenant("a"), new.id())
        .await
        .unwrap();
    // A mark on a key that was withdrawn meanwhile is refused.
    ring.admin().disable(a.id()).await.unwrap();
    let late = cold
        .mark_unregistered(&purpose(), &tenant("a"), a.id())
        .await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn who_waited_for_another_looks_at_its_lease_again() {
    let world = World::new();
    let maker = world.create().await;
    let acme = tenant("acme");
    let key = maker.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    for opens in [true, false] {
        let store = Staged::over(world.store.clone());
        let records: Arc<dyn Records> = store.clone();
        let web = Keyring::builder(records, world.root.clone())
            .clock(world.clock.clone())
            .replica("web")
            .open()
            .await
            .unwrap();
        // The first reads the tenant's keys, and that takes longer than the lease.
        let clock = world.clock.clone();
        let lease = web.policy().lease;
        let slow = Interrupt::Run(Box::new(move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                // The second comes meanwhile, finds its lease good, and waits.
                tokio::task::yield_now().await;
                clock.advance(lease);
            })
        }));
        store.interrupt(0, slow);
        let purpose = purpose();
        let (first, second) = if opens {
            tokio::join!(
                web.opening_key(&purpose, &acme, key),
                web.opening_key(&purpose, &acme, key)
            )
        } else {
            tokio::join!(
                web.sealing_key(&purpose, &acme, 0),
                web.sealing_key(&purpose, &acme, 0)
            )
        };
        assert!(store.fired());
        first.unwrap();
        let lost = second.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Unavailable);
        assert!(lost.to_string().contains("lease"), "{lost}");
    }
}

#[tokio::test]
async fn a_key_in_memory_is_as_the_ring_says_now() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let other = world.open().await;
    other.opening_key(&purpose(), &acme, key).await.unwrap();
    let old = ring.status().keys[0].id;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    other.refresh().await.unwrap();
    for handle in [&ring, &other] {
        let refused = handle.opening_key(&purpose(), &acme, key).await;
        assert_eq!(
            refused.unwrap_err().reason(),
            Some(keyward_keys::reason::DISABLED_KEY)
        );
    }
    ring.admin().enable(old).await.unwrap();
    other.refresh().await.unwrap();
    for handle in [&ring, &other] {
        handle.opening_key(&purpose(), &acme, key).await.unwrap();
    }
    // What a destroyed key wrapped is dropped at the next write.
    ring.admin().disable(old).await.unwrap();
    ring.admin().destroy(old).await.unwrap();
    other.refresh().await.unwrap();
    let new = other.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let kept = ring.admin().tenant_usage(&acme).await.unwrap();
    assert_eq!(kept.iter().map(|k| k.key).collect::<Vec<_>>(), [new]);
    let gone = world.open().await.opening_key(&purpose(), &acme, key).await;
    assert_eq!(
        gone.unwrap_err().reason(),
        Some(keyward_keys::reason::UNKNOWN_KEY)
    );
}

#[tokio::test]
async fn a_rewrap_of_keys_drops_what_a_destroyed_key_wrapped() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    let old = ring.status().keys[0].id;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    ring.admin().destroy(old).await.unwrap();
    let done = ring.admin().rewrap_keys(|_| {}).await.unwrap();
    assert_eq!((done.tenants, done.moved), (1, 0));
    assert!(ring.admin().tenant_usage(&acme).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rewrap_of_keys_moves_what_it_says_it_moved() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    let mut issued = Vec::new();
    for tenants in [["a", "b"], ["a", "c"]] {
        for name in tenants {
            let key = ring.sealing_key(&purpose(), &tenant(name), 0).await;
            issued.push((name, key.unwrap().id()));
        }
        admin.rotate(&purpose()).await.unwrap();
        admin.promote_ready().await.unwrap();
    }
    let [first, second, active] = [0, 1, 2].map(|at| ring.status().keys[at].id);
    admin.disable(first).await.unwrap();
    let wrapped_by = async || {
        let mut found = Vec::new();
        for (_, id) in &issued {
            let held = world.open().await.admin().locate(*id).await;
            found.push(held.unwrap().unwrap().wrapped_by);
        }
        found
    };
    assert_eq!(wrapped_by().await, [first, first, second, second]);
    for (tenants, moved) in [(2, 2), (0, 0)] {
        let done = admin.rewrap_keys(|_| {}).await.unwrap();
        let said = (done.tenants, done.moved, done.skipped);
        assert_eq!(said, (tenants, moved, 2));
        assert_eq!(wrapped_by().await, [first, first, active, active]);
    }
    admin.enable(first).await.unwrap();
    let done = admin.rewrap_keys(|_| {}).await.unwrap();
    assert_eq!((done.tenants, done.moved, done.skipped), (2, 2, 0));
    assert_eq!(wrapped_by().await, [active; 4]);
    let cold = world.open().await;
    for (name, id) in issued {
        let key = cold.opening_key(&purpose(), &tenant(name), id).await;
        assert_eq!(key.unwrap().id(), id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_root_wrapped_is_gone_from_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let open = |text: &str| {
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        Keyring::builder(store, Arc::new(root(text)))
    };
    let ring = open(V1).create(&[purpose()], &[]).await.unwrap();
    ring.sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let held = store.fetch(&crate::world::ring_key()).await.unwrap();
    let wrapped = held.unwrap().content.data[51..51 + 104].to_vec();
    let lies = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.any(|bytes| bytes.windows(32).any(|w| w == &wrapped[..32]))
    };
    assert!(lies());
    // The first process still has the store open.
    let both = open(&format!("{V2},{V1}")).open().await.unwrap();
    let done = both.admin().rewrap_root().await.unwrap();
    assert_eq!(done.moved, 3);
    assert_eq!(done.erased, !lies(), "it says what is so");
    assert!(done.erased);
    both.refresh().await.unwrap();
    drop(ring);
    let destroyed = {
        let old = both.status().keys[0].id;
        both.admin().rotate(&purpose()).await.unwrap();
        both.admin().promote_ready().await.unwrap();
        both.admin().rewrap_keys(|_| {}).await.unwrap();
        both.admin().disable(old).await.unwrap();
        both.admin().destroy(old).await.unwrap()
    };
    assert!(destroyed.erased);
}

#[tokio::test]
async fn tenants_of_a_key_that_was_disabled_are_read_anew_and_others_are_not() {
    let world = World::new();
    let other = keyward_base::Purpose::new("other").unwrap();
    let purposes = [purpose(), other.clone()];
    let ring = world.builder().create(&purposes, &[]).await.unwrap();
    let keys = ring.status().keys;
    let old = keys.iter().find(|k| k.purpose == purpose()).unwrap().id;
    let acme = tenant("acme");
    let web = world.open().await;
    let key = web.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let kept = web.sealing_key(&other, &acme, 0).await.unwrap().id();
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    web.refresh().await.unwrap();
    ring.admin().enable(old).await.unwrap();
    web.refresh().await.unwrap();
    let reads = || world.store.tenant_reads.swap(0, Ordering::SeqCst);
    reads();
    web.opening_key(&other, &acme, kept).await.unwrap();
    assert_eq!(reads(), 0, "its ring key stayed as it was");
    web.opening_key(&purpose(), &acme, key).await.unwrap();
    assert_eq!(reads(), 1);
    web.opening_key(&purpose(), &acme, key).await.unwrap();
    assert_eq!(reads(), 0);
    // The newest of a tenant's keys is the one that seals.
    let new = web.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let mut usage = ring.admin().tenant_usage(&acme).await.unwrap();
    usage.retain(|usage| usage.purpose == purpose());
    let current: Vec<_> = usage
        .iter()
        .map(|usage| (usage.key, usage.current))
        .collect();
    assert_eq!(current, [(key, false), (new, true)]);
}

#[tokio::test]
async fn what_is_known_of_a_ring_is_not_unwrapped_again() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.open().await;
    let calls = || world.root.calls.swap(0, Ordering::SeqCst);
    ring.admin().rotate(&purpose()).await.unwrap();
    calls();
    web.refresh().await.unwrap();
    assert_eq!(calls(), 1, "the new key");
    let old = ring.status().keys[0].id;
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    calls();
    web.refresh().await.unwrap();
    assert_eq!(calls(), 0);
    world.open().await;
    assert_eq!(
        calls(),
        3,
        "MAC, filter and the active key: not the disabled one"
    );
}

#[tokio::test]
async fn sealing_reads_what_it_has_to() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.open().await;
    let acme = tenant("acme");
    let first = web.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let reads = || {
        let counters = [&world.store.ring_reads, &world.store.tenant_reads];
        counters.map(|counter| counter.swap(0, Ordering::SeqCst))
    };
    reads();
    let epoch = web.promoted_epoch(&purpose()).unwrap();
    let again = web.sealing_key(&purpose(), &acme, epoch).await.unwrap();
    assert_eq!((again.id(), reads()), (first, [0, 0]));
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let epoch = ring.promoted_epoch(&purpose()).unwrap();
    // The barrier is ahead of this process: the ring is read anew.
    let new = web.sealing_key(&purpose(), &acme, epoch).await.unwrap();
    assert_ne!(new.id(), first);
    assert_eq!(web.promoted_epoch(&purpose()).unwrap(), epoch);
}

#[tokio::test]
async fn keys_of_values_that_nobody_counts_are_destroyed_only_when_told() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    ring.mark_unregistered(&purpose(), &acme, key)
        .await
        .unwrap();
    let old = ring.status().keys[0].id;
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let active = admin.destroy(ring.status().keys[1].id).await.unwrap_err();
    assert!(active.to_string().contains("keys disable"), "{active}");
    admin.disable_even_uncounted(old).await.unwrap();
    assert_eq!(ring.status().keys[0].state, KeyState::Disabled);
    let refused = admin.destroy(old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(
        refused.to_string().contains("--even-unregistered"),
        "{refused}"
    );
    let done = keyward_keys::danger::destroy_unregistered(&admin, old).await;
    assert!(matches!(done.unwrap(), Destruction::Done(_)));
    let twice = admin.destroy(old).await.unwrap_err();
    assert!(twice.to_string().contains("already destroyed"), "{twice}");
}

#[tokio::test]
async fn the_mark_of_a_ring_key_is_made_once() {
    let world = World::new();
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let builder = world.builder().policy(policy);
    let ring = builder.create(&[purpose()], &[]).await.unwrap();
    assert_eq!(ring.policy().tenant_keys, TenantKeyMode::Derived);
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    ring.mark_unregistered(&purpose(), &acme, key)
        .await
        .unwrap();
    let status = ring.status();
    assert!(status.keys[0].unregistered);
    ring.mark_unregistered(&purpose(), &acme, key)
        .await
        .unwrap();
    assert_eq!(ring.status(), status, "the ring is as it was");
}

#[tokio::test]
async fn a_ring_written_again_as_it_was_is_gone_on_with() {
    let world = World::new();
    let ring = world.create().await;
    world.store.put_ring(world.store.ring().await).await;
    ring.admin().rotate(&purpose()).await.unwrap();
    let other = world.open().await;
    assert!(!other.refresh().await.unwrap());
    ring.admin().promote_ready().await.unwrap();
    assert!(other.refresh().await.unwrap(), "it is newer");
    assert!(!other.refresh().await.unwrap());
    world.store.put_ring(world.store.ring().await).await;
    assert!(!other.refresh().await.unwrap(), "no newer than before");
}

#[tokio::test]
async fn an_admin_that_is_behind_reads_what_a_newer_ring_signed() {
    let world = World::new();
    let ring = world.create().await;
    let behind = world.open().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    assert!(behind.admin().damaged().await.unwrap().is_empty());
    world.store.ring_reads.store(0, Ordering::SeqCst);
    let found = behind.admin().locate(key).await.unwrap().unwrap();
    assert_eq!((found.tenant, found.key), (acme, key));
    let none = behind.admin().locate(ring.status().keys[0].id).await;
    assert!(none.unwrap().is_none());
    assert_eq!(world.store.ring_reads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_pass_takes_as_many_rows_as_a_batch_holds_twice() {
    let world = World::new();
    let ring = world.create().await;
    let pass = |rows| Pass::new(&ring, &purpose()).batch(rows);
    assert_eq!([0, 7, 5000].map(|rows| pass(rows).rows()), [1, 7, 2048]);
    let shown = format!("{:?}", pass(7));
    assert!(shown.contains("batch: 7"), "{shown}");
}

#[tokio::test]
async fn debug_names_ids_and_numbers() {
    let world = World::new();
    let ring = world.create().await;
    let column = crate::world::Column::new("app", &purpose(), true);
    ring.cover(column).await.unwrap();
    let key = ring.sealing_key(&purpose(), &tenant("acme"), 0).await;
    let key = key.unwrap();
    assert_eq!(format!("{key:?}"), format!("TenantKey({})", key.id()));
    let column = "ColumnId(app/server.password/vault)";
    assert_eq!(format!("{:?}", ring.coverages()), format!("[{column}]"));
    let epoch = ring.status().epoch;
    let shown = format!("Keyring(Snapshot(epoch {epoch}, 1 keys))");
    assert_eq!(format!("{ring:?}"), shown);
    let id = ring.status().ring;
    let hex: String = id.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        [format!("{id}"), format!("{id:?}")],
        [hex.clone(), format!("RingId({hex})")]
    );
    let provider = keyward_crypto::Provider::rustcrypto();
    let ring = world.builder().provider(provider).open().await.unwrap();
    assert_eq!(format!("{:?}", ring.provider()), format!("{provider:?}"));
}

#[tokio::test]
async fn a_key_is_disabled_before_it_is_destroyed() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    let old = ring.status().keys[0].id;
    admin.rotate(&purpose()).await.unwrap();
    let pending = ring.status().keys[1].id;
    let refused = async |id| {
        let refused = admin.destroy(id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
        assert!(refused.to_string().contains("keys disable"), "{refused}");
    };
    refused(pending).await;
    admin.promote_ready().await.unwrap();
    refused(old).await;
    refused(pending).await;
    assert_eq!(ring.status().keys[0].state, KeyState::Retired);
}

#[tokio::test]
async fn a_tenants_keys_are_issued_once_for_a_barrier_that_is_met() {
    let world = World::new();
    let ring = world.create().await;
    let epoch = ring.promoted_epoch(&purpose()).unwrap();
    let reads = || world.store.ring_reads.swap(0, Ordering::SeqCst);
    reads();
    // The view is as new as the barrier asks: the ring is not read anew.
    let key = ring.sealing_key(&purpose(), &tenant("new"), epoch).await;
    assert_eq!((key.unwrap().issued_epoch(), reads()), (epoch, 0));
}

#[tokio::test]
async fn times_and_states_are_read_as_they_were_written() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    let old = ring.status().keys[0].id;
    let fresh = async || {
        let fresh = world.open().await.status();
        assert_eq!(fresh, ring.status());
        fresh.keys
    };
    assert_eq!(
        (fresh().await[0].retired, fresh().await[0].disabled),
        (None, None)
    );
    admin.rotate(&purpose()).await.unwrap();
    assert_eq!(fresh().await[1].promoted, None);
    admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    assert!(fresh().await[0].disabled.is_some());
    admin.destroy(old).await.unwrap();
    let keys = fresh().await;
    assert!(keys[0].destroyed.is_some() && keys[1].destroyed.is_none());
    let words: Vec<_> = keys.iter().map(|key| key.state.as_str()).collect();
    assert_eq!(words, ["destroyed", "active"]);
    let states = [KeyState::Disabled, KeyState::Pending, KeyState::Retired];
    assert_eq!(
        states.map(KeyState::as_str),
        ["disabled", "pending", "retired"]
    );
}

/// As many purposes, and as many keys, as a ring holds.
#[tokio::test]
async fn a_ring_holds_256_purposes_and_1024_keys() {
    let world = World::new();
    let named = |n| keyward_base::Purpose::new(&format!("p{n}")).unwrap();
    let all: Vec<_> = (0..256).map(named).collect();
    let ring = world.builder().create(&all, &[]).await.unwrap();
    assert_eq!(world.open().await.status(), ring.status());
    let more = ring.admin().add_purpose(&named(256), KeyUse::Seal).await;
    assert_eq!(more.unwrap_err().kind(), ErrorKind::Misuse);
    // Tombstones count: 1,022 of them and two living keys.
    let world = World::new();
    drop(world.create().await);
    let whole = world.store.ring().await;
    let (body, key) = whole[..whole.len() - 32].split_at(crate::vectors::KEYS);
    let mut full = body[..body.len() - 2].to_vec();
    full.extend(1023_u16.to_be_bytes());
    full.extend(key);
    let fields = 8 + 8 + 4 + 1 + 5 + 8 + 8 + 40;
    for n in 1..1023_u64 {
        let mut tombstone = key[..fields].to_vec();
        tombstone[..8].copy_from_slice(&n.to_be_bytes());
        tombstone[18] = 5;
        full.extend(tombstone);
        full.extend([0; 6]);
    }
    full.extend([0; 32]);
    world
        .store
        .put_ring(crate::vectors::sign_ring(full).await)
        .await;
    let ring = world.open().await;
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    assert_eq!(world.open().await.status().keys.len(), 1024);
    let more = admin.rotate(&purpose()).await.unwrap_err();
    assert_eq!(more.kind(), ErrorKind::Misuse);
    assert!(more.to_string().contains("1024"), "{more}");
}

/// A store that was promised newer keys than the ring has is of a later ring: nothing is sealed
/// below its barrier.
#[tokio::test]
async fn nothing_is_sealed_for_a_barrier_that_the_ring_has_not_reached() {
    for mode in [TenantKeyMode::Random, TenantKeyMode::Derived] {
        let world = World::new();
        let policy = Policy {
            tenant_keys: mode,
            ..Policy::default()
        };
        let ring = world.builder().policy(policy);
        let ring = ring.create(&[purpose()], &[]).await.unwrap();
        let reached = ring.promoted_epoch(&purpose()).unwrap();
        let (purpose, acme) = (purpose(), tenant("acme"));
        let seal = |epoch| ring.sealing_key(&purpose, &acme, epoch);
        let refused = seal(reached + 1).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(refused.to_string().contains("barrier"), "{refused}");
        assert!(seal(reached).await.unwrap().issued_epoch() >= reached);
    }
}
