//! The table of ratios that a bench ends with.

#![allow(clippy::print_stdout, clippy::print_stderr)] // It is printed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::plot;

/// What a ratio is to be at most: the title of a comparison, the name of what is compared, and the
/// ratio to the first of the comparison.
pub type Bar = (&'static str, &'static str, f64);

/// One line of the table.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) name: String,
    pub(crate) ratio: f64,
    pub(crate) bar: Option<f64>,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Tells the medians of a comparison, and keeps its ratios for the table.
pub(crate) fn add(title: &str, names: &[&str], times: &[Vec<f64>], unit: &str) {
    let first = times.first().cloned().unwrap_or_default();
    for (name, times) in names.iter().zip(times) {
        let ratios = times.iter().zip(&first).map(|(time, first)| time / first);
        let (time, ratio) = (median(times.clone()), median(ratios.collect()));
        println!("  {name:<48} {time:>12.0} {unit}  {ratio:>6.2}");
        let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
        rows.push(Row {
            title: title.to_owned(),
            name: (*name).to_owned(),
            ratio,
            bar: None,
        });
    }
}

/// Prints all ratios of the bench `name` in one table with its `bars`; with `--plot` writes
/// `docs/plots/NAME.svg` too.
pub fn finish(name: &str, bars: &[Bar]) {
    let mut rows = std::mem::take(&mut *ROWS.lock().unwrap_or_else(PoisonError::into_inner));
    if rows.is_empty() || crate::is_smoke() {
        return;
    }
    for row in &mut rows {
        let bar = bars
            .iter()
            .find(|bar| row.title == bar.0 && row.name == bar.1);
        row.bar = bar.map(|bar| bar.2);
    }
    println!("\n{name}: ratios, each to the first of its kind");
    let mut title = "";
    for row in &rows {
        if row.title != title {
            title = &row.title;
            println!("  {title}");
        }
        let bar = match row.bar {
            Some(bar) if row.ratio <= bar => format!("  at most {bar:.2}: met"),
            Some(bar) => format!("  at most {bar:.2}: MISSED"),
            None => String::new(),
        };
        println!("    {:<48} {:>6.2}{bar}", row.name, row.ratio);
    }
    if std::env::args().any(|arg| arg == "--plot") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plots");
        let path = folder.join(format!("{name}.svg"));
        match std::fs::write(&path, plot::svg(&rows)) {
            Ok(()) => println!("plotted to {}", path.display()),
            Err(e) => eprintln!("{} cannot be written: {e}", path.display()),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
