//! The log-in: what it costs whom, how often it may be tried, and who is not locked out by others.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod branches;
mod devices;
mod edges;
mod floor;
mod full;
mod links;
mod outages;
mod processes;
mod throttle;
mod world;
