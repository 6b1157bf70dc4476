//! The table of what is recorded: `docs/audit.md` names each action of the crates, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What actions begin with.
const AREAS: [&str; 7] = [
    "approval.",
    "audit.",
    "danger.",
    "keys.",
    "redact.",
    "vault.",
    "webhook.",
];

/// What looks like an action and is a file or a collection.
const OTHERS: [&str; 6] = [
    "approval.html",
    "audit.changed",
    "audit.head",
    "audit.state",
    "audit.tile",
    "keys.db",
];

/// The words between two `quote`s that look like actions.
fn actions(text: &str, quote: char) -> impl Iterator<Item = String> + '_ {
    let words = text.split(quote).skip(1).step_by(2);
    let named = |word: &&str| {
        let area = AREAS.iter().find(|area| word.starts_with(**area));
        let verb = area.and_then(|area| word.get(area.len()..));
        let letter = |b: u8| b.is_ascii_lowercase() || b == b'-';
        verb.is_some_and(|verb| !verb.is_empty() && verb.bytes().all(letter))
    };
    words.filter(named).map(str::to_owned)
}

/// Those in the sources of a folder, without what is said in comments.
fn recorded(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" {
                recorded(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                if !line.trim_start().starts_with("//") {
                    found.extend(actions(line, '"'));
                }
            }
        }
    }
}

#[test]
fn the_page_names_each_action_that_is_recorded() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut in_code = BTreeSet::new();
    for entry in fs::read_dir(crates).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // The command reads the record, and what tests use is not part of it.
        if !["keyward-cli", "keyward-testkit"].contains(&name) {
            recorded(&path.join("src"), &mut in_code);
        }
    }
    for other in OTHERS {
        in_code.remove(other);
    }
    let page = include_str!("../../../../docs/audit.md");
    let table = page.split("## What is recorded").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let mut on_page = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split(" | ").collect();
        let named: Vec<_> = actions(cells[0], '`').collect();
        let how = cells.last().unwrap();
        assert!(
            how.contains("required") || how.contains("best effort") || how.contains("note"),
            "{row}"
        );
        for action in named {
            assert!(on_page.insert(action.clone()), "{action} is there twice");
        }
    }
    assert!(in_code.len() > 30, "{in_code:?}");
    let missing: Vec<_> = in_code.difference(&on_page).collect();
    let stale: Vec<_> = on_page.difference(&in_code).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing {missing:?}, stale {stale:?}"
    );
}
