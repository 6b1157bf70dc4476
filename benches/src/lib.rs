//! Benches: one file per crate. Figures are ratios within one run: the machine's mood cancels.
//!
//! Each bench ends with a table of its ratios ([`finish`]), and writes them as a plot with
//! `-- --plot FILE.svg`.

#![allow(clippy::disallowed_methods, clippy::print_stdout)] // A bench reads the clock and prints.

mod plot;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One of the things compared: does its work so many times.
pub type Work<'a> = Box<dyn FnMut(u32) + 'a>;

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

/// One line of the table.
struct Row {
    title: String,
    name: String,
    ratio: f64,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Prints all ratios of this bench in one table, and plots them where that was asked for.
pub fn finish() {
    let rows = std::mem::take(&mut *ROWS.lock().unwrap_or_else(PoisonError::into_inner));
    if rows.is_empty() {
        return;
    }
    println!("\nratios, each to the first of its kind");
    let mut title = "";
    for row in &rows {
        if row.title != title {
            title = &row.title;
            println!("  {title}");
        }
        println!("    {:<48} {:>6.2}", row.name, row.ratio);
    }
    let mut args = std::env::args_os().skip_while(|arg| arg != "--plot");
    if let Some(path) = args.nth(1).map(PathBuf::from) {
        match std::fs::write(&path, plot::svg(&rows)) {
            Ok(()) => println!("plotted to {}", path.display()),
            Err(e) => println!("{} cannot be written: {e}", path.display()),
        }
    }
}

/// Runs the works in turn, round after round, and prints for each its median time and the median
/// of its ratio to the first within a round. Interleaved, so that a slow moment meets all alike.
pub fn compare(title: &str, works: &mut [(&str, Work<'_>)]) {
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
            let start = Instant::now();
            work(*count);
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(*count));
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    for ((name, _), times) in works.iter().zip(&times) {
        let ratios = times
            .iter()
            .zip(&first)
            .map(|(time, first)| time / first)
            .collect();
        let ratio = median(ratios);
        println!(
            "  {name:<44} {:>12.0} ns  {ratio:>6.2}",
            median(times.clone())
        );
        let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
        rows.push(Row {
            title: title.to_owned(),
            name: (*name).to_owned(),
            ratio,
        });
    }
}

/// How many times fit into a slice.
fn calibrate(work: &mut Work<'_>) -> u32 {
    let mut count = 1_u32;
    loop {
        let start = Instant::now();
        work(count);
        if start.elapsed() >= SLICE || count > 1 << 24 {
            return count;
        }
        count = count.saturating_mul(2);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
