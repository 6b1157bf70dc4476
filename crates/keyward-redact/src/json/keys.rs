//! Keys that look alike once they are masked are numbered, so that no member is lost.

use std::collections::{HashMap, HashSet};

use keyward_base::SecretBytes;

use crate::json::string::{Spelling, encode};
use crate::masker::MASK_CHAR;

/// A key that was masked.
pub(crate) struct MaskedKey {
    /// What it was, decoded.
    pub(crate) old: SecretBytes,
    /// What it is now, decoded.
    pub(crate) new: Vec<u8>,
    pub(crate) spelling: Spelling,
}

/// What is to be appended to each of these keys of one object, written as its key is. `kept` are
/// the object's other keys, decoded.
///
/// Keys that were the same before are the same after.
pub(crate) fn numbers(masked: &[MaskedKey], kept: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut used: HashSet<Vec<u8>> = kept.collect();
    let mut given: HashMap<&[u8], String> = HashMap::new();
    let mut next: HashMap<&[u8], u64> = HashMap::new();
    let mut all = Vec::with_capacity(masked.len());
    for key in masked {
        let suffix = given.entry(key.old.expose()).or_insert_with(|| {
            let number = next.entry(&key.new).or_insert(1);
            loop {
                let suffix = suffix(&key.new, *number);
                *number = number.saturating_add(1);
                let whole = [&key.new, suffix.as_bytes()].concat();
                if used.insert(whole) {
                    return suffix;
                }
            }
        });
        all.push(encode(suffix.as_bytes(), key.spelling));
    }
    all
}

/// Nothing for the first one; then the number between the characters that no secret has.
fn suffix(key: &[u8], number: u64) -> String {
    let mask = MASK_CHAR.to_string();
    match number {
        ..=1 => String::new(),
        _ if key.ends_with(mask.as_bytes()) => format!("{number}{mask}"),
        _ => format!("{mask}{number}{mask}"),
    }
}
