//! What was claimed, outside the database: anchors in memory and in a folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

mod bytes;
mod conformance;
mod crashes;
mod files;
mod model;
mod races;

use std::path::Path;
use std::sync::Arc;

use keyward_approval::GateId;
use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, ClaimPin, FileClaims};
use keyward_base::Timestamp;
use keyward_crypto::Provider;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A gate with an id as if drawn at random.
pub(crate) fn id(nth: u64) -> GateId {
    let digest = Provider::default().sha256(&[&nth.to_be_bytes()]);
    GateId::from_bytes(*digest.first_chunk().unwrap())
}

pub(crate) fn gate(nth: u64, until: u64) -> ClaimName {
    ClaimName::gate(id(nth), at(until))
}

pub(crate) fn pin(counter: u64, of: u8) -> ClaimPin {
    ClaimPin {
        counter,
        digest: [of; 32],
    }
}

pub(crate) fn open(folder: &Path) -> Arc<dyn ClaimAnchor> {
    Arc::new(FileClaims::open(folder.to_owned()).unwrap())
}

pub(crate) async fn pinned(anchor: &dyn ClaimAnchor, name: ClaimName, pin: ClaimPin) {
    let advanced = anchor.advance(name, pin).await.unwrap();
    assert_eq!(advanced, Advanced::Pinned, "{name:?}");
}
