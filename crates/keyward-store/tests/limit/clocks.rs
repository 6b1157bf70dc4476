//! Clocks that go back, and ahead.

use std::time::Duration;

use keyward_base::Timestamp;

use crate::world::{MINUTE, NOW, World, limit, v4};

const YEAR: u64 = 365 * 86_400_000;

#[test]
fn a_clock_that_goes_back_frees_nothing() {
    let ten = limit("api", 10, MINUTE);
    let world = World::new(&[&ten]);
    assert_eq!(world.through(&ten, &v4(7)), 10);
    for back in [1, 59_999, 60_000, YEAR, NOW.as_millis()] {
        world
            .clock
            .set(Timestamp::from_millis(NOW.as_millis() - back));
        let refused = world.ask(&[(&ten, v4(7))]).unwrap_err();
        // Nobody is told to wait for a year.
        assert!(refused.wait() <= MINUTE, "{:?}", refused.wait());
        assert!(world.ask(&[(&ten, v4(8))]).is_ok(), "another");
    }
    world.clock.set(NOW);
    assert!(world.ask(&[(&ten, v4(7))]).is_err());
}

/// A clock that jumps ahead is believed: it begins one span anew for each jump, and what it admitted
/// counts until the time is there.
#[test]
fn a_clock_that_was_ahead_admits_one_span_more_and_frees_nothing_when_it_is_back() {
    let ten = limit("api", 10, MINUTE);
    let world = World::new(&[&ten]);
    assert_eq!(world.through(&ten, &v4(7)), 10);
    world.later(YEAR);
    assert_eq!(world.through(&ten, &v4(7)), 10);
    world.clock.set(NOW);
    for _ in 0..1_000 {
        let refused = world.ask(&[(&ten, v4(7))]).unwrap_err();
        assert_eq!(refused.wait(), MINUTE);
        world.later(100_000);
    }
    world
        .clock
        .set(NOW.saturating_add(Duration::from_millis(YEAR) + MINUTE));
    assert_eq!(world.through(&ten, &v4(7)), 10);
}

/// Nor does what a process knows keep anybody out, when its clock goes back and on.
#[test]
fn what_is_known_goes_by_the_clock_that_said_it() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    world.ask(&[(&one, v4(7))]).unwrap().keep();
    assert!(world.ask(&[(&one, v4(7))]).is_err());
    world.store.take();
    world
        .clock
        .set(Timestamp::from_millis(NOW.as_millis() - 10));
    assert!(world.ask(&[(&one, v4(7))]).is_err());
    assert_eq!(world.store.take(), ["reserve"], "it was asked anew");
    world.clock.set(NOW.saturating_add(MINUTE));
    assert!(world.ask(&[(&one, v4(7))]).is_ok());
}

/// At the end of time nothing wraps round.
#[test]
fn at_the_end_of_time_it_is_refused() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    world.clock.set(Timestamp::from_millis(u64::MAX));
    let asked = keyward_store::conformance::block_on(world.limiter.ask(&[(&one, v4(7))]));
    assert!(asked.is_err());
}
