//! The pages of mailed links: over plain HTTP, and in a browser.
#![cfg(feature = "approval")]
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub
)]

#[path = "../web/mod.rs"]
mod web;

mod browser;
mod danger;
mod decided;
mod hostile;
mod links;
mod service;
