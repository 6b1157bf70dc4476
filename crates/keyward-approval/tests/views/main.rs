//! What a person is shown, whatever is in it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod browser;
mod hostile;
mod page;
mod visible;
mod whole;
mod world;
