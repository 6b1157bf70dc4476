//! The log-in: whether the time it takes tells who has an account, and what it takes beside its hash.
//!
//! ```text
//! cargo bench -p keyward-benches --bench login              # both
//! cargo bench -p keyward-benches --bench login -- told      # by the time alone
//! cargo bench -p keyward-benches --bench login -- --planted # with 0.2 ms planted, which must be told
//! ```
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod beside;
mod judged;
mod told;
mod world;

use keyward_benches::finish;

fn main() {
    let is_even = told::run();
    beside::run();
    finish("login", beside::BARS);
    if !is_even {
        std::process::exit(1);
    }
}
