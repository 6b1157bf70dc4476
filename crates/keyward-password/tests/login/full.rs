//! A table of tries that has no room.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{AddressPrefix, ErrorKind, Retry};
use keyward_password::{Limits, LogIn, Throttle, Tried};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::{Attempts, Collection, MemoryStore, RecordKey, Reserved, Window};

use crate::throttle::hang_up;
use crate::world::{
    ANN, NOW, RIGHT, World, address, attempt, from, home, inside, quick, token, tried,
};

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

/// Who fills the table from one network keeps that out, and not all.
#[tokio::test]
async fn neighbours_are_counted_together_and_others_are_not() {
    let (_world, log_in) = with_room(0).await;
    let mut through: u32 = 0;
    let from_there = |n: u32| from(u8::try_from(n % 200).unwrap());
    while hang_up(
        &log_in,
        &address(&format!("a{through}")),
        from_there(through),
    )
    .is_none()
    {
        through += 1;
    }
    assert_eq!(through, 1_024);
    let blocked = hang_up(&log_in, ANN, from(250)).unwrap();
    assert!(!blocked.needs_link);
    // Of twenty other networks some fall to the same 64th.
    let of = |n: u8| AddressPrefix::of(IpAddr::V4(Ipv4Addr::new(198, n, 100, 7)));
    let others = (0..20).filter(|n| hang_up(&log_in, ANN, of(*n)).is_none());
    assert!(others.count() > 10);
}

#[tokio::test]
async fn a_known_device_and_what_is_over_find_room() {
    let (world, log_in) = with_room(40).await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    flood(&log_in);
    let known = attempt(&log_in, ANN, RIGHT.as_bytes(), home(), Some(&device));
    assert!(!inside(known.await.unwrap()).is_new_device());
    // What has left its window makes room by itself.
    world.later(Duration::from_secs(30 * 86_400)).await;
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
async fn a_table_without_room_for_the_shared_says_what_it_lacks() {
    let world = World::new().await;
    for (room, lacks) in [(SHARED, 0), (SHARED - 1, 1), (0, SHARED)] {
        let tries: Arc<dyn Attempts> = Arc::new(MemoryStore::new(room));
        let made = Throttle::new(tries, world.ring.clone(), Limits::default()).await;
        assert_eq!(made.unwrap().lacks(), lacks);
    }
    // Nobody is let through where nothing can be counted.
    let tries: Arc<dyn Attempts> = Arc::new(MemoryStore::new(0));
    let throttle = Throttle::new(tries, world.ring.clone(), Limits::default()).await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.builder(&throttle.unwrap()).build().await.unwrap();
    let tried = attempt(&log_in, ANN, RIGHT.as_bytes(), home(), None).await;
    assert_eq!(tried.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// On SQLite room is pages, and a key that is there takes more of them as it is counted in: what is
/// shared has all of them from the beginning.
#[tokio::test]
async fn on_sqlite_a_full_table_counts_on_and_lets_people_in() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let dir = tempfile::tempdir().unwrap();
    let tries = SqliteStore::builder(dir.path().join("tries.db"))
        .durability(Durability::Normal)
        .max_pages(2_000);
    let tries: Arc<dyn Attempts> = Arc::new(tries.open().unwrap());
    let throttle = Throttle::new(tries.clone(), world.ring.clone(), Limits::default()).await;
    let log_in = world.builder(&throttle.unwrap()).build().await.unwrap();
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    // A stranger makes accounts up until there is no room, and then tries on at each of them.
    let window = Window::new(100, Duration::from_secs(30 * 86_400)).unwrap();
    let mut made = 0;
    let mut is_full = false;
    let mut at = 0;
    loop {
        if is_full && at == made {
            break;
        }
        let ids = if is_full {
            at..(at + 8).min(made)
        } else {
            made..made + 8
        };
        let of = |id: usize| RecordKey {
            collection: Collection::named("login-attempt"),
            owner: String::new(),
            id: format!("{id:043}"),
        };
        let windows: Vec<_> = ids.clone().map(|id| (of(id), window)).collect();
        match tries.reserve(&windows, NOW).await {
            Ok(Reserved::Admitted { ticket, .. }) => {
                ticket.keep();
                made = made.max(ids.end);
                at = if is_full { ids.end } else { 0 };
            }
            Ok(other) => panic!("{other:?}"),
            Err(e) => {
                assert_eq!(e.reason(), Some(keyward_store::reason::FULL));
                if is_full {
                    break;
                }
                is_full = true;
            }
        }
    }
    assert!(made > 100, "{made}");
    // What is shared takes all that it may.
    let shared = RecordKey {
        collection: Collection::named("login-attempt-shared"),
        owner: String::new(),
        id: "month/7".to_owned(),
    };
    let window = Window::new(1_024, window.span()).unwrap();
    let mut through = 0;
    while let Reserved::Admitted { ticket, .. } = tries
        .reserve(&[(shared.clone(), window)], NOW)
        .await
        .unwrap()
    {
        ticket.keep();
        through += 1;
    }
    assert_eq!(through, 1_024);
    // Who is new is counted with others.
    let mut others = 0;
    for n in 0..60 {
        let tried = attempt(&log_in, &address(&format!("a{n}")), b"wrong", from(n), None).await;
        match tried.unwrap() {
            Tried::Refused => {}
            // It was of the part that was taken above.
            Tried::Blocked(blocked) if blocked.needs_link => others += 1,
            other => panic!("{n} {other:?}"),
        }
    }
    assert!(others < 10, "{others}");
    drop(inside(tried(&log_in, ANN, RIGHT).await));
    let known = attempt(&log_in, ANN, RIGHT.as_bytes(), home(), Some(&device)).await;
    assert!(!inside(known.unwrap()).is_new_device());
}

/// Under two keys some tries have the same shared row twice; they are counted in it once.
#[tokio::test]
async fn two_names_may_share_a_row() {
    let (world, log_in) = with_room(0).await;
    let admin = world.ring.admin();
    let rotated = admin.rotate(&crate::world::purpose("login")).await;
    rotated.unwrap();
    for n in 0..200 {
        let prefix = from(u8::try_from(n).unwrap());
        assert!(hang_up(&log_in, &address(&format!("a{n}")), prefix).is_none());
    }
}
