//! The ways in that stand on [`Masker`](keyward_redact::Masker): JSON, conversations with a model,
//! asynchronous writers, the formatter of `tracing`.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(feature = "tokio")]
mod async_write;
mod danger;
mod events;
mod json;
#[cfg(feature = "tracing")]
mod make_writer;

use keyward_redact::{Name, Redactor};

pub(crate) const TOKEN: &str = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

/// One that knows these values by these names.
pub(crate) fn knowing(secrets: &[(&str, &[u8])]) -> Redactor {
    let random = |bytes: &mut [u8]| {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(i * 37 % 251).unwrap();
        }
        Ok(())
    };
    let redactor = Redactor::new(random).unwrap();
    for (name, value) in secrets {
        redactor.add(&Name::new(name).unwrap(), value).unwrap();
    }
    redactor
}

/// One that knows [`TOKEN`] as `acme account.github_token 42`.
pub(crate) fn knowing_token() -> Redactor {
    knowing(&[("acme account.github_token 42", TOKEN.as_bytes())])
}
