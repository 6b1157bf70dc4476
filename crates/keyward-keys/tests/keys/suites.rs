//! Suites: new keys take the newer one, values of both open, and the older one is refused once no
//! value is in it.

use std::sync::atomic::Ordering;

use keyward_base::{Domain, Encoded, ErrorKind, Purpose, Suite};
use keyward_keys::{KeyState, KeyUse, Keyring, Life, Policy, Stage, TenantKeyMode};
use keyward_store::{Collection, Scan};

use crate::vectors::{KEYS, edit, sign_ring};
use crate::world::{Column, World, purpose, tenant, tenant_key};

const OLD: Suite = Suite::Chunked1;
const NEW: Suite = Suite::Chunked2;

fn context() -> Encoded {
    Domain::<()>::new("test").encode(&()).unwrap()
}

async fn rotated(ring: &Keyring) {
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
}

/// A ring whose keys are of suite 1, as one from before suite 2.
async fn old(world: &World) -> Keyring {
    let ring = world.create().await;
    ring.admin().write_suite(&purpose(), OLD).await.unwrap();
    rotated(&ring).await;
    let first = ring.status().keys[0].id;
    ring.admin().disable(first).await.unwrap();
    ring.admin().destroy(first).await.unwrap();
    ring
}

#[tokio::test]
async fn keys_of_both_suites_open_and_new_ones_seal_in_the_newer() {
    let world = World::new();
    let ring = old(&world).await;
    let (acme, other) = (tenant("acme"), tenant("other"));
    let before = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(
        (before.suite(), ring.status().keys[1].suite),
        (OLD, Some(OLD))
    );
    let mut body = Vec::new();
    before
        .body()
        .seal(&context(), b"secret", &mut body)
        .unwrap();
    ring.admin().write_suite(&purpose(), NEW).await.unwrap();
    let same = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(same.id(), before.id(), "keys that there are keep theirs");
    rotated(&ring).await;
    // Wrapped anew, the old key does not seal all the same.
    ring.admin().rewrap_keys(|_| {}).await.unwrap();
    // Nor if it was read, and is kept in memory, before the first value is sealed.
    let reader = world.open().await;
    let held = reader.opening_key(&purpose(), &acme, before.id()).await;
    assert_eq!(held.unwrap().suite(), OLD);
    let after = reader.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(after.suite(), NEW);
    for ring in [ring, world.open().await] {
        for owner in [&acme, &other] {
            let after = ring.sealing_key(&purpose(), owner, 0).await.unwrap();
            assert_eq!(after.suite(), NEW);
        }
        let found = ring
            .opening_key(&purpose(), &acme, before.id())
            .await
            .unwrap();
        assert_eq!(found.suite(), OLD);
        assert_eq!(
            found.body().open(&context(), &body).unwrap().expose(),
            b"secret"
        );
    }
}

