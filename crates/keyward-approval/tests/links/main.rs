//! Links, and what goes with them, through the public API on real rings.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod codes;
mod mails;
mod tokens;
mod vectors;
mod world;
