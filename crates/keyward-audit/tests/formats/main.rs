//! The formats of others: the tree of RFC 9162, notes, checkpoints and proofs of C2SP.

// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod actions;
mod agreed;
mod exports;
mod notes;
mod others;
mod proofs;
mod trees;
