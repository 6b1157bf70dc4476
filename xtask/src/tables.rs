//! Tables in pages and in documentation comments end where they seem to: a line that follows a
//! row without an empty one between is rendered as a row of its own.

use crate::{Outcome, workspace};

pub(crate) fn check() -> Outcome {
    let root = workspace::root();
    let mut wrong = Vec::new();
    for path in workspace::tracked()? {
        let find = match path.extension().and_then(|e| e.to_str()) {
            Some("md") => in_page,
            Some("rs") => in_comments,
            _ => continue,
        };
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else {
            continue; // Deleted, not yet committed.
        };
        for at in find(&text) {
            wrong.push(format!(
                "{}:{at}: this line becomes a row of the table above: put an empty one between",
                path.display()
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// The numbers of the lines that a table swallows in a page of Markdown.
fn in_page(text: &str) -> Vec<u32> {
    swallowed((1_u32..).zip(text.lines()))
}

/// The same in the documentation comments of a source file. Lines of one comment are one text,
/// with whatever is no comment left out.
fn in_comments(text: &str) -> Vec<u32> {
    let mut wrong = Vec::new();
    for mark in ["//!", "///"] {
        let mut block: Vec<(u32, &str)> = Vec::new();
        for (at, line) in (1_u32..).zip(text.lines().map(str::trim_start)) {
            if let Some(doc) = line.strip_prefix(mark) {
                block.push((at, doc));
            } else if !line.is_empty() {
                wrong.extend(swallowed(std::mem::take(&mut block).into_iter()));
            }
        }
        wrong.extend(swallowed(block.into_iter()));
    }
    wrong.sort_unstable();
    wrong
}

fn swallowed<'a>(lines: impl Iterator<Item = (u32, &'a str)>) -> Vec<u32> {
    let mut wrong = Vec::new();
    let mut in_table = false;
    let mut in_code = false;
    for (at, line) in lines {
        let line = line.trim();
        if line.starts_with("```") {
            in_code = !in_code;
            in_table = false;
        } else if !in_code {
            let is_row = line.starts_with('|');
            if in_table && !is_row && !line.is_empty() {
                wrong.push(at);
            }
            in_table = is_row;
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::{in_comments, in_page};

    #[test]
    fn a_sentence_below_a_row_is_seen() {
        assert_eq!(in_page("| a |\n|---|\n| b |\ntext\n"), [4]);
        assert_eq!(in_page("| a |\n|---|\n| b |\n\ntext\n").len(), 0);
        assert_eq!(in_page("```text\n| a |\nb\n```\n").len(), 0);
    }

    #[test]
    fn an_empty_line_of_the_file_is_none_of_the_comment() {
        assert_eq!(in_comments("//! | a |\n\n//! text\n"), [3]);
        assert_eq!(in_comments("//! | a |\n//!\n//! text\n").len(), 0);
        assert_eq!(in_comments("/// | a |\nfn f() {}\n/// text\n").len(), 0);
        assert_eq!(in_comments("    /// | a |\n    /// text\n"), [2]);
    }
}
