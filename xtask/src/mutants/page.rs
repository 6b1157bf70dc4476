//! The table of `docs/assurance.md`. A row says at which commit it was measured, and stays until
//! its package is measured anew.

use super::verdict::Tally;
use crate::{Outcome, workspace};

const PAGE: &str = "docs/assurance.md";
const BEGIN: &str = "<!-- mutants: written by `cargo xtask mutants --report` -->";
const END: &str = "<!-- mutants end -->";
const HEAD: &str = "\
| package | at commit | mutants | do not compile | killed | of them by a timeout | excused | survived | not run |
|---|---|---|---|---|---|---|---|---|";

fn row(tally: &Tally, commit: &str) -> String {
    let Tally {
        package,
        mutants,
        unviable,
        timed_out,
        excused,
        not_run,
        ..
    } = tally;
    format!(
        "| `{package}` | {commit} | {mutants} | {unviable} | {} | {timed_out} | {excused} | {} | {not_run} |",
        tally.killed(),
        tally.survived()
    )
}

pub(super) fn table(tallies: &[Tally], commit: &str) -> String {
    let rows: Vec<String> = tallies.iter().map(|tally| row(tally, commit)).collect();
    format!("{HEAD}\n{}", rows.join("\n"))
}

pub(super) fn write(tallies: &[Tally], commit: &str) -> Outcome {
    let path = workspace::root().join(PAGE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{PAGE}: {e}"))?;
    let text = replaced(&text, tallies, commit)?;
    std::fs::write(&path, text).map_err(|e| format!("{PAGE}: {e}"))
}

/// `page` with the rows of the packages that were measured in it.
fn replaced(page: &str, tallies: &[Tally], commit: &str) -> Outcome<String> {
    let missing = || format!("{PAGE} has no place for the table: {BEGIN}");
    let (before, rest) = page.split_once(BEGIN).ok_or_else(missing)?;
    let (old, after) = rest.split_once(END).ok_or_else(missing)?;
    let measured = tallies.iter().filter(|tally| tally.not_run < tally.mutants);
    let measured: Vec<&Tally> = measured.collect();
    let mine = |line: &str| {
        let name = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next());
        name.is_some_and(|name| measured.iter().any(|tally| tally.package == name))
    };
    let kept = old
        .lines()
        .filter(|line| line.starts_with("| `") && !mine(line));
    let mut rows: Vec<String> = kept.map(str::to_owned).collect();
    rows.extend(measured.iter().map(|tally| row(tally, commit)));
    rows.sort();
    Ok(format!(
        "{before}{BEGIN}\n{HEAD}\n{}\n\n{END}{after}",
        rows.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, Tally, replaced};

    #[test]
    fn a_row_stays_until_its_package_is_measured_anew() {
        let tally = |package: &str, not_run| Tally {
            package: package.to_owned(),
            mutants: 3,
            caught: 3_u64.saturating_sub(not_run),
            not_run,
            ..Tally::default()
        };
        let page = format!("before\n{BEGIN}\n{END}\nafter\n");
        let page = replaced(&page, &[tally("b", 0), tally("a", 1)], "c1").unwrap();
        let page = replaced(&page, &[tally("b", 1), tally("c", 3)], "c2").unwrap();
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(
            rows,
            [
                "| `a` | c1 | 3 | 0 | 2 | 0 | 0 | 0 | 1 |",
                "| `b` | c2 | 3 | 0 | 2 | 0 | 0 | 0 | 1 |",
            ]
        );
        assert!(page.starts_with("before\n") && page.ends_with("after\n"));
        assert!(replaced("nothing", &[], "c").is_err());
    }
}
