//! Numbers with their words.

/// `1 row`, `1,204 rows`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left.is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn numbers_have_a_comma_at_each_thousand() {
        let shown = [0, 1, 12, 999, 1_000, 21_204, 654_321, 1_000_000];
        let shown = shown.map(|count| counted(count, "row", "rows"));
        let wanted = [
            "0 rows",
            "1 row",
            "12 rows",
            "999 rows",
            "1,000 rows",
            "21,204 rows",
            "654,321 rows",
            "1,000,000 rows",
        ];
        assert_eq!(shown, wanted);
    }
}
