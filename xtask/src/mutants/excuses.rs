//! The survivors that are excused, each with its reason: `xtask/mutants-excused.txt`.
//!
//! ```text
//! # A comment.
//! crates/keyward-keys/src/ring.rs: replace > with >= in Ring::newest
//!     The two seqs are never equal: each epoch makes one key.
//! ```

use super::listing::Mutant;
use super::tree::Tree;
use crate::Outcome;

pub(super) const PAGE: &str = "xtask/mutants-excused.txt";

#[derive(Debug, PartialEq, Eq)]
struct Excuse {
    /// As [`Mutant::description`].
    mutant: String,
    reason: String,
}

#[derive(Debug, Default)]
pub(super) struct Excuses(Vec<Excuse>);

impl Excuses {
    pub(super) fn load(tree: &Tree) -> Outcome<Self> {
        let path = tree.root.join(PAGE);
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{PAGE}: {e}"))?;
        Self::parse(&text)
    }

    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let mut list: Vec<Excuse> = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(reason) = line.strip_prefix("    ") {
                let last = list.last_mut();
                let last = last.ok_or(format!("{PAGE}: a reason without a mutant: {line}"))?;
                last.reason.push_str(reason.trim());
                last.reason.push(' ');
                continue;
            }
            if list.iter().any(|excuse| excuse.mutant == line) {
                return Err(format!("{PAGE}: twice: {line}"));
            }
            list.push(Excuse {
                mutant: line.to_owned(),
                reason: String::new(),
            });
        }
        match list.iter().find(|excuse| excuse.reason.is_empty()) {
            Some(excuse) => Err(format!("{PAGE}: no reason: {}", excuse.mutant)),
            None => Ok(Self(list)),
        }
    }

    pub(super) fn holds(&self, mutant: &Mutant) -> bool {
        let description = mutant.description();
        self.0.iter().any(|excuse| excuse.mutant == description)
    }

    /// Every excuse is one for a mutant that exists.
    pub(super) fn all_fit(&self, mutants: &[Mutant]) -> Outcome {
        let known: std::collections::BTreeSet<String> =
            mutants.iter().map(Mutant::description).collect();
        let stale: Vec<&str> = self
            .0
            .iter()
            .map(|excuse| excuse.mutant.as_str())
            .filter(|mutant| !known.contains(*mutant))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{PAGE} excuses mutants that do not exist: take them out, or give them their new names\n{}",
            stale.join("\n")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Excuses;
    use crate::mutants::listing::tests::mutant;

    const TEXT: &str = "\
# Comment.
crates/keyward-keys/src/ring.rs: replace a with b
    It is the same.
    Really.
";

    #[test]
    fn an_excuse_holds_wherever_the_line_has_moved_to() {
        let excuses = Excuses::parse(TEXT).unwrap();
        assert!(excuses.holds(&mutant(1, "replace a with b")));
        assert!(excuses.holds(&mutant(99, "replace a with b")));
        assert!(!excuses.holds(&mutant(1, "replace a with c")));
    }

    #[test]
    fn a_stale_excuse_is_an_error() {
        let excuses = Excuses::parse(TEXT).unwrap();
        assert!(excuses.all_fit(&[mutant(7, "replace a with b")]).is_ok());
        let why = excuses
            .all_fit(&[mutant(7, "replace a with c")])
            .unwrap_err();
        assert!(why.contains("replace a with b"), "{why}");
    }

    #[test]
    fn an_excuse_needs_a_reason_and_stands_once() {
        assert!(Excuses::parse("a.rs: x\n").is_err());
        assert!(Excuses::parse("    reason\n").is_err());
        assert!(Excuses::parse("a.rs: x\n    y\na.rs: x\n    y\n").is_err());
        assert!(Excuses::parse("# nothing\n").is_ok());
    }
}
