//! Mailed links, and changes of accounts that no session outlives.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod alike;
mod asking;
mod changes;
mod edits;
mod full;
mod kill;
mod outages;
mod races;
mod resets;
mod steps;
mod tokens;
mod uses;
mod world;
