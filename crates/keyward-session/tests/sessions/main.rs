//! Sessions through the public API, on real stores and rings.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

mod hostile;
mod life;
mod races;
mod world;
