//! A table that has no room.

use std::time::{Duration, Instant};

use keyward_base::{ErrorKind, Timestamp};
use keyward_store::conformance::block_on;
use keyward_store::limit::Limiter;
use keyward_store::reason;
use keyward_testkit::TestNames;

use crate::world::{MINUTE, NOW, World, asked, limit, limiter, v4, v6};

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

/// Nor does it cost more with several limits and names: let through or refused.
#[test]
fn several_limits_and_names_cost_one_call_as_well() {
    let limits = ["a", "b", "c", "d"].map(|name| limit(name, 1, MINUTE));
    let [a, b, c, d] = &limits;
    let world = World::within(4 * SHARED, 4, &[a, b, c, d]);
    let of = |n| [(a, v6(n)), (b, v6(n)), (c, v6(n)), (d, v6(n))];
    world.ask(&of(0)).unwrap().keep();
    world.store.take();
    let through = (1..1_000).filter(|n| world.ask(&of(*n)).is_ok()).count();
    assert_eq!(through, 9, "that of ten");
    assert_eq!(world.store.take(), ["reserve_coarsely"; 999]);
    world.later(1_000);
    assert!(world.ask(&of(0)).is_err());
    let anew = ["reserve", "purge_attempts", "reserve_coarsely"];
    assert_eq!(world.store.take(), anew);
}

/// The limit that is named is the one that refuses, where others share a row as well.
#[test]
fn the_limit_that_refuses_is_named_where_rows_are_shared() {
    let (two, one) = (limit("two", 2, MINUTE), limit("one", 1, MINUTE));
    let world = World::within(2 * SHARED, 1, &[&two, &one]);
    // Two of one network share a row of the first limit, and are counted in it once.
    let of = |n: u32| [(&two, v6(n)), (&two, v6(n + 1)), (&one, v4(7))];
    for n in 0..10 {
        world.ask(&of(2 * n)).unwrap().keep();
    }
    let refused = world.ask(&of(100)).unwrap_err();
    assert_eq!((refused.limit(), refused.wait()), (&one, MINUTE));
    // When both refuse, the one that refuses longest.
    world.later(30_000);
    let more = [(&two, v6(200))];
    assert_eq!((0..20).filter(|_| world.ask(&more).is_ok()).count(), 10);
    let refused = world.ask(&of(300)).unwrap_err();
    assert_eq!(refused.wait(), Duration::from_secs(30));
}

/// What came to nothing takes no room from others.
#[test]
fn what_is_given_back_makes_room() {
    let ten = limit("sign-up", 10, MINUTE);
    let world = World::within(SHARED + 1, 1, &[&ten]);
    for n in 0..1_000 {
        block_on(world.ask(&[(&ten, v6(n))]).unwrap().give_back());
    }
    // By itself: with others it would be as many as ten have.
    assert_eq!(world.through(&ten, &v6(0)), 10);
    let calls = world.store.take();
    let shared = calls.iter().filter(|call| **call == "reserve_coarsely");
    assert_eq!(shared.count(), 0);
    // Nor does one go in which something is counted.
    let other = world.ask(&[(&ten, v4(7))]).unwrap();
    block_on(other.give_back());
    assert_eq!(world.through(&ten, &v6(0)), 0);
}

/// A row of many has its room for good, but for one that is over and empty.
#[test]
fn a_long_row_that_is_empty_goes_when_room_is_needed() {
    let many = limit("api", 1_000, MINUTE);
    let world = World::within(SHARED + 1, 1, &[&many]);
    block_on(world.ask(&[(&many, v6(1))]).unwrap().give_back());
    world.store.take();
    world.ask(&[(&many, v6(2))]).unwrap().keep();
    let purged = ["reserve", "purge_attempts", "reserve"];
    assert_eq!(world.store.take(), purged);
    assert_eq!(world.through(&many, &v6(2)), 999);
}

/// Nobody is kept from starting by who filled the table before: what is shared is made when there is
/// room, and until then who finds none is refused, not let through.
#[test]
fn a_table_that_is_full_is_built_on_and_lacks_what_is_shared() {
    let (old, new) = (limit("old", 1, MINUTE), limit("new", 1, MINUTE));
    let world = World::within(SHARED + 100, 1, &[&old]);
    assert_eq!(world.limiter.lacks(), 0);
    for n in 0..500 {
        drop(world.ask(&[(&old, v6(n))]));
    }
    let next = limiter(&world.store, &world.clock, 1, &[&old, &new]);
    assert_eq!(next.lacks(), SHARED);
    let e = block_on(next.ask(&[(&new, v4(7))])).unwrap_err();
    let full = (ErrorKind::Unavailable, Some(reason::FULL));
    assert_eq!((e.kind(), e.reason()), full);
    // What was there before counts on.
    assert!(asked(&next, &[(&old, v6(0))]).is_err());
    // When the flood is over, they are made by whoever needs room, or tidies.
    world.later(60_000);
    assert!(asked(&next, &[(&new, v4(7))]).is_ok());
    let tidied = limiter(&world.store, &world.clock, 1, &[&old, &new]);
    block_on(tidied.purge(1_000)).unwrap();
    assert_eq!((next.lacks(), tidied.lacks()), (0, 0));
    for n in 0..1_000 {
        drop(asked(&next, &[(&new, v6(n))]));
    }
    let through = (2_000..3_000).filter(|n| asked(&next, &[(&new, v6(*n))]).is_ok());
    assert_eq!(through.count(), 0, "the network took that of ten");
}

