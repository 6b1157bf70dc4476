//! `docs/promises.md`: every row is planned, or names a test that exists and runs.
//!
//! A row that works reads `| C1 | the promise | **works** | package::file::function | call |`,
//! where `file` is the name of an integration test and `function` the test's whole path in it.
//! Several tests are separated by `<br>`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Outcome, suite, workspace};

const PAGE: &str = "docs/promises.md";
const GROUPS: [(&str, u8); 6] = [("C", 12), ("P", 6), ("W", 10), ("A", 5), ("S", 8), ("X", 7)];

#[derive(Debug)]
struct Row {
    id: String,
    works: bool,
    tests: Vec<String>,
    call: String,
}

pub(crate) fn check() -> Outcome {
    let path = workspace::root().join(PAGE);
    let page = std::fs::read_to_string(path).map_err(|e| format!("{PAGE}: {e}"))?;
    let rows = rows(&page)?;
    complete(&rows)?;
    let known = suite::tests()?;
    let mut wrong = Vec::new();
    for row in &rows {
        for test in &row.tests {
            if let Err(why) = runs(test, &known) {
                wrong.push(format!("{}: {why}", row.id));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let works = rows.iter().filter(|row| row.works).count();
    println!(
        "{works} promises work, {} are planned",
        rows.len().saturating_sub(works)
    );
    Ok(())
}

fn rows(page: &str) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, id, _, state, tests, call, _] = cells.as_slice() else {
            continue;
        };
        if *id == "id" || id.starts_with('-') {
            continue;
        }
        let tests: Vec<String> = tests
            .split("<br>")
            .map(|test| test.trim().trim_matches('`').to_owned())
            .filter(|test| !test.is_empty())
            .collect();
        let row = Row {
            id: (*id).to_owned(),
            works: *state == "**works**",
            tests,
            call: (*call).to_owned(),
        };
        let is_planned = *state == "planned" && row.tests.is_empty();
        if !is_planned && (!row.works || row.tests.is_empty() || row.call.is_empty()) {
            return Err(format!(
                "{id}: a row is `planned`, or **works** and names its tests and its call"
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Each id stands once, and no other does.
fn complete(rows: &[Row]) -> Outcome {
    let wanted: Vec<String> = GROUPS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n}")))
        .collect();
    let mut found: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    found.sort_unstable();
    let mut sorted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if found == sorted {
        return Ok(());
    }
    let held: BTreeSet<&str> = found.iter().copied().collect();
    let missing: Vec<&str> = sorted.into_iter().filter(|id| !held.contains(id)).collect();
    Err(format!(
        "{PAGE} must hold each of {} ids once; missing: {}",
        wanted.len(),
        missing.join(" ")
    ))
}

fn runs(test: &str, known: &BTreeMap<(String, String), BTreeSet<String>>) -> Outcome {
    let mut parts = test.splitn(3, "::").map(str::to_owned);
    let (Some(package), Some(file), Some(function)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(format!("{test} is not package::file::function"));
    };
    let tests = known.get(&(package, file));
    if tests.is_some_and(|tests| tests.contains(&function)) {
        return Ok(());
    }
    Err(format!("{test} does not exist, or is ignored"))
}

#[cfg(test)]
mod tests {
    use super::{complete, rows};

    #[test]
    fn a_row_is_planned_or_names_tests_and_call() {
        assert!(rows("| C1 | p | planned |  |  |").is_ok());
        assert!(rows("| C1 | p | **works** | a::b::c<br>`a::b::d` | `Vault::put` |").is_ok());
        assert!(rows("| C1 | p | **works** |  | `Vault::put` |").is_err());
        assert!(rows("| C1 | p | **works** | a::b::c |  |").is_err());
        assert!(rows("| C1 | p | soon |  |  |").is_err());
    }

    #[test]
    fn a_missing_or_doubled_row_is_seen() {
        let one = rows("| C1 | p | planned |  |  |").unwrap();
        assert!(complete(&one).unwrap_err().contains("X7"));
    }
}
