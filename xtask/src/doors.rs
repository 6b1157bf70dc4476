//! Every library has an example at its door: whoever opens its documentation sees a call first.

use crate::{Outcome, layers, workspace};

pub(crate) fn check() -> Outcome {
    let mut wrong = Vec::new();
    for package in workspace::packages()? {
        let door = package.folder.join("src/lib.rs");
        let Ok(text) = std::fs::read_to_string(&door) else {
            continue; // A program.
        };
        if layers::is_shipped(&package.name) && !has_example(&text) {
            wrong.push(format!(
                "{}: src/lib.rs begins without an example that runs",
                package.name
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// Whether the documentation at the head of a crate holds code that rustdoc runs or compiles.
fn has_example(text: &str) -> bool {
    let head = text.lines().take_while(|line| line.starts_with("//!"));
    let fences = head.filter_map(|line| line.strip_prefix("//! ```"));
    // Every second fence is the end of what the one before began.
    let mut begins = fences.step_by(2);
    begins.any(|info| matches!(info, "" | "rust" | "no_run"))
}

#[cfg(test)]
mod tests {
    use super::has_example;

    #[test]
    fn only_code_that_is_compiled_is_an_example() {
        assert!(has_example(
            "//! A door.\n//!\n//! ```\n//! f();\n//! ```\n"
        ));
        assert!(!has_example("//! A door.\n"));
        assert!(!has_example("//! ```text\n//! f();\n//! ```\n"));
        assert!(!has_example("//! A door.\npub fn f() {}\n//! ```\n"));
    }
}
