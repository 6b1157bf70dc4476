//! Deliveries that are handled once, kept in the inbox, and answered.
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod claims;
mod format;
mod support;
#[cfg(feature = "sqlite")]
mod within;
