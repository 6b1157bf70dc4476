//! `cargo xtask test`: every test and doc test of the workspace, in one go.

use crate::options::Options;
use crate::{Outcome, loaders, run, tools};

/// What the long forms of the tests are asked for.
const FULL: [(&str, &str); 4] = [
    ("KEYWARD_KILL_ROWS", "100000"),
    ("KEYWARD_KILLS", "50"),
    ("KEYWARD_FULL", "1"),
    ("PROPTEST_CASES", "4096"),
];

/// The sums of cargo's own `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Count {
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| {
            let before = result.split(what).next().unwrap_or_default();
            let word = before.split_whitespace().next_back().unwrap_or_default();
            word.parse::<u64>().unwrap_or(0)
        };
        self.passed = self.passed.saturating_add(number(" passed"));
        self.failed = self.failed.saturating_add(number(" failed"));
        self.ignored = self.ignored.saturating_add(number(" ignored"));
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let optional = tools::SYSTEM.iter().filter(|tool| tool.is_optional);
    let known: Vec<&str> = optional
        .map(|tool| tool.name)
        .chain([loaders::NAME])
        .collect();
    options.allow(&known)?;
    for tool in &tools::SYSTEM {
        if options.leaves_out(tool.name) {
            println!(
                "WITHOUT {}: tests that need it say that they are skipped",
                tool.name
            );
        } else {
            tool.provide()?;
        }
    }
    if !options.leaves_out(tools::PYTHON) {
        tools::python()?;
    }
    let loaders = if options.leaves_out(loaders::NAME) {
        println!(
            "WITHOUT {}: tests that need them say that they are skipped",
            loaders::NAME
        );
        None
    } else {
        Some(loaders::provide()?)
    };
    let mut command = run::cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.env("KEYWARD_WITHOUT", options.without.join(","));
    command.envs(loaders.map(|folder| ("KEYWARD_LOADERS", folder)));
    if options.full {
        command.envs(FULL);
    }
    let mut count = Count::default();
    let ended_well = run::lines(&mut command, |line| count.add(line))?;
    let Count {
        passed,
        failed,
        ignored,
    } = count;
    if ignored > 0 {
        println!("{ignored} ignored (doc examples that only compile, or a test marked so)");
    }
    println!("{passed} passed, {failed} failed");
    if ended_well && failed == 0 && passed > 0 {
        return Ok(());
    }
    Err("the tests did not pass".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn results_are_summed() {
        let mut count = Count::default();
        count.add("running 3 tests");
        count.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        count.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(
            count,
            Count {
                passed: 15,
                failed: 2,
                ignored: 1
            }
        );
    }
}
