//! Whether what is done for one is told by its time from what is done for another.

use std::time::{Duration, Instant};

use keyward_benches::{is_smoke, is_wanted, processor_time};

/// What the 99 % interval of the median difference has to lie within.
const WITHIN: Duration = Duration::from_micros(50);

/// Rounds that are done at least, and at most while nothing is decided: an interval is wider than what
/// is allowed, and none lies outside of it.
const ROUNDS: usize = 200;
const MOST: usize = 1_600;

/// One of the branches: does it once. What it leaves for the background is drained by the caller.
pub(crate) type Branch<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Runs all branches by turns, one at a time, and compares each with the first, by the processor time
/// of the whole process and by the wall. `before` a round and `after` each are not part of the wall's
/// time; `after` is where the background is drained, and part of the processor's.
pub(crate) fn compare(
    title: &str,
    mut before: impl FnMut(),
    mut after: impl FnMut(),
    branches: &mut [Branch<'_>],
) -> bool {
    if !is_wanted(title) {
        return true;
    }
    println!("\n{title}");
    let mut used: Vec<Vec<f64>> = branches.iter().map(|_| Vec::new()).collect();
    let mut waited = used.clone();
    let mut rounds = 0;
    loop {
        for _ in 0..if is_smoke() { 1 } else { ROUNDS } {
            before();
            // Each comes first as often as last.
            for at in 0..branches.len() {
                let at = (at + rounds) % branches.len();
                let (start, of_processor) = (Instant::now(), processor_time());
                (branches[at].1)();
                let wall = start.elapsed();
                after();
                let of_processor = processor_time().saturating_sub(of_processor);
                waited[at].push(wall.as_secs_f64() * 1e6);
                used[at].push(of_processor.as_secs_f64() * 1e6);
            }
            rounds += 1;
        }
        if is_smoke() {
            println!("  {} branches run", branches.len());
            return true;
        }
        let intervals: Vec<_> = [&used, &waited]
            .iter()
            .flat_map(|times| times.iter().skip(1).map(|of| interval(of, &times[0])))
            .collect();
        let is_decided =
            intervals.iter().copied().all(is_within) || intervals.iter().copied().any(is_outside);
        if is_decided || rounds >= MOST {
            break;
        }
    }
    let mut is_even = true;
    let names = branches.iter().map(|(name, _)| *name);
    for (at, name) in names.enumerate() {
        let of = |times: &[Vec<f64>]| {
            let interval = interval(&times[at], &times[0]);
            let verdict = match interval {
                interval if is_within(interval) => "",
                interval if is_outside(interval) => " TOLD",
                _ => " not settled",
            };
            let (low, high) = interval;
            format!(
                "{:>9.0} µs {low:>+7.1} to {high:>+7.1}{verdict}",
                median(&times[at])
            )
        };
        if at > 0 {
            let both = [&used, &waited];
            is_even &= both
                .iter()
                .all(|times| is_within(interval(&times[at], &times[0])));
        }
        println!("  {name:<34} processor {}, wall {}", of(&used), of(&waited));
    }
    let verdict = if is_even { "even" } else { "NOT SHOWN EVEN" };
    println!(
        "  {rounds} rounds; 99 % intervals of the median difference to the first, allowed ±{} µs: {verdict}",
        WITHIN.as_micros()
    );
    is_even
}

fn is_within((low, high): (f64, f64)) -> bool {
    let within = WITHIN.as_secs_f64() * 1e6;
    -within <= low && high <= within
}

/// Wholly, so that more rounds change nothing.
fn is_outside((low, high): (f64, f64)) -> bool {
    let within = WITHIN.as_secs_f64() * 1e6;
    high < -within || within < low
}

/// The 99 % interval of the median of the differences within a round, by the order of them (the sign
/// test), which asks nothing of their distribution.
fn interval(one: &[f64], other: &[f64]) -> (f64, f64) {
    let mut differences: Vec<f64> = one
        .iter()
        .zip(other)
        .map(|(one, other)| one - other)
        .collect();
    differences.sort_by(f64::total_cmp);
    let count = differences.len() as f64;
    let half = 2.576 * count.sqrt() / 2.0;
    let low = (count / 2.0 - half).floor().max(0.0) as usize;
    let high = (count / 2.0 + half).ceil().min(count - 1.0) as usize;
    (differences[low], differences[high])
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