/// What one limit refuses is refused, though another finds no room: who goes on without limits that
/// cannot be read lets it through no more.
#[test]
fn a_refusal_is_told_though_another_limit_finds_no_room() {
    let (old, new) = (limit("old", 1, MINUTE), limit("new", 1, MINUTE));
    let world = World::within(SHARED + 1, 1, &[&old]);
    world.ask(&[(&old, v6(0))]).unwrap().keep();
    let next = limiter(&world.store, &world.clock, 1, &[&old, &new]);
    assert_eq!(next.lacks(), SHARED);
    let of = [(&old, v6(0)), (&new, v4(7))];
    assert_eq!(asked(&next, &of).unwrap_err().limit(), &old);
    world.later(1_000);
    let [a, b] = of;
    let of = [b, a];
    assert_eq!(asked(&next, &of).unwrap_err().limit(), &old);
    // In the row that is shared as well.
    assert_eq!(world.through(&old, &v6(1)), 10);
    world.later(1_000);
    let refused = asked(&next, &[(&new, v4(7)), (&old, v6(1))]).unwrap_err();
    assert_eq!(refused.limit(), &old);
    // Whom none refuses is told that there is no room.
    let e = block_on(next.ask(&[(&new, v4(7)), (&old, v4(9 << 16))])).unwrap_err();
    assert_eq!(e.reason(), Some(reason::FULL));
}

/// Another process made what this one lacked, or room for it: it is found without a purge of its own.
#[test]
fn what_another_process_made_is_not_lacking() {
    let (old, new) = (limit("old", 1, MINUTE), limit("new", 1, MINUTE));
    let world = World::within(2 * SHARED + 10, 1, &[&old]);
    for n in 0..500 {
        drop(world.ask(&[(&old, v6(n))]));
    }
    let build = || limiter(&world.store, &world.clock, 1, &[&old, &new]);
    let next = build();
    assert_eq!(next.lacks(), SHARED);
    world.later(60_000);
    let other = build();
    assert_eq!((next.lacks(), other.lacks()), (SHARED, 0));
    // Full again, of what is not over.
    for n in 0..10 {
        assert!(asked(&other, &[(&old, v6(n))]).is_ok());
    }
    asked(&next, &[(&new, v4(7))]).unwrap().keep();
    assert_eq!(next.lacks(), 0);
}

/// As many as there is room for are made, and the others are lacking still.
#[test]
fn what_is_lacking_is_made_as_far_as_there_is_room() {
    let (old, new) = (limit("old", 1, MINUTE), limit("new", 1, MINUTE));
    let world = World::within(SHARED + 10, 1, &[&old]);
    for n in 0..10 {
        // Three are over before the others.
        world.later(if n == 3 { 1_000 } else { 0 });
        world.ask(&[(&old, v6(n))]).unwrap().keep();
    }
    let next = limiter(&world.store, &world.clock, 1, &[&old, &new]);
    assert_eq!(next.lacks(), SHARED);
    world.later(59_000);
    assert_eq!(block_on(next.purge(1_000)).unwrap(), 3);
    assert_eq!(next.lacks(), SHARED - 3);
    world.later(1_000);
    assert_eq!(block_on(next.purge(1_000)).unwrap(), 7);
    assert_eq!(next.lacks(), SHARED - 10);
}

/// Of a table that never has room for it too: it says how much it lacks.
#[test]
fn a_table_without_room_for_the_shared_lacks_it() {
    let one = limit("sign-up", 1, MINUTE);
    let world = World::within(SHARED - 1, 1, &[&one]);
    assert_eq!(world.limiter.lacks(), 1);
    let full = (0..64).filter(|n| {
        let answer = block_on(world.limiter.ask(&[(&one, v4(n << 16))]));
        answer.is_err_and(|e| e.reason() == Some(reason::FULL))
    });
    assert!(full.count() <= 4);
    world.store.set_down(true);
    let builder = Limiter::builder(
        world.store.clone(),
        std::sync::Arc::new(TestNames(1)),
        world.clock.clone(),
    );
    let e = block_on(builder.limit(&one).build()).unwrap_err();
    assert_eq!((e.kind(), e.reason()), (ErrorKind::Unavailable, None));
}

/// An answer that got lost is asked for again, once: what was given back is free.
#[test]
fn what_could_not_be_given_back_is_tried_again_once() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    let down_before = |calls: usize, for_calls: usize| {
        let store = world.store.clone();
        let act: keyward_testkit::Act = Box::new(move || {
            Box::pin(async move {
                store.set_down(true);
                let again = store.clone();
                let up: keyward_testkit::Act =
                    Box::new(move || Box::pin(async move { again.set_down(false) }));
                store.act_before(for_calls - 1, up);
            })
        });
        world.store.act_before(calls, act);
    };
    for (for_calls, is_free) in [(1, true), (2, false)] {
        let held = world.ask(&[(&one, v4(7))]).unwrap();
        down_before(0, for_calls);
        world.store.take();
        block_on(held.give_back());
        assert_eq!(world.store.take(), ["give_back"; 2]);
        world.store.set_down(false);
        world.store.take_act();
        let again = world.ask(&[(&one, v4(7))]);
        assert_eq!(again.is_ok(), is_free);
        if let Ok(again) = again {
            block_on(again.give_back());
        }
    }
}

/// In a table that is full too: it was counted with others, and is free at once.
#[test]
fn what_is_given_back_where_rows_are_shared_is_free_at_once() {
    let one = limit("api", 1, MINUTE);
    let world = World::within(SHARED, 1, &[&one]);
    let of = [(&one, v4(7))];
    let held: Vec<_> = (0..10).map(|_| world.ask(&of).unwrap()).collect();
    assert!(world.ask(&of).is_err());
    for held in held {
        block_on(held.give_back());
    }
    assert!(world.ask(&of).is_ok(), "it is known no more to be over");
}
