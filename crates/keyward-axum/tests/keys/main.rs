//! Bearer tokens as arguments of handlers, over plain HTTP.
#![cfg(feature = "session")]
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

mod api;
mod internal;
mod leaks;
mod service;
mod words;
