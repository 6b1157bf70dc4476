//! The examples run, on a home of their own, and the README shows what runs.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keyward::embedded::{Embedded, Home, Options, RootSource};
use keyward::vault::Slot;
use keyward::{Result, Scope};

const TOKEN: &str = "ghp_000000000000000000000000000000001234";

/// Cargo builds the examples beside the tests: `target/debug/examples`.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let path = folder.join("examples").join(name);
    assert!(
        path.exists(),
        "run `cargo test -p keyward-examples`, which builds {name}"
    );
    path
}

fn run(name: &str, folder: &Path, input: &str) -> Output {
    let mut child = Command::new(built(name))
        .env("KEYWARD_HOME", folder.join("home"))
        .env("KEYWARD_ANCHOR", folder.join("anchor"))
        .env_remove("KEYWARD_ROOT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn options(folder: &Path) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.join("anchor"));
    options
}

#[tokio::test]
async fn the_examples_run_one_after_the_other() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    drop(Embedded::init(&home, &options(folder.path())).await?);

    let sealed = run("vault_seal", folder.path(), TOKEN);
    let said = String::from_utf8(sealed.stdout).unwrap();
    assert!(
        sealed.status.success(),
        "{}",
        String::from_utf8_lossy(&sealed.stderr)
    );
    assert_eq!(
        said,
        "account.github_token 42 ghp_••••1234\n40 bytes for the API call\n"
    );

    let rotated = run("vault_rotate", folder.path(), "");
    let said = String::from_utf8(rotated.stdout).unwrap();
    assert!(
        rotated.status.success(),
        "{}",
        String::from_utf8_lossy(&rotated.stderr)
    );
    for part in ["is active", "1 values moved, 0 left", "is destroyed"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let home = Embedded::open(&home, &options(folder.path())).await?;
    let slot = Slot::new("acme", "account.github_token", "42")?;
    let opened = home.vault().open(&slot, &Scope::none()).await?;
    assert_eq!(opened.bytes().expose(), TOKEN.as_bytes());
    Ok(())
}

#[test]
fn the_readme_shows_the_example_that_runs() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../vault_seal.rs");
    assert!(
        readme.contains(&format!("```rust\n{example}```")),
        "README.md and vault_seal.rs differ"
    );
    assert!(example.lines().count() <= 30);
}
