//! `cargo xtask mutants`: breaks the code in one place at a time and sees whether a test notices.
//!
//! cargo-mutants makes the mutants and runs the tests of their package. What is here is around
//! it: which code must have no survivor, which survivors are excused and why, and a state that
//! outlasts an interruption. The tested code is a commit, laid out in a folder of its own, so that
//! neither an edit nor a kill in the middle touches the work tree.

mod excuses;
mod listing;
mod page;
mod state;
pub(crate) mod tree;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, run, tools, workspace};
use excuses::Excuses;
use listing::{Mutant, Shard};
use state::State;
use tree::Tree;
use verdict::Tally;

/// A mutant that makes a test hang is stopped after this many seconds at the least, so that a
/// busy machine does not pass for one.
const LEAST_TIMEOUT: &str = "120";

#[derive(Debug)]
struct Options {
    packages: Vec<String>,
    shard: Shard,
    commit: String,
    list: bool,
    report: bool,
}

impl Options {
    fn parse(args: &[String]) -> Outcome<Self> {
        let mut options = Self {
            packages: Vec::new(),
            shard: Shard::WHOLE,
            commit: "HEAD".to_owned(),
            list: false,
            report: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().cloned().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--package" => options.packages.push(value()?),
                "--shard" => options.shard = Shard::parse(&value()?)?,
                "--at" => options.commit = value()?,
                "--list" => options.list = true,
                "--report" => options.report = true,
                _ => return Err(format!("unknown option {arg}\n{}", crate::USAGE)),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(args: &[String]) -> Outcome {
    let options = Options::parse(args)?;
    let folder =
        std::path::absolute(workspace::target().join("mutants")).map_err(|e| e.to_string())?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let _alone = alone(&folder)?;
    let tool = tools::MUTANTS.provide()?;
    let tree = Tree::lay(&folder, &options.commit)?;
    let packages = tree.packages(&options.packages)?;
    let mutants = listing::list(&tool, &tree)?;
    let excuses = Excuses::load(&tree)?;
    excuses.all_fit(&mutants)?;

    let mut state = State::load(&folder.join("state.jsonl"))?;
    absorb(&folder, &mut state)?;
    if !options.list && !options.report {
        for package in &packages {
            let mine = mutants.iter().filter(|m| m.package == package.name);
            let mine = options.shard.of(mine);
            let left: Vec<&Mutant> = mine
                .into_iter()
                .filter(|m| state.fate(&package.print, &m.name).is_none())
                .collect();
            println!("{}: {} mutants to test", package.name, left.len());
            if !left.is_empty() {
                test(&tool, &tree, &folder, package, &left)?;
                absorb(&folder, &mut state)?;
            }
        }
    }

    let tallies: Vec<Tally> = packages
        .iter()
        .map(|package| Tally::of(package, &mutants, &state, &excuses))
        .collect();
    println!("{}", page::table(&tallies, &tree.commit));
    if options.report {
        page::write(&tallies, &tree.commit)?;
    }
    if options.list {
        return Ok(());
    }
    verdict::judge(&tallies)
}

/// One run at a time: they share the folder of the tested code.
fn alone(folder: &Path) -> Outcome<fs::File> {
    let path = folder.join("lock");
    let file = fs::File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.try_lock().map_err(|_| {
        "another `cargo xtask mutants` runs in this target folder: wait for it".to_owned()
    })?;
    Ok(file)
}

/// Where cargo-mutants writes while it tests `package`, and the print of what it tests.
fn out(folder: &Path, package: &str) -> PathBuf {
    folder.join("out").join(package)
}

/// Runs the tests of `package` against each of `left`.
fn test(
    tool: &Path,
    tree: &Tree,
    folder: &Path,
    package: &tree::Package,
    left: &[&Mutant],
) -> Outcome {
    let out = out(folder, &package.name);
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    fs::write(out.join("print"), &package.print).map_err(|e| e.to_string())?;
    let config = out.join("mutants.toml");
    fs::write(&config, listing::config(left)).map_err(|e| e.to_string())?;
    let mut command = run::command(tool, &["mutants", "--in-place", "--no-times", "--caught"]);
    command
        .args(["--minimum-test-timeout", LEAST_TIMEOUT])
        .args(["--cap-lints", "true", "--annotations", "none"])
        // Code behind a feature decides too.
        .arg("--all-features")
        .args(["--package", &package.name, "--cargo-test-arg", "--tests"])
        .arg("--dir")
        .arg(&tree.root)
        .arg("--config")
        .arg(&config)
        .arg("--output")
        .arg(&out)
        .env("CARGO_TARGET_DIR", folder.join("build"));
    let status = command.status().map_err(|e| e.to_string())?;
    // 2: some were missed. 3: some timed out. Both are results.
    match status.code() {
        Some(0 | 2 | 3) => Ok(()),
        Some(4) => Err(format!(
            "the tests of {} fail without a mutant: see {}",
            package.name,
            out.display()
        )),
        _ => Err(format!("cargo-mutants ended with {status}")),
    }
}

/// Takes over what runs left, those too that were killed, and clears it away.
fn absorb(folder: &Path, state: &mut State) -> Outcome {
    let Ok(listing) = fs::read_dir(folder.join("out")) else {
        return Ok(()); // Nothing ran yet.
    };
    for entry in listing.filter_map(Result::ok) {
        let path = entry.path();
        state.absorb(&path)?;
        fs::remove_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}
