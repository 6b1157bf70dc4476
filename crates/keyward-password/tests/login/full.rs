//! A table of tries that has no room.

use std::sync::Arc;

use keyward_base::{ErrorKind, Retry};
use keyward_password::{Limits, LogIn, Throttle, Tried};
use keyward_store::{Attempts, MemoryStore};

use crate::throttle::hang_up;
use crate::world::{ANN, RIGHT, World, address, attempt, from, home, inside, quick, token, tried};

/// Rows that are there from the beginning.
const SHARED: usize = 384;

async fn with_room(more: usize) -> (World, LogIn) {
    let world = World::within(quick().own_rows(), SHARED + more).await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    (world, log_in)
}

/// As many accounts as it takes that none has room.
fn flood(log_in: &LogIn) {
    for n in 0..200 {
        let prefix = from(u8::try_from(n).unwrap());
        assert!(hang_up(log_in, &address(&format!("flood{n}")), prefix).is_none());
    }
}

#[tokio::test]
async fn what_is_counted_by_itself_is_counted_on() {
    let (_world, log_in) = with_room(40).await;
    for _ in 0..4 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    flood(&log_in);
    for _ in 0..6 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    // Ten in all.
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
    // From elsewhere there is room where it is shared, up to thirty at the account.
    let mut more = 0;
    while hang_up(&log_in, ANN, from(u8::try_from(200 + more / 10).unwrap())).is_none() {
        more += 1;
    }
    assert_eq!(more, 20);
}

#[tokio::test]
async fn what_has_no_room_is_counted_with_others_and_never_let_through() {
    let (_world, log_in) = with_room(0).await;
    let mut through = 0;
    while hang_up(&log_in, ANN, from(u8::try_from(through % 200).unwrap())).is_none() {
        through += 1;
    }
    assert_eq!(through, 300, "an account's share of the table");
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
}

#[tokio::test]
async fn neighbours_are_counted_together_before_all_are() {
    // Room for all that is counted of one, and for what is counted of his neighbourhood.
    let (_world, log_in) = with_room(4).await;
    assert!(hang_up(&log_in, ANN, home()).is_none());
    let (world, log_in) = with_room(6).await;
    assert!(hang_up(&log_in, ANN, home()).is_none());
    // The second one of the neighbourhood finds room for it, and the third is counted there too.
    let mut more = 0;
    while more < 29 {
        let _ = hang_up(&log_in, ANN, from(u8::try_from(20 + more).unwrap()));
        more += 1;
    }
    assert!(
        hang_up(&log_in, ANN, from(99)).is_some(),
        "thirty at the account"
    );
    drop(world);
}

#[tokio::test]
async fn a_known_device_and_what_is_over_find_room() {
    let (world, log_in) = with_room(40).await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    flood(&log_in);
    let known = attempt(&log_in, ANN, RIGHT.as_bytes(), home(), Some(&device));
    assert!(!inside(known.await.unwrap()).is_new_device());
    // What has left its window makes room by itself.
    world
        .later(std::time::Duration::from_secs(30 * 86_400))
        .await;
    world.tries.take();
    for _ in 0..10 {
        assert!(hang_up(&log_in, "later@example.com", home()).is_none());
    }
    let calls = world.tries.take();
    assert!(calls.contains(&"purge_attempts"));
    let Some(blocked) = hang_up(&log_in, "later@example.com", home()) else {
        panic!("let through");
    };
    assert!(matches!(blocked.retry, Retry::At(_)) && !blocked.needs_link);
}

#[tokio::test]
async fn a_table_without_room_for_the_shared_is_refused() {
    let world = World::new().await;
    let tries: Arc<dyn Attempts> = Arc::new(MemoryStore::new(SHARED - 1));
    let made = Throttle::new(tries, world.ring.clone(), Limits::default()).await;
    assert_eq!(made.unwrap_err().kind(), ErrorKind::Unavailable);
}
