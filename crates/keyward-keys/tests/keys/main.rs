//! The keyring through its public door: bad input, races, restarts, a hostile store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

mod cold;
mod create;
mod damage;
mod export;
mod hostile;
mod life;
mod replicas;
mod restore;
mod roots;
mod unknown;
mod vectors;
mod world;
