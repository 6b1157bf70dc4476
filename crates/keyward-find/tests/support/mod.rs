//! Keys, and text that begins as their values do.
// Each test file uses its own part of this.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    clippy::must_use_candidate
)]

use keyward_base::encoding::hex;

use keyward_base::key_tag::sealed_prefix;
use keyward_base::{KeyId, Suite};
use keyward_find::{Keys, Report};

pub const OURS: &str = "0011223344556677";
pub const OTHER: &str = "8899aabbccddeeff";

pub fn keys() -> Keys {
    [KeyId::parse(OURS).unwrap()].into_iter().collect()
}

/// As long as the value of a small secret.
pub fn value(key: &str) -> String {
    let prefix = sealed_prefix(Suite::from_byte(1).unwrap(), KeyId::parse(key).unwrap());
    format!("{prefix}{}", "Ab3-_x".repeat(25))
}

pub fn ours() -> String {
    value(OURS)
}

pub fn other() -> String {
    value(OTHER)
}

pub fn in_hex(text: &str) -> String {
    hex(text.as_bytes())
}

/// `table.column count`, a line each.
pub fn lines(report: &Report) -> Vec<String> {
    let line = |found: &keyward_find::Found| {
        let column = found.column.as_deref().unwrap_or("?");
        format!("{}.{column} {}", found.table, found.values)
    };
    report.found.iter().map(line).collect()
}

/// Every character as an escape of JSON, behind so many backslashes.
pub fn escaped(text: &str, slashes: usize) -> String {
    let escape = |c: char| format!("{}u{:04x}", "\\".repeat(slashes), u32::from(c));
    text.chars().map(escape).collect()
}
