//! Votes by passkeys.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

mod authenticator;
mod browser;
mod ceremony;
mod edges;
