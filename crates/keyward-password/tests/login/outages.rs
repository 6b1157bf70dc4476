//! What is down is down for all, and counts for nobody.

use std::time::Duration;

use keyward_base::{ErrorKind, Retry};
use keyward_password::{Admission, Passwords, Tried, reason};

use crate::world::{ANN, RIGHT, World, attempt, home, inside, quick, tried};

const WHO: [(&str, &str); 4] = [
    (ANN, RIGHT),
    (ANN, "wrong"),
    ("unknown@example.com", "wrong"),
    ("no address", "wrong"),
];

async fn peopled() -> World {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    world
}

#[tokio::test]
async fn a_store_that_is_down_is_so_for_all_and_gives_back() {
    let world = peopled().await;
    let log_in = world.log_in().await;
    for (store, gives_back) in [(&world.data, true), (&world.tries, false)] {
        for (typed, password) in WHO.repeat(12) {
            store.set_down(true);
            let e = attempt(&log_in, typed, password.as_bytes(), home(), None).await;
            let e = e.unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Unavailable);
            assert_eq!(e.to_string(), "the store is down");
            store.set_down(false);
            let calls = world.tries.take();
            assert_eq!(calls.contains(&"give_back"), gives_back);
        }
    }
    // None of them counted.
    drop(inside(tried(&log_in, ANN, RIGHT).await));
}

#[tokio::test]
async fn the_realms_key_is_asked_for_before_anybody() {
    let world = peopled().await;
    let log_in = world.log_in().await;
    // As long as a lease is: what is kept of the keys is no longer relied on.
    world.clock.advance(Duration::from_secs(10 * 86_400));
    world.keys.set_down(true);
    world.data.take();
    let mut said = Vec::new();
    for (typed, password) in WHO {
        let e = attempt(&log_in, typed, password.as_bytes(), home(), None).await;
        let e = e.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
        said.push(format!("{e:?}"));
        assert!(world.data.take().iter().all(|call| *call != "fetch"));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn busy_is_so_for_all_and_gives_back() {
    let mut world = peopled().await;
    let admission = Admission::default().waiting(0, 0);
    world.passwords = Passwords::new(quick().own_rows(), admission, world.clock.clone()).unwrap();
    let log_in = world.log_in().await;
    world.data.take();
    for (typed, password) in WHO.repeat(12) {
        let e = attempt(&log_in, typed, password.as_bytes(), home(), None).await;
        let e = e.unwrap_err();
        assert_eq!(
            (e.kind(), e.reason()),
            (ErrorKind::Unavailable, Some(reason::BUSY))
        );
        assert!(matches!(e.retry_when(), Some(Retry::After(_))));
        // It was settled before anything was looked up.
        assert!(world.data.take().is_empty());
    }
    let other = peopled().await;
    world.passwords = other.passwords;
    let log_in = world.log_in().await;
    let tried = tried(&log_in, ANN, "wrong").await;
    assert!(matches!(tried, Tried::Refused));
}
