//! The engine: each preset against its provider's example, an independent implementation, and
//! every way to be wrong.

// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

mod allocations;
mod bounds;
mod dedupe;
mod defects;
mod differential;
mod kit;
mod lookup;
mod peers;
mod published;
mod schemes;
mod secrets;
mod vectors;
