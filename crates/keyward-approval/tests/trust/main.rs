//! The file of trust, and what it lets run.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

#[allow(dead_code)] // Of the tests of passkeys, whose it is.
#[path = "../passkey/authenticator.rs"]
mod authenticator;
mod changes;
mod edges;
mod export;
mod fields;
mod file;
mod forgeries;
mod parsing;
mod runs;
mod world;
