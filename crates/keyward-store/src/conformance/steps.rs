//! Steps that the rules of records are made of.

use super::rule::{Checked, Fault, same};
use crate::record::{Content, Record, RecordKey, Version};
use crate::records::{Applied, Records, Write};

pub(super) fn inserting(key: RecordKey, sealed: &str, data: &[u8]) -> Write {
    Write::Insert {
        key,
        content: Content {
            sealed: sealed.to_owned(),
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

pub(super) fn swapping(key: RecordKey, version: Version, data: &[u8]) -> Write {
    Write::Swap {
        key,
        version,
        content: Content {
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

/// Makes a batch that must succeed, and gives the version of its last write.
pub(super) async fn done(store: &dyn Records, batch: Vec<Write>) -> Result<Version, Fault> {
    let count = batch.len();
    match store.apply(batch).await? {
        Applied::Done(versions) => {
            same("answers of a batch", &versions.len(), &count)?;
            Ok(versions
                .last()
                .copied()
                .flatten()
                .unwrap_or(Version::new(0)))
        }
        other @ Applied::Conflict { .. } => Err(Fault(format!("refused with {other:?}"))),
    }
}

/// Makes a batch that must meet a conflict at `index`.
pub(super) async fn conflict(store: &dyn Records, index: usize, batch: Vec<Write>) -> Checked {
    let wanted = Applied::Conflict { index };
    same("the batch", &store.apply(batch).await?, &wanted)
}

pub(super) async fn read(store: &dyn Records, key: &RecordKey) -> Result<Record, Fault> {
    let record = store.fetch(key).await?;
    record.ok_or_else(|| Fault(format!("{key:?} is not there")))
}

pub(super) async fn gone(store: &dyn Records, key: &RecordKey) -> Checked {
    same("the record", &store.fetch(key).await?, &None)
}