#[tokio::test]
async fn refusing_a_suite_needs_a_count_of_none() {
    let world = World::new();
    let ring = old(&world).await;
    let admin = ring.admin();
    let refuses = async |what: &str| {
        let refused = admin.oldest_suite(&purpose(), NEW).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{what}");
    };
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    refuses("new keys are of it").await;
    admin.write_suite(&purpose(), NEW).await.unwrap();
    refuses("the active key is").await;
    rotated(&ring).await;
    let column = Column::new("app", &purpose(), true);
    ring.cover(column.clone()).await.unwrap();
    column.keys.lock().unwrap().push(key.id());
    refuses("a value is").await;
    // Whoever was slow writes no more under the keys before.
    let promoted = ring.promoted_epoch(&purpose()).unwrap();
    assert_eq!(column.closed.load(Ordering::SeqCst), promoted);
    column.keys.lock().unwrap().clear();
    let world_of_another = world.open().await;
    let elsewhere = world_of_another.admin().oldest_suite(&purpose(), NEW).await;
    assert_eq!(
        elsewhere.unwrap_err().kind(),
        ErrorKind::Misuse,
        "it cannot count"
    );
    let whole = world.store.data(&tenant_key("acme")).await;
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    world.store.put(tenant_key("acme"), damaged).await;
    refuses("a record cannot be read").await;
    world.store.put(tenant_key("acme"), whole).await;
    admin.oldest_suite(&purpose(), NEW).await.unwrap();
    let back = admin.write_suite(&purpose(), OLD).await.unwrap_err();
    assert_eq!(back.kind(), ErrorKind::Misuse);
    let links = Purpose::new("links").unwrap();
    admin
        .add_purpose(&links, KeyUse::Mac(Life::Endless))
        .await
        .unwrap();
    assert_eq!(
        admin.oldest_suite(&links, NEW).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
    // One that sealed what nobody counts.
    admin.oldest_suite(&purpose(), OLD).await.unwrap();
    ring.mark_unregistered(&purpose(), &acme, key.id())
        .await
        .unwrap();
    refuses("a value may be, somewhere").await;
}

#[tokio::test]
async fn no_cache_answers_across_the_setting() {
    for tenant_keys in [TenantKeyMode::Random, TenantKeyMode::Derived] {
        let world = World::new();
        drop(old(&world).await);
        let policy = Policy {
            tenant_keys,
            ..Policy::default()
        };
        let ring = world.builder().policy(policy).open().await.unwrap();
        let acme = tenant("acme");
        let id = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
        assert!(ring.opening_key(&purpose(), &acme, id).await.is_ok());
        let other = world.open().await;
        other.admin().write_suite(&purpose(), NEW).await.unwrap();
        rotated(&other).await;
        other.admin().oldest_suite(&purpose(), NEW).await.unwrap();
        ring.refresh().await.unwrap();
        for ring in [&ring, &world.builder().policy(policy).open().await.unwrap()] {
            let refused = ring.opening_key(&purpose(), &acme, id).await.unwrap_err();
            assert_eq!(refused.reason(), Some(keyward_keys::reason::REFUSED_SUITE));
        }
        other.admin().oldest_suite(&purpose(), OLD).await.unwrap();
        ring.refresh().await.unwrap();
        assert!(ring.opening_key(&purpose(), &acme, id).await.is_ok());
    }
}

#[tokio::test]
async fn a_process_that_cannot_read_a_suite_says_so_and_takes_no_part() {
    let world = World::new();
    drop(world.create().await);
    let newer = sign_ring(edit(&world.store.ring().await, KEYS + 17, &[9])).await;
    world.store.put_ring(newer).await;
    let refused = world.builder().replica("web").open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("upgrade keyward"), "{refused}");
    let replicas = Scan::of(Collection::named("replica"));
    assert!(
        world
            .store
            .inner
            .scan(replicas)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_suite_is_not_refused_that_a_pending_key_is_to_seal_in() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    admin.write_suite(&purpose(), OLD).await.unwrap();
    let pending = admin.rotate(&purpose()).await.unwrap();
    admin.write_suite(&purpose(), NEW).await.unwrap();
    let refused = admin.oldest_suite(&purpose(), NEW).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    // Whatever it seals opens.
    admin.promote_ready().await.unwrap();
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(key.suite(), OLD);
    assert!(ring.opening_key(&purpose(), &acme, key.id()).await.is_ok());
    rotated(&ring).await;
    // Nor by a key that was disabled before it sealed: enabled again, it opens only.
    admin.write_suite(&purpose(), OLD).await.unwrap();
    let unused = admin.rotate(&purpose()).await.unwrap();
    admin.write_suite(&purpose(), NEW).await.unwrap();
    assert!(admin.oldest_suite(&purpose(), NEW).await.is_err());
    admin.disable(unused).await.unwrap();
    admin.oldest_suite(&purpose(), NEW).await.unwrap();
    assert_ne!(pending, unused);
}

#[tokio::test]
async fn a_pending_key_of_the_suite_before_is_not_taken_for_the_new_one() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    admin.write_suite(&purpose(), OLD).await.unwrap();
    let outdated = admin.rotate(&purpose()).await.unwrap();
    assert_eq!(
        admin.rotate(&purpose()).await.unwrap(),
        outdated,
        "said again"
    );
    admin.write_suite(&purpose(), NEW).await.unwrap();
    let made = admin.rotate(&purpose()).await.unwrap();
    let of = |id| {
        let keys = ring.status().keys;
        let key = keys.into_iter().find(|key| key.id == id).unwrap();
        (key.state, key.suite, key.ending)
    };
    assert_eq!(of(made), (KeyState::Pending, Some(NEW), false));
    // Nothing was sealed with it, and no rotation is begun by it.
    assert_eq!(of(outdated), (KeyState::Disabled, Some(OLD), false));
    assert_eq!(admin.rotate(&purpose()).await.unwrap(), made);

    // A rotation to the end makes another, too, whether it begins or goes on.
    admin.write_suite(&purpose(), OLD).await.unwrap();
    let web = world.builder().replica("web").open().await.unwrap();
    let mut rotation = admin.rotation(&purpose());
    assert!(matches!(
        rotation.step().await.unwrap(),
        Stage::Waiting { .. }
    ));
    assert_eq!(of(made), (KeyState::Disabled, Some(NEW), true));
    admin.write_suite(&purpose(), NEW).await.unwrap();
    assert!(matches!(
        rotation.step().await.unwrap(),
        Stage::Waiting { .. }
    ));
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let _disabled = rotation.step().await.unwrap();
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let Stage::Done { destroyed, .. } = rotation.step().await.unwrap() else {
        panic!("at its end");
    };
    assert_eq!(destroyed.len(), 3, "the first, and two that sealed nothing");
    let active = ring.sealing_key(&purpose(), &tenant("acme"), 0).await;
    assert_eq!(active.unwrap().suite(), NEW);
}

