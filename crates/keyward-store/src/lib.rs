//! The four small traits that carry everything keyward stores, their bounded in-memory form, and
//! the conformance suite that every store passes.
//!
//! | trait | what it is for |
//! |---|---|
//! | [`Records`] | versioned records: compare-and-swap, atomic batches, ordered scans, counts by key |
//!
//! A store is trusted with availability, not with secrets. Every trait is dyn-compatible and
//! returns boxed futures that need no particular runtime. No trait method has a default body.

pub mod records;

pub use records::{
    Applied, BoxFuture, Collection, Record, RecordKey, Records, Scan, StoreLimits, Version, Write,
};
