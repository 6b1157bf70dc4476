//! `cargo xtask test`: every test and doc test of the workspace, in one go.

use crate::options::Options;
use crate::suite::{self, Results};
use crate::{Outcome, loaders, tools};

/// What the long forms of the tests are asked for.
const FULL: [(&str, &str); 6] = [
    ("KEYWARD_KILL_ROWS", "100000"),
    ("KEYWARD_KILLS", "50"),
    ("KEYWARD_FULL", "1"),
    ("KEYWARD_WEBHOOK_IDS", "10000"),
    ("KEYWARD_WEBHOOK_KILLS", "20"),
    ("PROPTEST_CASES", "4096"),
];

pub(crate) fn run(options: &Options) -> Outcome {
    let optional = tools::SYSTEM.iter().filter(|tool| tool.is_optional);
    let known: Vec<&str> = optional
        .map(|tool| tool.name)
        .chain([loaders::NAME])
        .chain(tools::RIGHTS)
        .collect();
    options.allow(&known)?;
    for right in tools::RIGHTS
        .iter()
        .filter(|right| options.leaves_out(right))
    {
        println!("WITHOUT {right}: tests that need them say that they are skipped");
    }
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
    let mut variables = vec![("KEYWARD_WITHOUT", options.without.join(","))];
    variables.extend(loaders.map(|folder| ("KEYWARD_LOADERS", folder.display().to_string())));
    if options.full {
        variables.extend(FULL.map(|(name, value)| (name, value.to_owned())));
    }
    let Results { count, failed } = suite::run(&variables)?;
    println!();
    for title in &failed {
        println!("FAILED  {title}");
    }
    if count.ignored > 0 {
        let ignored = count.ignored;
        println!("{ignored} ignored (doc examples that only compile, or a test marked so)");
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    if failed.is_empty() && count.failed == 0 && count.passed > 0 {
        return Ok(());
    }
    Err("the tests did not pass".to_owned())
}
