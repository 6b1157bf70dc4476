//! Gates: what is asked, who says what of it, and what may run.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod callbacks;
mod claims;
mod classes;
mod clicks;
mod crowd;
mod exports;
mod hostile;
mod killed;
mod lasting;
mod logs;
mod model;
mod narrower;
mod onces;
mod operators;
mod overtaken;
mod pins;
mod rotations;
mod runs;
mod schedules;
mod standings;
mod switching;
#[allow(dead_code)]
mod target;
mod times;
mod votes;
#[allow(dead_code)]
mod world;
