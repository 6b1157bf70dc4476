//! Time never wraps, and a manual clock stands where it was put.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use std::time::Duration;

use keyward_base::{Clock as _, ManualClock, SystemClock, Timestamp};
use proptest::prelude::*;

#[test]
fn deadlines_saturate() {
    let end = Timestamp::from_millis(u64::MAX);
    assert_eq!(end.saturating_add(Duration::from_millis(1)), end);
    assert_eq!(Timestamp::from_millis(0).saturating_add(Duration::MAX), end);
    assert_eq!(
        Timestamp::from_millis(5).saturating_since(end),
        Duration::ZERO
    );
    assert_eq!(
        end.saturating_since(Timestamp::from_millis(0)),
        Duration::from_millis(u64::MAX)
    );
}

#[test]
fn a_manual_clock_goes_forward_and_back() {
    let clock = ManualClock::new(Timestamp::from_millis(1000));
    assert_eq!(clock.now().unwrap(), clock.now().unwrap());
    clock.advance(Duration::from_secs(2));
    assert_eq!(clock.now().unwrap().as_millis(), 3000);
    clock.set(Timestamp::from_millis(7));
    assert_eq!(clock.now().unwrap().as_millis(), 7);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now().unwrap().as_millis(), u64::MAX);
}

#[test]
fn the_system_clock_stands_after_2020() {
    assert!(SystemClock::new().now().unwrap().as_millis() > 1_577_836_800_000);
}

proptest! {
    #[test]
    fn later_is_never_earlier(at in any::<u64>(), span in any::<u64>()) {
        let at = Timestamp::from_millis(at);
        let later = at.saturating_add(Duration::from_millis(span));
        prop_assert!(later >= at);
        prop_assert!(later.saturating_since(at) <= Duration::from_millis(span));
    }
}
