//! What needs an approval, and whose.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod edges;
mod lints;
mod orders;
mod parsing;
mod rules;
mod stricter;
mod verdicts;
mod world;
