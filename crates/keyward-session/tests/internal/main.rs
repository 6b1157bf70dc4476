//! Internal secrets: how they are written, which are taken, and when they end.
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

mod checks;
mod forms;

use std::sync::Arc;

use keyward_base::{ManualClock, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;

/// 2026-01-01.
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

const ONE: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
const TWO: &str = "QpYd0ZJ4mZVkSdgDNd/UkZPkkCqQ6vM8bTWqJxHZZXs=";
const HEX: &str = "8f3c1b0d5e7a9426c1f08d3b6a5e4f7290b1c8d7e6f5a4b3c2d1e0f9a8b7c6d5";

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW))
}

fn read(text: &str) -> Result<InternalSecrets> {
    read_at(text, clock())
}

fn read_at(text: &str, clock: Arc<ManualClock>) -> Result<InternalSecrets> {
    let text = SecretBytes::copy_of(text.as_bytes());
    InternalSecrets::parse(&text, &Provider::default(), clock)
}
