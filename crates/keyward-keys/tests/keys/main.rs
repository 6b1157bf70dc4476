//! The keyring through its public door: bad input, races, restarts, a hostile store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

mod algorithms;
mod anchored;
mod bounds;
mod cold;
mod columns;
mod create;
mod damage;
mod export;
mod hostile;
mod life;
mod limits;
mod mac;
mod machine;
#[path = "../../../keyward-sqlite/tests/support/odd.rs"]
mod odd;
mod odd_races;
mod odd_rows;
mod passphrase;
mod races;
mod replicas;
mod reseal;
mod restore;
mod roots;
mod rotation;
mod stale;
mod suites;
mod unknown;
mod vectors;
mod withdrawn;
mod world;
