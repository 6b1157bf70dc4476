//! The log-in, sign-up and forgot password: whether the time that they take tells who has an account;
//! and what a log-in takes beside its hash.
//!
//! ```text
//! cargo bench -p keyward-benches --bench login              # all
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

mod asked;
mod beside;
mod judged;
mod told;
mod world;

use keyward_benches::finish;

fn main() {
    let is_even = [told::run(), asked::run()]
        .into_iter()
        .all(|is_even| is_even);
    beside::run();
    finish("login", beside::BARS);
    if !is_even {
        std::process::exit(1);
    }
}
