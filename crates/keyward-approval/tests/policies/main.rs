//! What needs an approval, and whose.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod verdicts;
mod world;
