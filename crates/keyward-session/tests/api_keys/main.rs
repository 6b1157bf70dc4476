//! API keys through the public API, on real stores and rings.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod allocations;
mod apart;
mod clocks;
mod crowd;
mod due;
mod formats;
mod hostile;
mod leak;
mod life;
mod machine;
mod process;
mod races;
mod ring;
mod texts;
mod used;
mod world;
