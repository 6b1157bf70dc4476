//! Above 1,024 in a span: never more than that, and what is lost.

use std::time::Duration;

use keyward_base::Timestamp;
use keyward_store::Admission;
use proptest::prelude::*;

use crate::world::{MINUTE, World, app, limit};

#[test]
fn a_span_is_cut_into_parts_that_never_come_to_more() {
    for (most, secs, share, millis) in [
        (1_024, 60, 1_024, 60_000),
        (1_025, 60, 512, 30_000),
        (2_048, 60, 1_024, 30_000),
        (10_000, 3_600, 1_000, 360_000),
        (100_000, 86_400, 1_020, 881_633),
        (1_000_000, 86_400, 1_023, 88_434),
    ] {
        let limit = limit("api", most, Duration::from_secs(secs));
        let window = limit.window();
        let held = (window.most(), window.span().as_millis());
        assert_eq!(held, (share, millis), "{most}");
        assert_eq!((limit.most(), limit.span().as_secs()), (most, secs));
    }
    // Whatever is asked.
    for most in (1..200_000).step_by(37) {
        for millis in [997, 60_000, 3_600_001] {
            let limit = limit("api", most, Duration::from_millis(millis));
            let part = u64::try_from(limit.window().span().as_millis()).unwrap();
            let parts = millis.div_ceil(part);
            let admitted = parts * u64::from(limit.window().most());
            assert!(
                admitted <= u64::from(most),
                "{most} in {millis}: {admitted}"
            );
        }
    }
}

/// Which of these requests an exact window of the whole limit admits.
fn exact(most: usize, span: u64, times: &[u64]) -> Vec<bool> {
    let mut admitted: Vec<u64> = Vec::new();
    let judge = |at: &u64| {
        admitted.retain(|earlier| earlier + span > *at);
        let is_free = admitted.len() < most;
        if is_free {
            admitted.push(*at);
        }
        is_free
    };
    times.iter().map(judge).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Beside an exact window of the whole limit: the parts admit no more in any span.
    #[test]
    fn the_parts_beside_an_exact_window(
        most in 1_025_u32..4_000,
        bursts in prop::collection::vec((0_u64..4_000, 1_usize..700), 5..40),
    ) {
        let span = 10_000;
        let limit = limit("api", most, Duration::from_millis(span));
        let mut at = 1_000_000;
        let mut times = Vec::new();
        for (pause, count) in bursts {
            at += pause;
            times.extend(std::iter::repeat_n(at, count));
        }
        let mut admitted: Vec<Admission> = Vec::new();
        let mut all = Vec::new();
        for (number, at) in times.iter().enumerate() {
            let judged = limit.window().judge(&mut admitted, Timestamp::from_millis(*at), number as u64);
            if matches!(judged, keyward_store::Judged::Admitted { .. }) {
                all.push(*at);
            }
        }
        // No span of the whole length has more than the limit, by the definition of an exact window.
        let mut first = 0;
        for (n, at) in all.iter().enumerate() {
            while all[first] + span <= *at {
                first += 1;
            }
            prop_assert!(n - first < most as usize, "{} of {most}", n - first + 1);
        }
        // An exact window takes all of what was admitted, and may take more of what was asked.
        prop_assert!(exact(most as usize, span, &all).iter().all(|is_free| *is_free));
        let whole = exact(most as usize, span, &times).iter().filter(|is_free| **is_free).count();
        prop_assert!(all.len() <= whole);
    }
}

/// Through the door, evenly: nothing is lost. In one burst: a part of it.
#[test]
fn what_comes_evenly_is_admitted_and_a_burst_in_part() {
    let limit = limit("api", 3_000, MINUTE);
    let world = World::new(&[&limit]);
    for _ in 0..4_000 {
        world.ask(&[(&limit, app("even"))]).unwrap().keep();
        world.later(20);
    }
    assert_eq!(world.through(&limit, &app("burst")), 1_000);
    world.later(20_000);
    assert_eq!(world.through(&limit, &app("burst")), 1_000);
}
