//! A table that has no room.

use std::time::Instant;

use keyward_base::{ErrorKind, Timestamp};
use keyward_store::conformance::block_on;
use keyward_store::limit::Limiter;
use keyward_store::reason;
use keyward_testkit::{Counted, TestNames};

use crate::world::{MINUTE, NOW, World, limit, v4, v6};

/// Rows that are there from the beginning, of each limit.
const SHARED: usize = 64;

/// A million /64 of one network, in the long form, each with one request.
#[test]
#[allow(clippy::disallowed_methods)] // It says how long it takes, and asserts nothing of it.
fn a_million_prefixes_stay_within_the_table_and_keep_only_their_network_out() {
    let twenty = limit("sign-up", 20, MINUTE);
    let room = 10_000;
    let world = World::within(room + SHARED, 1, &[&twenty]);
    // Somebody who is there before.
    world.ask(&[(&twenty, v4(0xc000_0207))]).unwrap().keep();
    let is_long = std::env::var_os("KEYWARD_FULL").is_some();
    let prefixes = if is_long { 1_000_000 } else { 150_000 };
    let begun = Instant::now();
    let mut through = 0;
    for n in 0..prefixes {
        through += u32::from(world.ask(&[(&twenty, v6(n))]).is_ok());
        if n % 10_000 == 0 {
            world.store.take();
        }
    }
    println!("{prefixes} prefixes in {:?}", begun.elapsed());
    // As many rows as there is room for, and then the network as one: that of ten.
    assert_eq!(through, 9_999 + 200);
    assert!(
        format!("{:?}", world.store).contains("entries: 10064"),
        "{:?}",
        world.store
    );
    world.store.take();
    // Who was there counts on by himself.
    for _ in 1..20 {
        world.ask(&[(&twenty, v4(0xc000_0207))]).unwrap().keep();
    }
    assert!(world.ask(&[(&twenty, v4(0xc000_0207))]).is_err());
    // Of a hundred other networks, those that fall to the same 64th are kept out with it.
    let others = (0..100).filter(|n| world.ask(&[(&twenty, v4(n << 16))]).is_ok());
    let others = others.count();
    assert!(others >= 90, "{others}");
    // When it is over, there is room again by itself.
    world.later(60_000);
    assert!(world.ask(&[(&twenty, v6(2_000_000))]).is_ok());
    assert_eq!(world.through(&twenty, &v6(2_000_000)), 19);
}

/// What a request of the flood costs while the table is full.
#[test]
fn a_flood_of_many_costs_the_store_one_call_a_request() {
    let one = limit("sign-up", 1, MINUTE);
    let world = World::within(SHARED, 1, &[&one]);
    assert_eq!(
        (0..100)
            .filter(|n| world.ask(&[(&one, v6(*n))]).is_ok())
            .count(),
        10
    );
    world.store.take();
    for n in 1_000..2_000 {
        assert!(world.ask(&[(&one, v6(n))]).is_err());
    }
    assert_eq!(world.store.take(), ["reserve_coarsely"; 1_000]);
}

/// Of several limits of one request, each is counted where there is room for it, in one step.
#[test]
fn one_limit_in_its_own_row_and_one_with_others() {
    let (ten, two) = (limit("ten", 10, MINUTE), limit("two", 2, MINUTE));
    let world = World::within(2 * SHARED + 1, 1, &[&ten, &two]);
    let everybody = keyward_store::limit::Whom::everybody;
    world.ask(&[(&ten, everybody())]).unwrap().keep();
    let of = |n| [(&ten, everybody()), (&two, v6(n))];
    for n in 1..10_u32 {
        let admitted = world.ask(&of(n)).unwrap();
        let left: Vec<_> = admitted.standing().iter().map(|of| of.left).collect();
        // Never more than is its own.
        assert_eq!(left, [9 - n, 2], "{n}");
    }
    assert_eq!(world.ask(&of(11)).unwrap_err().limit(), &ten);
    world.later(60_000);
    for n in 0..10 {
        world.ask(&[(&two, v6(n))]).unwrap().keep();
    }
}

/// Neighbours are one /16 of IPv4: two of them in one request are counted once in the row they share.
#[test]
fn two_of_one_network_are_counted_once_where_they_share_a_row() {
    let two = limit("sign-up", 2, MINUTE);
    let world = World::within(SHARED, 1, &[&two]);
    for _ in 0..20 {
        let both = [(&two, v4(0xcb00_0101)), (&two, v4(0xcb00_ff02))];
        world.ask(&both).unwrap().keep();
    }
    assert!(world.ask(&[(&two, v4(0xcb00_8003))]).is_err());
    assert!(world.ask(&[(&two, v4(0xcb01_0101))]).is_ok());
}

/// In a full table each purge looks through all of it: one that found nothing is not repeated at once,
/// and a clock that goes back puts none off.
#[test]
fn a_purge_that_found_nothing_is_repeated_after_a_second() {
    let one = limit("sign-up", 1, MINUTE);
    let world = World::within(SHARED, 1, &[&one]);
    let purges = |n| {
        drop(world.ask(&[(&one, v6(n))]));
        world.store.take().contains(&"purge_attempts")
    };
    assert!(purges(1));
    world.later(999);
    assert!(!purges(2));
    world.later(1);
    assert!(purges(3));
    let before = Timestamp::from_millis(NOW.as_millis() - 10_000);
    world.clock.set(before);
    assert!(purges(4), "the clock went back");
}

#[test]
fn a_table_without_room_for_the_shared_is_refused() {
    let one = limit("sign-up", 1, MINUTE);
    let clock = std::sync::Arc::new(keyward_base::ManualClock::new(NOW));
    let store = std::sync::Arc::new(Counted::new(SHARED - 1));
    let builder = Limiter::builder(store, std::sync::Arc::new(TestNames(1)), clock);
    let e = block_on(builder.limit(&one).build()).unwrap_err();
    assert_eq!(
        (e.kind(), e.reason()),
        (ErrorKind::Unavailable, Some(reason::FULL))
    );
}
