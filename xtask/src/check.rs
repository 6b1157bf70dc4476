//! `cargo xtask check`: every gate but the tests, each named and timed.

use std::time::{Duration, Instant};

use crate::options::Options;
use crate::{
    Outcome, advisories, bench, doors, features, fuzz, layers, promises, run, tables, words,
};

type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 17] = [
    ("format", format),
    ("layers", layers::check),
    ("names", layers::names),
    ("links", words::links),
    ("tables", tables::check),
    ("doors", doors::check),
    ("hosts", words::hosts),
    ("clippy", clippy),
    ("clippy-lib", clippy_lib),
    ("docs", docs),
    ("features", features::check),
    ("promises", promises::check),
    ("fuzz-format", fuzz_format),
    ("fuzz-seeds", fuzz::seeds),
    ("bench-smoke", bench::smoke),
    ("licences", advisories::licences),
    ("advisories", advisories::advisories),
];

pub(crate) fn run(options: &Options) -> Outcome {
    options.allow(&STEPS.map(|(name, _)| name))?;
    let mut summary = Vec::new();
    let mut failed = 0_u32;
    for (name, step) in STEPS {
        if options.leaves_out(name) {
            summary.push(format!("left out  {name}"));
            continue;
        }
        println!("\n== {name}");
        let (outcome, took) = timed(step);
        let word = if outcome.is_ok() {
            "ok      "
        } else {
            "FAILED  "
        };
        summary.push(format!("{word}  {name} ({:.1} s)", took.as_secs_f64()));
        if let Err(why) = outcome {
            failed = failed.saturating_add(1);
            eprintln!("{why}");
        }
    }
    println!("\n{}", summary.join("\n"));
    if failed == 0 {
        return Ok(());
    }
    Err(format!("{failed} checks failed"))
}

#[allow(clippy::disallowed_methods)] // A stopwatch for the summary, not a clock.
fn timed(step: fn() -> Outcome) -> (Outcome, Duration) {
    let start = Instant::now();
    (step(), start.elapsed())
}

fn format() -> Outcome {
    run::shown(&mut run::cargo(&["fmt", "--all", "--check"]))
}

/// The workspaces beside this one.
fn fuzz_format() -> Outcome {
    for manifest in ["fuzz/Cargo.toml", "examples/actix/Cargo.toml"] {
        run::shown(&mut run::cargo(&[
            "fmt",
            "--check",
            "--manifest-path",
            manifest,
        ]))?;
    }
    Ok(())
}

fn clippy() -> Outcome {
    run::shown(&mut run::cargo(&[
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-Dwarnings",
    ]))
}

/// Library code on its own, without the features that tests switch on in the dependencies, and
/// without the leave that tests have: nothing there may panic or overflow.
fn clippy_lib() -> Outcome {
    run::shown(&mut run::cargo(&[
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--lib",
        "--bins",
        "--all-features",
        "--",
        "-Dwarnings",
        "-Dclippy::arithmetic_side_effects",
        "-Dclippy::expect_used",
        "-Dclippy::indexing_slicing",
        "-Dclippy::panic",
        "-Dclippy::unwrap_used",
    ]))
}

fn docs() -> Outcome {
    run::shown(
        run::cargo(&[
            "doc",
            "--quiet",
            "--locked",
            "--workspace",
            "--no-deps",
            "--all-features",
        ])
        .env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}
