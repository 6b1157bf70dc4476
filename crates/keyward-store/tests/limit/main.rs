//! Limits: exact, in parts, in a table that is full, by hostile clocks, and what a flood costs.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod clocks;
mod exact;
mod flood;
mod full;
mod parts;
mod world;
