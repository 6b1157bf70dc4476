//! What a key does not do: open another tenant's values, outlive a lease, a state or its end.

use std::sync::Arc;

use keyward_base::{ErrorKind, Reason};
use keyward_keys::{Keyring, Policy, TenantKeyMode};
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
        assert_eq!(refused.unwrap_err().reason(), Some(Reason::DisabledKey));
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
    assert_eq!(gone.unwrap_err().reason(), Some(Reason::UnknownKey));
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
