//! What a flood costs.

use crate::world::{MINUTE, World, app, asked, limit, limiter, v4};

/// 100,000 requests of one client within a second: the store is asked for those that it admits, and
/// once more for each second and process.
#[test]
fn a_flood_of_one_costs_the_store_one_call_a_second() {
    let hundred = limit("api", 100, MINUTE);
    let world = World::new(&[&hundred]);
    let other = limiter(&world.store, &world.clock, 1, &[&hundred]);
    world.store.take();
    let mut through = 0;
    for n in 0..100_000 {
        let limiter = if n % 2 == 0 { &world.limiter } else { &other };
        through += u32::from(asked(limiter, &[(&hundred, v4(7))]).is_ok());
    }
    assert_eq!((through, world.store.take().len()), (100, 102));
    for second in 1..10 {
        world.later(1_000);
        for _ in 0..1_000 {
            let refused = world.ask(&[(&hundred, v4(7))]).unwrap_err();
            assert_eq!(refused.wait().as_secs(), 60 - second);
        }
    }
    assert_eq!(world.store.take().len(), 9);
}

/// What it knows admits nobody, and keeps nobody out who is free.
#[test]
fn what_is_known_is_of_one_client_and_ends_with_the_wait() {
    let (two, three) = (limit("two", 2, MINUTE), limit("three", 3, MINUTE));
    let world = World::new(&[&two, &three]);
    let both = |name: &str| [(&two, app(name)), (&three, app(name))];
    world.ask(&both("a")).unwrap().keep();
    world.later(59_500);
    world.ask(&both("a")).unwrap().keep();
    assert!(world.ask(&both("a")).is_err());
    // Of both together: one of them alone is another question.
    assert!(world.ask(&[(&three, app("a"))]).is_ok());
    assert!(world.ask(&both("b")).is_ok());
    // The first is over in half a second, before what is known of it is a second old.
    world.later(500);
    assert!(world.ask(&both("a")).is_ok());
}

/// It is bounded: many clients that are over are forgotten, and asked anew.
#[test]
fn as_many_clients_as_there_are_make_it_no_larger() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    for n in 0..20_000 {
        assert!(world.ask(&[(&one, v4(n))]).is_ok());
        assert!(world.ask(&[(&one, v4(n))]).is_err());
    }
    world.store.take();
    for n in (0..20_000).rev() {
        assert!(world.ask(&[(&one, v4(n))]).is_err());
    }
    let asked = world.store.take().len();
    assert!((12_000..16_000).contains(&asked), "{asked}");
}

/// What is given back is free at once, however many others were refused since.
#[test]
fn what_is_known_is_forgotten_after_many_others_too() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    let of = [(&one, app("first"))];
    let held = world.ask(&of).unwrap();
    assert!(world.ask(&of).is_err());
    for n in 0..4_096 {
        let other = [(&one, app(&n.to_string()))];
        world.ask(&other).unwrap().keep();
        assert!(world.ask(&other).is_err());
    }
    keyward_store::conformance::block_on(held.give_back());
    assert!(world.ask(&of).is_ok());
}
