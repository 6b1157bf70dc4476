//! The ring's keys are replaced: sessions live on, and the old key goes when none needs it.

use keyward_base::{ErrorKind, Purpose};
use keyward_session::{Revoke, User};

use crate::hostile::{epoch_keys, read, row_key};
use crate::world::{DAY, HOUR, World};

fn purpose() -> Purpose {
    Purpose::new("session").unwrap()
}

async fn rotate(world: &World) {
    let admin = world.ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
}

#[tokio::test]
async fn sessions_outlive_a_rotation_and_their_key_waits_for_them() {
    let world = World::new().await;
    let old = world.ring.mac(&purpose()).unwrap();
    let (old, old_tag) = (old.id(), old.tag());
    let started = world.user("acme", "ada").await;
    let token = started.token().expose();
    let other = world.other(world.data.clone()).await;
    rotate(&world).await;
    world.sessions.check::<User>(token).await.unwrap();
    // A process that does not know the new key finds it when it meets a token of it.
    let new = world.user("acme", "eve").await;
    other.check_any(new.token().expose()).await.unwrap();
    // Who starts or is renewed writes under the new key.
    let active = world.ring.mac(&purpose()).unwrap().tag();
    let [all, of_tenant, of_user] = epoch_keys();
    assert_eq!(read(&*world.data, &all).await.mac_key, active);
    assert_eq!(read(&*world.data, &of_tenant).await.mac_key, active);
    assert_ne!(read(&*world.data, &of_user).await.mac_key, active);
    world.pass(HOUR * 13).await;
    world.sessions.check_any(token).await.unwrap();
    let row = read(&*world.data, &row_key(started.id())).await;
    assert_eq!(row.mac_key, active);
    assert_eq!(row.token_key, old_tag, "the token needs its own");
    // The old key stays as long as the token needs it.
    let early = world.ring.admin().destroy(old).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Misuse, "{early:?}");
    // Once all that it made is over and purged, it goes.
    world.pass(DAY * 125).await;
    world.sessions.purge(1_000).await.unwrap();
    let admin = world.ring.admin();
    for _ in 0..4 {
        world.ring.refresh().await.unwrap();
        let _stage = admin.rotation(&purpose()).step().await.unwrap();
        world.pass(DAY).await;
    }
    let gone = world.ring.mac_by_id(&purpose(), old).unwrap_err();
    assert_eq!(gone.reason(), Some(keyward_keys::reason::DESTROYED_KEY));
    let next = world.user("acme", "ada").await;
    world
        .sessions
        .check_any(next.token().expose())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_row_that_was_written_under_an_older_key_is_not_written_after_the_count() {
    let world = World::new().await;
    let other = world.other(world.data.clone()).await;
    let started = world.user("acme", "ada").await;
    // The other knows the barriers and the old key.
    other.revoke(Revoke::everything()).await.unwrap();
    world
        .sessions
        .check_any(started.token().expose())
        .await
        .unwrap_err();
    world.tick();
    let started = world.user("acme", "ada").await;
    rotate(&world).await;
    let admin = world.ring.admin();
    let old = world.ring.mac(&purpose()).unwrap();
    // The destroying puts the barrier up before it counts, and is refused for now.
    let _refused = admin.destroy(old.id()).await;
    for column in world.ring.coverages().of(&purpose()) {
        column.close(old.promoted_epoch()).await.unwrap();
    }
    // Whoever is slow reads the ring anew, and writes under the key of now.
    let live = other.check::<User>(started.token().expose()).await.unwrap();
    other.end_others(&live).await.unwrap();
    let row = read(&*world.data, &row_key(started.id())).await;
    assert_eq!(row.mac_key, old.tag());
}

#[tokio::test]
async fn both_collections_are_counted() {
    let world = World::new().await;
    let columns = world.ring.registered().await.unwrap();
    let of_sessions = columns
        .iter()
        .filter(|entry| *entry.column.purpose() == purpose());
    let names: Vec<_> = of_sessions.map(|entry| entry.column.name()).collect();
    assert_eq!(names, ["session", "session-epoch"]);
    assert!(columns.iter().all(|entry| entry.has_barrier));
}
