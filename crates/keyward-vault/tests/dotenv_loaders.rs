//! Dotenv files made at random are taken with the names and values that their loaders give them:
//! `dotenv` of npm and `python-dotenv` as they are published, and a reference for containers.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "support/dotenv_files.rs"]
mod dotenv_files;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dotenv_files::{MARKER, config, unbroken};
use keyward_vault::{EnvSet, Loader};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

type Vars = BTreeMap<String, String>;

const FILES: usize = 600;

/// Where `cargo xtask test` installs the loaders.
fn installed() -> Option<PathBuf> {
    let without = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    if without.split(',').any(|name| name == "dotenv-loaders") {
        println!("SKIPPED: the loaders of dotenv files were left out");
        return None;
    }
    let folder = std::env::var_os("KEYWARD_LOADERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/loaders"),
        PathBuf::from,
    );
    assert!(
        folder.join("node_modules/dotenv").is_dir() && folder.join("python/dotenv").is_dir(),
        "the loaders of dotenv files are not installed: run `cargo xtask test` once, which installs them"
    );
    Some(folder)
}

/// What the loader itself makes of these files.
fn load(loader: Loader, installed: &Path, files: &[String]) -> Vec<Option<Vars>> {
    let (program, script) = match loader {
        Loader::Npm => ("node", "npm.js"),
        Loader::Python => ("python3", "python.py"),
        _ => ("python3", "container.py"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/loaders")
        .join(script);
    let mut child = Command::new(program)
        .arg(script)
        .env("NODE_PATH", installed.join("node_modules"))
        .env("PYTHONPATH", installed.join("python"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| {
            panic!("{program} is needed ({e}): `cargo xtask test` says how to get it")
        });
    let input = serde_json::to_vec(files).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{program}");
    let read: Vec<Option<Vec<(String, String)>>> = serde_json::from_slice(&output.stdout).unwrap();
    read.into_iter()
        .map(|vars| vars.map(|vars| vars.into_iter().collect()))
        .collect()
}

fn vars(set: &EnvSet) -> Vars {
    let pair = |var: &keyward_vault::EnvVar| {
        let value = String::from_utf8(var.value().expose().to_vec()).unwrap();
        (var.name().to_owned(), value)
    };
    set.vars().iter().map(pair).collect()
}

fn files(strategy: &impl proptest::strategy::Strategy<Value = dotenv_files::File>) -> Vec<String> {
    let mut runner = TestRunner::new(config(1));
    let mut next = || strategy.new_tree(&mut runner).unwrap().current().text;
    (0..FILES).map(|_| next()).collect()
}

/// A file that is refused although it is whole must be in doubt, and few are.
fn compare(loader: Loader) {
    let Some(installed) = installed() else { return };
    let files = files(&unbroken(loader).boxed());
    let mut refused = Vec::new();
    for (text, loaded) in files.iter().zip(load(loader, &installed, &files)) {
        let loaded = loaded.unwrap_or_else(|| panic!("{loader:?} refuses {text:?}"));
        let (ours, shown) = match (
            EnvSet::parse_as(text.as_bytes(), loader),
            EnvSet::parse(text.as_bytes()),
        ) {
            (Ok(ours), Ok(shown)) => (ours, shown),
            (ours, shown) => {
                refused.push((
                    text,
                    ours.err().map(|e| e.to_string()),
                    shown.err().map(|e| e.to_string()),
                ));
                continue;
            }
        };
        assert_eq!(vars(&ours), loaded, "{text:?}");
        assert!(vars(&shown).keys().eq(loaded.keys()), "{text:?}");
        assert!(loaded.keys().all(|name| !name.contains(MARKER)), "{text:?}");
    }
    assert!(
        refused.len() * 50 <= FILES,
        "{} of {FILES} refused: {refused:?}",
        refused.len()
    );
}

#[test]
fn files_of_npm_have_the_names_and_values_of_npm() {
    compare(Loader::Npm);
}

#[test]
fn files_of_python_have_the_names_and_values_of_python() {
    compare(Loader::Python);
}

#[test]
fn env_files_of_containers_have_their_names_and_values() {
    compare(Loader::Container);
}

/// Files of quotes, signs and line ends in any order: whatever is taken as a loader's is what the
/// loader makes of it.
#[test]
fn what_is_taken_of_any_text_is_what_the_loader_reads() {
    let Some(installed) = installed() else { return };
    let mut runner = TestRunner::new(config(1));
    let text = "([AB]|=|: |\"|'|`|\\\\|#| |\t|\n|\r\n|\\\\n|\\\\\"|export |x|é|\u{a0}|\u{2028}|\u{85}|\u{feff}){0,24}";
    let text = proptest::string::string_regex(text).unwrap();
    for loader in Loader::ALL {
        let taken: Vec<String> = (0..FILES * 40)
            .map(|_| text.new_tree(&mut runner).unwrap().current())
            .filter(|text| EnvSet::parse_as(text.as_bytes(), loader).is_ok())
            .collect();
        println!("{loader:?} takes {} of {}", taken.len(), FILES * 40);
        assert!(taken.len() > 20, "{loader:?}");
        for (text, loaded) in taken.iter().zip(load(loader, &installed, &taken)) {
            let ours = vars(&EnvSet::parse_as(text.as_bytes(), loader).unwrap());
            assert_eq!(Some(ours), loaded, "{loader:?} {text:?}");
        }
    }
}
