//! What is masked of a value: its forms, its parts, and which values are.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod chain;
mod kept;
mod rows;
mod values;
mod which;

use keyward_redact::{Name, Policy, Redactor};

pub(crate) fn random(bytes: &mut [u8]) -> keyward_base::Result<()> {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::try_from(i * 37 % 251).unwrap();
    }
    Ok(())
}

pub(crate) fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// One that knows `value` alone, by the name `it`.
pub(crate) fn knowing(value: impl AsRef<[u8]>) -> Redactor {
    let redactor = Redactor::new(random).unwrap();
    redactor.add(&name("it"), value.as_ref()).unwrap();
    redactor
}

pub(crate) fn under(policy: Policy) -> Redactor {
    Redactor::with_policy(policy, random).unwrap()
}
