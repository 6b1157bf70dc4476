//! What the program in Python that makes the forms of secrets by itself is told of them.

use std::fmt::Write as _;

/// Values of a set whose forms differ much, each with its name. `random` makes so many random
/// letters and digits.
pub fn awkward_values(random: impl Fn(usize) -> String) -> [(&'static str, String); 3] {
    let url = format!("postgres://app:{}%2F@db.internal/app", random(17));
    [
        ("TOKEN", random(40)),
        ("PASSWORD", format!("p&<s \"{}\" w/rd+é%", random(9))),
        ("DATABASE_URL", url),
    ]
}

/// The list of `{"name", "hex"}` that the program reads. Names are letters, digits and `_`.
#[must_use]
pub fn known_to_python(values: &[(&str, String)]) -> String {
    let each = values.iter().map(|(name, value)| {
        let mut hex = String::new();
        for byte in value.bytes() {
            // Writing into memory does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        format!("{{\"name\":\"{name}\",\"hex\":\"{hex}\"}}")
    });
    format!("[{}]", each.collect::<Vec<_>>().join(","))
}
