//! What is to be done, as bytes.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod agent;
mod bytes;
mod limits;
mod secrets;
mod vectors;
mod world;