#[tokio::test]
async fn a_suite_is_refused_once_what_was_sealed_in_it_is_stored() {
    let world = World::new();
    let ring = old(&world).await;
    let admin = ring.admin();
    let table = Column::new("app", &purpose(), false);
    ring.cover(table.clone()).await.unwrap();
    let held = ring.sealing_key(&purpose(), &tenant("acme"), 0).await;
    let held = held.unwrap().id();
    admin.write_suite(&purpose(), NEW).await.unwrap();
    rotated(&ring).await;
    // Sealed before the rotation, and not stored yet: no barrier keeps it out.
    let early = admin.oldest_suite(&purpose(), NEW).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Unavailable);
    table.keys.lock().unwrap().push(held);
    world.clock.advance(ring.policy().minimum_age());
    let counted = admin.oldest_suite(&purpose(), NEW).await.unwrap_err();
    assert_eq!(counted.kind(), ErrorKind::Misuse);
    table.keys.lock().unwrap().clear();
    admin.oldest_suite(&purpose(), NEW).await.unwrap();
}

/// Values that name a ring key itself, whichever purpose's.
#[tokio::test]
async fn values_of_derived_keys_are_counted_by_suite_and_purpose() {
    let world = World::new();
    let other = Purpose::new("other").unwrap();
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let both = [purpose(), other.clone()];
    let builder = world.builder().policy(policy);
    let ring = builder.create(&both, &[]).await.unwrap();
    let admin = ring.admin();
    for purpose in &both {
        admin.write_suite(purpose, OLD).await.unwrap();
        admin.rotate(purpose).await.unwrap();
    }
    admin.promote_ready().await.unwrap();
    admin.write_suite(&purpose(), NEW).await.unwrap();
    rotated(&ring).await;
    let of = |purpose: &Purpose| -> Vec<_> {
        let keys = ring.status().keys.into_iter();
        let own = keys.filter(|key| key.purpose == *purpose);
        own.map(|key| key.id).collect()
    };
    let [first, old, active] = of(&purpose()).try_into().unwrap();
    let [_, others] = of(&other).try_into().unwrap();
    let column = Column::new("app", &purpose(), true);
    let beside = Column::new("app", &other, true);
    ring.cover(column.clone()).await.unwrap();
    ring.cover(beside.clone()).await.unwrap();
    // Values in the newer suite, and those of another purpose, are no matter.
    column.keys.lock().unwrap().extend([first, active, old]);
    beside.keys.lock().unwrap().push(others);
    let refused = admin.oldest_suite(&purpose(), NEW).await.unwrap_err();
    assert!(refused.to_string().starts_with("1 values"), "{refused}");
    column.keys.lock().unwrap().pop();
    admin.oldest_suite(&purpose(), NEW).await.unwrap();

    // The same of tenants' own keys.
    admin.oldest_suite(&purpose(), OLD).await.unwrap();
    let random = world.open().await;
    random.cover(column.clone()).await.unwrap();
    random.cover(beside.clone()).await.unwrap();
    let acme = tenant("acme");
    let mine = random.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(mine.suite(), NEW);
    column.keys.lock().unwrap().push(mine.id());
    random
        .mark_unregistered(&purpose(), &acme, mine.id())
        .await
        .unwrap();
    let theirs = random.sealing_key(&other, &acme, 0).await.unwrap();
    assert_eq!(theirs.suite(), OLD);
    random
        .mark_unregistered(&other, &acme, theirs.id())
        .await
        .unwrap();
    random.admin().oldest_suite(&purpose(), NEW).await.unwrap();
    // One that sealed what nobody counts.
    random.admin().oldest_suite(&purpose(), OLD).await.unwrap();
    ring.mark_unregistered(&purpose(), &acme, old)
        .await
        .unwrap();
    let refused = random.admin().oldest_suite(&purpose(), NEW).await;
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
}
