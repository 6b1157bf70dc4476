//! Benches: one file per crate.
