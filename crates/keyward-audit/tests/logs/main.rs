//! Logs in a store: appended to by many, read, verified, and edited by who writes to the store.

// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod alerts;
mod appends;
mod beside;
mod commits;
mod crowd;
mod cuts;
mod edits;
mod eras;
mod eras_forged;
mod goes_on;
mod holds;
mod intents;
mod keys;
mod kinds;
mod late;
mod leaps;
mod lost;
mod many;
mod proofs;
mod retention;
mod rounds;
mod store;
mod sweep;
mod tells;
mod world;
