//! Benches: one file per crate. Figures are ratios within one run, in which what is compared is run
//! by turns: the machine's mood cancels.
//!
//! Each bench ends with a table of its ratios and of the bars that hold for them ([`finish`]), and
//! with `--plot` writes it to `docs/plots`: `cargo xtask bench --plot` makes all plots. Other words
//! behind `--` choose what is compared, by a part of its title.

#![allow(clippy::disallowed_methods, clippy::print_stdout)] // A bench reads the clock and prints.

mod plot;
mod table;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

pub use table::{Bar, finish};

/// One of the things compared: does its work so many times, and says how long that took.
pub type Work<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// One of the things compared that take long: does its work once.
pub type Once<'a> = Box<dyn FnMut() + 'a>;

/// How long each piece of work runs in one round.
const SLICE: Duration = Duration::from_micros(800);

/// Rounds of one comparison.
const ROUNDS: usize = 301;

/// Whether the benches only have to show that they run: `cargo bench -- --test`, or `cargo test`.
#[must_use]
pub fn is_smoke() -> bool {
    let has = |option: &str| std::env::args().any(|arg| arg == option);
    has("--test") || !has("--bench")
}

/// How many rows a bench works on that is to be timed on `full` of them: where it only has to show
/// that it runs, a fiftieth.
#[must_use]
pub fn rows(full: usize) -> usize {
    if is_smoke() { full / 50 } else { full }
}

/// Whether something of this title is wanted.
#[must_use]
pub fn is_wanted(title: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let mut any = false;
    words.any(|word| {
        any = true;
        title.contains(&word)
    }) || !any
}

/// Work of one thread, timed as a whole by the thread's own time, which stands still while others
/// have the processor.
pub fn timed<'a>(mut work: impl FnMut(u32) + 'a) -> Work<'a> {
    Box::new(move |count| {
        let start = time_of(ClockId::ThreadCPUTime);
        work(count);
        time_of(ClockId::ThreadCPUTime).saturating_sub(start)
    })
}

/// Work on something that is made anew for each time: the making is not timed. One at a time, or
/// what several leave goes back to the system within what is timed; by the clock, which costs less
/// to read than the thread's own time.
pub fn prepared<'a, T>(
    mut prepare: impl FnMut() -> T + 'a,
    mut work: impl FnMut(T) + 'a,
) -> Work<'a> {
    Box::new(move |count| {
        (0..count).fold(Duration::ZERO, |sum, _| {
            let made = prepare();
            let start = Instant::now();
            work(made);
            sum.saturating_add(start.elapsed())
        })
    })
}

/// Work that waits for others, such as a disk, timed by the clock.
pub fn waited<'a>(mut work: impl FnMut(u32) + 'a) -> Work<'a> {
    Box::new(move |count| {
        let start = Instant::now();
        work(count);
        start.elapsed()
    })
}

/// The processor time that this process has used, all of its threads together.
#[must_use]
pub fn processor_time() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Runs the works in turn, round after round, and tells for each its median time and the median of
/// its ratio to the first within a round.
pub fn compare(title: &str, works: &mut [(&str, Work<'_>)]) {
    if !is_wanted(title) {
        return;
    }
    println!("\n{title}");
    if is_smoke() {
        works.iter_mut().for_each(|(name, work)| {
            work(1);
            println!("  {name}: runs");
        });
        return;
    }
    let counts: Vec<u32> = works.iter_mut().map(|(_, work)| calibrate(work)).collect();
    let mut times: Vec<Vec<f64>> = works.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (((_, work), count), times) in works.iter_mut().zip(&counts).zip(&mut times) {
            work(*count / 8); // Its own data back into the caches.
            times.push(work(*count).as_secs_f64() * 1e9 / f64::from(*count));
        }
    }
    let names: Vec<&str> = works.iter().map(|(name, _)| *name).collect();
    table::add(title, &names, &times, "ns");
}

/// The same for works that take long, each done once in each of `rounds`: by the clock, and in a
/// group of its own by the time of all threads of this process. What is `before` a work is not
/// timed.
pub fn compare_long(
    title: &str,
    rounds: usize,
    mut before: impl FnMut(usize),
    works: &mut [(&str, Once<'_>)],
) {
    if !is_wanted(title) {
        return;
    }
    println!("\n{title}");
    let rounds = if is_smoke() { 1 } else { rounds };
    let mut times: Vec<Vec<f64>> = works.iter().map(|_| Vec::new()).collect();
    let mut of_processor = times.clone();
    for _ in 0..rounds {
        for (at, (_, work)) in works.iter_mut().enumerate() {
            before(at);
            let (start, used) = (Instant::now(), time_of(ClockId::ProcessCPUTime));
            work();
            let used = time_of(ClockId::ProcessCPUTime).saturating_sub(used);
            let pairs = [(&mut times, start.elapsed()), (&mut of_processor, used)];
            for (times, time) in pairs {
                if let Some(times) = times.get_mut(at) {
                    times.push(time.as_secs_f64() * 1e3);
                }
            }
        }
    }
    let names: Vec<&str> = works.iter().map(|(name, _)| *name).collect();
    table::add(title, &names, &times, "ms");
    table::add(
        &format!("{title}, processor time"),
        &names,
        &of_processor,
        "ms",
    );
}

/// How many times fit into a slice.
fn calibrate(work: &mut Work<'_>) -> u32 {
    let mut count = 1_u32;
    while work(count) < SLICE && count < 1 << 24 {
        count = count.saturating_mul(2);
    }
    count
}
