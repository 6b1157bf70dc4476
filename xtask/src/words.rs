//! What may not stand in a tracked file: links that lead nowhere, hosts of package registries,
//! paths of somebody's machine.

use std::path::{Path, PathBuf};

use crate::{Outcome, workspace};

/// In pieces, so that this file does not hold what it looks for.
const FORBIDDEN: [[&str; 2]; 8] = [
    ["crates", ".io"],
    ["pypi", ".org"],
    ["npmjs", ".org"],
    ["npmjs", ".com"],
    ["deb.", "debian"],
    ["/wor", "k/"],
    ["/tmp/", "bash_jobs"],
    ["/home/", "runner"],
];

pub(crate) fn links() -> Outcome {
    let root = workspace::root();
    let pages = workspace::tracked()?;
    let pages = pages
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "md"));
    let mut wrong = Vec::new();
    let mut checked = 0_u32;
    for page in pages {
        let Ok(text) = std::fs::read_to_string(root.join(page)) else {
            continue; // Deleted, not yet committed.
        };
        for link in targets(&text) {
            checked = checked.saturating_add(1);
            if !leads_somewhere(&root, page, link) {
                wrong.push(format!("{}: {link} leads nowhere", page.display()));
            }
        }
    }
    println!("{checked} links between pages");
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// The targets of inline links that stay within the project.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    links
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter(|target| !target.contains(char::is_whitespace))
}

fn leads_somewhere(root: &Path, page: &Path, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().unwrap_or(Path::new(""));
    let file: PathBuf = if path.is_empty() {
        root.join(page)
    } else {
        root.join(folder).join(path)
    };
    if anchor.is_empty() {
        return file.exists();
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(slug).any(|slug| slug == anchor)
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

pub(crate) fn hosts() -> Outcome {
    let root = workspace::root();
    let forbidden = FORBIDDEN.map(|pieces| pieces.concat());
    let mut wrong = Vec::new();
    for path in workspace::tracked()? {
        if path.extension().is_some_and(|e| e == "lock") {
            continue; // Cargo writes them.
        }
        let text = String::from_utf8_lossy(&std::fs::read(root.join(&path)).unwrap_or_default())
            .into_owned();
        for (at, line) in (1_u32..).zip(text.lines()) {
            for word in forbidden.iter().filter(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{at}: {word}", path.display()));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{slug, targets};

    #[test]
    fn links_within_the_project_are_found() {
        let text = "[a](b.md) and [c](https://example.org) and [d](#e-f)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "#e-f"]);
        assert_eq!(slug("## Key root: what it is"), "key-root-what-it-is");
    }
}
