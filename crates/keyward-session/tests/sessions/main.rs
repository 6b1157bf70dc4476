//! Sessions through the public API, on real stores and rings.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod clocks;
mod crowd;
mod ends;
mod factors;
mod formats;
mod hostile;
mod keys;
mod life;
mod machine;
mod process;
mod races;
mod staff;
mod world;
