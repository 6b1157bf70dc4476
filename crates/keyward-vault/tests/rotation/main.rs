//! Rotation that ends: beside writers, other rewraps, damaged records, other stores and purposes.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../support/mod.rs"]
mod support;

mod anchor;
mod damaged_keys;
mod ending;
mod machine;
mod overtaken;
mod races;
mod slow_writer;
mod stores;
