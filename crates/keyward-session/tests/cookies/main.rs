//! The cookies that carry sessions.
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

mod allocations;
mod reading;
mod writing;

use keyward_session::Cookie;

/// All there are.
const ALL: [Cookie; 6] = [
    Cookie::USER,
    Cookie::ADMIN,
    Cookie::PENDING,
    Cookie::STAFF,
    Cookie::DEVICE,
    Cookie::ADMIN_DEVICE,
];

/// What `cookie` has in those lines: its value, `-` if it is not there, or why it is refused.
fn read<L: AsRef<[u8]>>(cookie: Cookie, lines: &[L]) -> String {
    match cookie.read(lines.iter().map(AsRef::as_ref)) {
        Ok(found) => found.unwrap_or("-").to_owned(),
        Err(error) => error.reason().expect("a reason").as_str().to_owned(),
    }
}
