//! The mutants of a tree, and the part of them that a shard tests.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::tree::Tree;
use crate::{Outcome, run};

/// One change that cargo-mutants makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mutant {
    /// `PATH:LINE:COLUMN: DESCRIPTION`.
    pub(super) name: String,
    pub(super) package: String,
    pub(super) file: String,
}

impl Mutant {
    /// The name without line and column, which every edit above them moves.
    pub(super) fn description(&self) -> String {
        let rest = self.name.strip_prefix(&self.file).unwrap_or(&self.name);
        let mut parts = rest.splitn(4, ':');
        let what = parts.nth(3).unwrap_or(rest);
        format!("{}:{what}", self.file)
    }
}

/// Code in a shipped package that is no more than tests: the suite that every store must pass. What
/// it would notice is shown by stores that break a rule each (`tests/teeth.rs`), and a mutant that
/// makes it check less than it could is none of the store.
const TESTS: &str = "crates/keyward-store/src/conformance/";

/// All mutants of `tree` but those of [`TESTS`], each name once, in the order of their names.
pub(super) fn list(tool: &Path, tree: &Tree) -> Outcome<Vec<Mutant>> {
    let mut command = run::command(tool, &["mutants", "--list", "--json", "--workspace"]);
    let json = run::output(command.args(["--no-config", "--dir"]).arg(&tree.root))?;
    parse(&json)
}

fn parse(json: &str) -> Outcome<Vec<Mutant>> {
    let list: Value =
        serde_json::from_str(json).map_err(|e| format!("the list of mutants: {e}"))?;
    let text = |value: &Value, key: &str| {
        let found = value.get(key).and_then(Value::as_str);
        found
            .map(str::to_owned)
            .ok_or(format!("a mutant has no {key}"))
    };
    let mutants = list.as_array().ok_or("the list of mutants is no array")?;
    let mutants: BTreeSet<Mutant> = mutants
        .iter()
        .map(|value| {
            Ok(Mutant {
                name: text(value, "name")?,
                package: text(value, "package")?,
                file: text(value, "file")?,
            })
        })
        .filter(|mutant| !matches!(mutant, Ok(mutant) if mutant.file.starts_with(TESTS)))
        .collect::<Outcome<_>>()?;
    if mutants.is_empty() {
        return Err("cargo-mutants lists no mutant".to_owned());
    }
    Ok(mutants.into_iter().collect())
}

/// A configuration that examines exactly `mutants`.
pub(super) fn config(mutants: &[&Mutant]) -> String {
    let lines: Vec<String> = mutants
        .iter()
        .map(|mutant| {
            format!(
                "  {},\n",
                Value::from(format!("^{}$", escaped(&mutant.name)))
            )
        })
        .collect();
    format!("examine_re = [\n{}]\n", lines.concat())
}

/// `text` as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let special = |c: char| c.is_ascii_punctuation() && c != '_' && c != '<' && c != '>';
    let each = text.chars().flat_map(|c| {
        let mark = special(c).then_some('\\');
        mark.into_iter().chain(std::iter::once(c))
    });
    each.collect()
}

/// Part `at` of `of`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    at: usize,
    of: usize,
}

impl Shard {
    pub(super) const WHOLE: Self = Self { at: 0, of: 1 };

    /// Reads `K/N`: the `K`th of `N` shards, counted from 0, as cargo-mutants counts them.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((at, of)) if at < of => Ok(Self { at, of }),
            _ => Err(format!("--shard {text}: say K/N, with K from 0 to N-1")),
        }
    }

    /// Every `of`th of `mutants`. All shards together are all mutants.
    pub(super) fn of<'a>(self, mutants: impl Iterator<Item = &'a Mutant>) -> Vec<&'a Mutant> {
        mutants.skip(self.at).step_by(self.of).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Mutant, Shard, TESTS, config, parse};

    pub(in super::super) fn mutant(line: u32, what: &str) -> Mutant {
        let file = "crates/keyward-keys/src/ring.rs".to_owned();
        Mutant {
            name: format!("{file}:{line}:5: {what}"),
            package: "keyward-keys".to_owned(),
            file,
        }
    }

    #[test]
    fn a_description_holds_no_line() {
        let described = mutant(12, "replace Ring::seals -> bool with true").description();
        let wanted = "crates/keyward-keys/src/ring.rs: replace Ring::seals -> bool with true";
        assert_eq!(described, wanted);
    }

    #[test]
    fn the_list_is_read_and_sorted() {
        let json = r#"[{"name":"b","package":"p","file":"f"},{"name":"a","package":"p","file":"f"},
                       {"name":"a","package":"p","file":"f"}]"#;
        let names: Vec<String> = parse(json).unwrap().into_iter().map(|m| m.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(parse("[]").is_err());
        let suite = crate::workspace::root().join(TESTS);
        assert!(suite.is_dir(), "{}", suite.display());
        let json = format!(
            r#"[{{"name":"a","package":"p","file":"{TESTS}scans.rs"}},
                {{"name":"b","package":"p","file":"f"}}]"#
        );
        assert_eq!(parse(&json).unwrap().len(), 1);
        assert!(parse(r#"[{"name":"a"}]"#).is_err());
    }

    #[test]
    fn shards_are_disjoint_and_whole() {
        let all: Vec<Mutant> = (0..10).map(|line| mutant(line, "x")).collect();
        let mut seen: Vec<Mutant> = Vec::new();
        for shard in ["0/3", "1/3", "2/3"] {
            seen.extend(
                Shard::parse(shard)
                    .unwrap()
                    .of(all.iter())
                    .into_iter()
                    .cloned(),
            );
        }
        seen.sort();
        let mut wanted = all.clone();
        wanted.sort();
        assert_eq!(seen, wanted);
        for wrong in ["3/3", "1", "a/b", "0/0", "-1/2"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_matched_as_it_stands() {
        let config = config(&[&mutant(
            1,
            "replace a -> Option<(u8, &str)> with Some((0, \"\"))",
        )]);
        let wanted = r#"  "^crates\\/keyward\\-keys\\/src\\/ring\\.rs\\:1\\:5\\: replace a \\-> Option<\\(u8\\, \\&str\\)> with Some\\(\\(0\\, \\\"\\\"\\)\\)$","#;
        assert!(config.contains(wanted), "{config}");
    }
}
