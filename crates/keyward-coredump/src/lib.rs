//! Searches the memory of a release build for secrets that should be gone. Not published.
//!
//! A child process seals, opens and rotates, then drops everything. A test takes its core dumps
//! and searches them for all that the secrets turn into on the way:
//!
//! | module | what it holds |
//! |---|---|
//! | [`expansion`] | what a key turns into: pads, midstates, key schedules, message keys |
//! | [`image`] | the segments of a core dump: memory, and notes (registers) |
//! | [`passwords`] | passwords that are hashed, verified, turned away and dropped |
//! | [`records`] | the records of a home, read and unwrapped, to know every key it ever had |
//! | [`shapes`] | secrets for a redactor, derived from a seed |

// The reference that the dump is compared with: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc
)]

pub mod expansion;
pub mod image;
pub mod passwords;
pub mod records;
pub mod shapes;
