//! `cargo xtask test`: every test and doc test of the workspace, and of the examples that are workspaces
//! of their own, in one go.

use crate::options::Options;
use crate::suite::{self, Results};
use crate::{Outcome, loaders, run as process, tools, workspace};

/// What the long forms of the tests are asked for.
const FULL: [(&str, &str); 6] = [
    ("KEYWARD_KILL_ROWS", "100000"),
    ("KEYWARD_KILLS", "50"),
    ("KEYWARD_FULL", "1"),
    ("KEYWARD_WEBHOOK_IDS", "10000"),
    ("KEYWARD_WEBHOOK_KILLS", "20"),
    ("PROPTEST_CASES", "4096"),
];

/// The example under another framework, as `--without` names it.
const ACTIX: &str = "actix";

/// It has a lock of its own, and takes what the workspace built.
fn actix() -> Outcome {
    let test = ["test", "--quiet", "--manifest-path"];
    let target = workspace::target();
    process::shown(
        process::cargo(&test)
            .arg("examples/actix/Cargo.toml")
            .arg("--target-dir")
            .arg(std::path::absolute(target).map_err(|e| e.to_string())?),
    )
}

pub(crate) fn run(options: &Options) -> Outcome {
    let optional = tools::SYSTEM.iter().filter(|tool| tool.is_optional);
    let known: Vec<&str> = optional
        .map(|tool| tool.name)
        .chain([loaders::NAME, ACTIX])
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
    let actix = if options.leaves_out(ACTIX) {
        println!("WITHOUT {ACTIX}: its example is not built");
        Ok(())
    } else {
        actix()
    };
    if failed.is_empty() && actix.is_ok() && count.failed == 0 && count.passed > 0 {
        return Ok(());
    }
    Err("the tests did not pass".to_owned())
}
