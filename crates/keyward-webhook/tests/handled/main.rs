//! Deliveries that are handled once, kept in the inbox, and answered.
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::mem_forget,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod answers;
mod bounds;
mod claims;
mod crowd;
mod format;
mod inbox;
mod model;
mod support;
#[cfg(feature = "sqlite")]
mod within;
