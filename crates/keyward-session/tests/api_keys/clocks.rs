//! Processes whose clocks differ.

use std::time::Duration;

use keyward_base::{Clock as _, Reason};
use keyward_session::api_key::{End, Narrow, Rotation};
use keyward_session::reason;

use crate::world::{HOUR, MINUTE, World, all, new, tenant};

/// What ended by a clock that is a little ahead does not live on by one that is behind it.
#[tokio::test]
async fn what_has_ended_by_one_clock_has_by_all() {
    let world = World::new().await;
    let (narrowed, rotated) = (world.key().await, world.key().await);
    let behind = world.clock.now().unwrap();
    world.pass(MINUTE / 2).await;
    let ahead = world.clock.now().unwrap();
    let to = Narrow::new().expires(ahead);
    let id = narrowed.info().id;
    let _info = world.keys.narrow(&tenant("acme"), id, &to).await.unwrap();
    let ada = world.person("acme", "ada").await;
    let at_once = Rotation::new().overlap(Duration::ZERO).unwrap();
    let next = world
        .keys
        .rotate(&ada, &all(), rotated.info().id, at_once)
        .await
        .unwrap();
    for now in [ahead, behind] {
        world.clock.set(now);
        world.refresh().await;
        for key in [&narrowed, &rotated] {
            let refused = world.refusal(key.key().expose()).await;
            assert_eq!(refused, Some(Reason::EXPIRED));
        }
        world.keys.check(next.key().expose(), None).await.unwrap();
    }
}

/// Whoever showed who he is before keys were ended makes none after it; by a clock far behind the one
/// by which they were, nobody can tell who that is.
#[tokio::test]
async fn who_is_behind_an_end_makes_no_key() {
    let world = World::new().await;
    let now = world.clock.now().unwrap();
    for (ahead, why) in [(MINUTE / 2, reason::EVIDENCE_OLD), (HOUR, reason::CLOCK)] {
        world.pass(ahead).await;
        let end = End::tenant(tenant("acme"));
        world.keys.end(&end).await.unwrap();
        // In the very moment of the end is before it.
        let refused = issue(&world).await;
        assert_eq!(refused, Some(reason::EVIDENCE_OLD));
        world.clock.set(now);
        world.refresh().await;
        assert_eq!(issue(&world).await, Some(why));
    }
}

async fn issue(world: &World) -> Option<Reason> {
    let ada = world.person("acme", "ada").await;
    let made = world.keys.issue(&ada, &all(), new("build")).await;
    made.unwrap_err().reason()
}
