//! A run of entries as a file of JSON lines, which proves itself: `docs/formats/audit.md`.
//!
//! The first line says of which log it is and which entries follow, and has the roots of the
//! subtrees before them; then there is a line for each entry; the last has the roots of those after
//! them, and the checkpoint. So it is one gapless run, and shows nothing of the entries around it.

mod check;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use check::{Checked, Refused, check};
pub use write::Writer;

/// The version that is written, and read.
const VERSION: u8 = 1;

/// The most bytes of a line: the text of an entry, and what stands around it.
const MAX_LINE: usize = crate::entry::MAX_LEN + 1024;

/// The most hashes of the first and of the last line: two for each level of a tree.
const MAX_HASHES: usize = 126;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    #[serde(rename = "keyward-audit-export")]
    version: u8,
    /// The key that signed the checkpoint, as `name+hash+key`. For whoever pins it; whoever verifies
    /// has it from elsewhere.
    key: String,
    /// The log's id: 32 hexadecimal digits.
    log: String,
    /// The number of the first entry, and that after the last.
    from: u64,
    until: u64,
    left: Vec<String>,
}

/// The line of an entry. Without salt and body, it was erased.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    day: u32,
    class: &'a str,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    right: Vec<String>,
    checkpoint: String,
}
