//! The ring's keys are replaced: API keys live on, and the old key goes when none needs it.

use std::sync::Arc;

use keyward_base::{ErrorKind, Purpose};
use keyward_session::api_key::{End, KeyPolicy, Rotation};
use keyward_store::{MemoryStore, RecordKey};

use crate::hostile::{epoch_keys, plant, read, row_key};
use crate::world::{DAY, World, all, new, tenant};

fn purpose() -> Purpose {
    Purpose::new("api-key").unwrap()
}

async fn rotate(world: &World) {
    let admin = world.ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
}

#[tokio::test]
async fn the_key_that_lives_on_in_issued_keys_is_counted_and_shown() {
    let world = World::new().await;
    let old = world.ring.mac(&purpose()).unwrap();
    let issued = world.issue(new("build").expires_in(DAY * 300)).await;
    let bob = world.person("globex", "bob").await;
    let theirs = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    let other = world.other(world.data.clone()).await;
    rotate(&world).await;
    let active = world.ring.mac(&purpose()).unwrap();
    let late = world.key().await;
    // A process that does not know the new key finds it when it meets a text of it.
    other.check(late.key().expose(), None).await.unwrap();
    let report = world.keys.reissue_report().await.unwrap().of;
    assert_eq!(report.len(), 2);
    assert!(report[0].is_active && report[0].mac_key == active.id() && report[0].keys == 1);
    let of_old = &report[1];
    assert_eq!(
        (of_old.mac_key, of_old.is_active, of_old.keys),
        (old.id(), false, 2)
    );
    assert_eq!(of_old.until, issued.info().expires);
    let tenants: Vec<_> = of_old
        .tenants
        .iter()
        .map(|(of, n)| (of.as_str(), *n))
        .collect();
    assert_eq!(tenants, [("acme", 1), ("globex", 1)]);
    let shown = world
        .keys
        .info(&tenant("acme"), issued.info().id)
        .await
        .unwrap();
    assert_eq!(shown.mac_key, old.id());
    // Records need not keep it: they are made anew. Texts do.
    let renewed = world.keys.upkeep(100).await.unwrap().renewed;
    assert_eq!(renewed, 3, "two rows, and the epoch of globex");
    assert_eq!(world.keys.upkeep(100).await.unwrap().renewed, 0);
    let globex = RecordKey {
        owner: "globex".to_owned(),
        ..epoch_keys()[1].clone()
    };
    for key in epoch_keys().iter().chain([&globex]) {
        assert_eq!(read(&*world.data, key).await.mac_key, active.tag());
    }
    let row = read(&*world.data, &row_key(issued.info().id)).await;
    assert_eq!((&row.mac_key, &row.token_key), (&active.tag(), &old.tag()));
    for key in [&issued, &theirs, &late] {
        world.keys.check(key.key().expose(), None).await.unwrap();
    }
    // The old key stays as long as a text needs it.
    let early = world.ring.admin().destroy(old.id()).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Misuse, "{early:?}");
    // Issued anew, the report is empty of it.
    let ada = world.person("acme", "ada").await;
    let now = Rotation::new().overlap(std::time::Duration::ZERO).unwrap();
    let again = world
        .keys
        .rotate(&ada, &all(), issued.info().id, now)
        .await
        .unwrap();
    world
        .keys
        .revoke(&tenant("globex"), theirs.info().id)
        .await
        .unwrap();
    let report = world.keys.reissue_report().await.unwrap().of;
    assert_eq!(report.len(), 1);
    assert!(report[0].is_active && report[0].keys == 2);
    world.keys.check(again.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn the_old_key_goes_once_no_text_needs_it() {
    let world = World::new().await;
    let old = world.ring.mac(&purpose()).unwrap().id();
    let _issued = world.key().await;
    rotate(&world).await;
    world.pass(DAY * 91).await;
    assert_eq!(world.keys.upkeep(100).await.unwrap().purged, 1);
    world.keys.upkeep(100).await.unwrap();
    // What a purpose says of the life of what it made has gone by too.
    world.pass(DAY * 370).await;
    let admin = world.ring.admin();
    for _ in 0..4 {
        world.ring.refresh().await.unwrap();
        let _stage = admin.rotation(&purpose()).step().await.unwrap();
        world.pass(DAY).await;
    }
    let gone = world.ring.mac_by_id(&purpose(), old).unwrap_err();
    assert_eq!(gone.reason(), Some(keyward_keys::reason::DESTROYED_KEY));
    let next = world.key().await;
    world.keys.check(next.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn both_collections_are_counted_and_none_of_it_is_the_sessions() {
    let world = World::new().await;
    let columns = world.ring.registered().await.unwrap();
    let of_keys = columns
        .iter()
        .filter(|entry| *entry.column.purpose() == purpose());
    let names: Vec<_> = of_keys.map(|entry| entry.column.name()).collect();
    assert_eq!(names, ["api-key", "api-key-epoch"]);
    assert!(columns.iter().all(|entry| entry.has_barrier));
}

/// A key of the ring is needed until the last of them ends, in whatever order they are found.
#[tokio::test]
async fn a_report_says_until_when() {
    let policy = KeyPolicy::default().allow_endless();
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy)).await;
    let mut last = None;
    for days in [3, 300, 9, 200, 1, 100, 7, 5, 50, 30] {
        let issued = world.issue(new("build").expires_in(DAY * days)).await;
        last = last.max(issued.info().expires);
        let report = world.keys.reissue_report().await.unwrap().of;
        assert_eq!((report.len(), report[0].until), (1, last));
    }
    for _ in 0..4 {
        let _endless = world.issue(new("build").endless()).await;
        assert_eq!(world.keys.reissue_report().await.unwrap().of[0].until, None);
    }
}

/// What ended with its tenant goes with the key that vouches for it, and is not made anew.
#[tokio::test]
async fn what_has_ended_is_not_made_anew() {
    let world = World::new().await;
    let (dead, _) = (world.key().await, world.tick());
    world.keys.end(&End::tenant(tenant("acme"))).await.unwrap();
    world.tick();
    let lives = world.key().await;
    rotate(&world).await;
    world.keys.upkeep(100).await.unwrap();
    let places = [&dead, &lives].map(|key| row_key(key.info().id));
    let found = world.data.fetch_many(&places).await.unwrap();
    let are_there: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(are_there, [false, true]);
    world.keys.check(lives.key().expose(), None).await.unwrap();
}

/// So many at a time, of rows and epochs together.
#[tokio::test]
async fn no_more_is_made_anew_at_once_than_is_asked() {
    let world = World::new().await;
    for _ in 0..3 {
        let _key = world.key().await;
    }
    rotate(&world).await;
    let mut renewed = Vec::new();
    for _ in 0..4 {
        renewed.push(world.keys.upkeep(2).await.unwrap().renewed);
    }
    assert_eq!(renewed, [2, 2, 1, 0], "three rows and two epochs");
}

/// A process that was told of a key before it was to be used finds that it is by now.
#[tokio::test]
async fn a_key_that_was_pending_here_is_looked_for() {
    let world = World::new().await;
    let other = world.other(world.data.clone()).await;
    let admin = world.ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    world.refresh().await;
    admin.promote_ready().await.unwrap();
    let late = world.key().await;
    other.check(late.key().expose(), None).await.unwrap();
}

/// Nobody vouches anew for an epoch that lies where another should.
#[tokio::test]
async fn an_epoch_in_another_place_is_not_made_anew() {
    let world = World::new().await;
    let _key = world.key().await;
    let [_, acme] = epoch_keys();
    let globex = RecordKey {
        owner: "globex".to_owned(),
        ..acme.clone()
    };
    let moved = read(&*world.data, &acme).await.content;
    plant(&*world.data, &globex, moved.clone()).await;
    rotate(&world).await;
    let kept = world.keys.upkeep(100).await.unwrap();
    assert_eq!(kept.renewed, 3, "a row and two epochs");
    assert_eq!(read(&*world.data, &globex).await.content, moved);
    assert_ne!(read(&*world.data, &acme).await.content, moved);
}
