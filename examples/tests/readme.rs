//! What the README says is done, as it stands there.
// A panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::process::Output;

use support::{Place, TOKEN, cargo, keyward, ok, root};

const README: &str = include_str!("../../README.md");

/// The code blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = README.split(&begin).skip(1);
    blocks
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

#[test]
fn it_shows_the_example_that_runs() {
    let example = include_str!("../vault_seal.rs");
    assert!(
        README.contains(&format!("```rust\n{example}```")),
        "README.md and vault_seal.rs differ"
    );
    assert!(example.lines().count() <= 30);
    // The part of the serving example stands at the margin.
    let example = include_str!("../vault_serve.rs");
    let part = blocks("rust").pop().unwrap().lines();
    let part = part.map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!("    {line}")
        }
    });
    let part: Vec<String> = part.collect();
    assert!(
        example.contains(&part.join("\n")),
        "README.md and vault_serve.rs differ"
    );
}

/// The lines of the block that holds `line`.
fn lines(line: &str) -> Vec<&'static str> {
    let block = blocks("sh").into_iter().find(|b| b.contains(line));
    let lines = block.unwrap().lines();
    lines
        .filter(|line| {
            ["keyward ", "printf ", "(umask "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect()
}

/// A shell that runs one of them.
fn shell(place: &Place, line: &str) -> Output {
    let program = keyward();
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(program.parent().unwrap().to_owned());
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
    let mut command = place.command("/bin/sh".as_ref());
    command
        .args(["-ec", line])
        .env("PATH", path)
        .env("TOKEN", TOKEN);
    command.output().unwrap()
}

/// The first key of a status that is in `state`.
fn key(status: &str, state: &str) -> Option<String> {
    let quoted = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\": \""))?;
        rest.split('"').next().map(str::to_owned)
    };
    // A key's own state stands before those of its history.
    let (_, keys) = status.split_once("\"keys\": [")?;
    let mut keys = keys.split("\"id\": ").skip(1);
    let key = keys.find(|key| quoted(key, "state").as_deref() == Some(state))?;
    key.split('"').nth(1).map(str::to_owned)
}

#[test]
fn its_command_lines_run_beside_a_serving_process() {
    let place = Place::new();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(place.folder().join("id_ed25519"))
        .status();
    assert!(made.unwrap().success());

    let mut lines = lines("keyward keys init").into_iter();
    let init = lines.next().unwrap();
    ok(&shell(&place, init));
    let mut serving = place.serve();
    let mut retired: Option<String> = None;
    let mut ran = 0;
    for line in lines {
        let line = match &retired {
            Some(key) => line.replace("KEY", key),
            None => line.to_owned(),
        };
        let said = ok(&shell(&place, &line));
        if line.contains("keys status") {
            retired = key(&said, "retired");
            assert!(retired.is_some(), "{said}");
        }
        ran += 1;
    }
    assert!(ran >= 7, "{ran} lines");
    assert_eq!(
        serving.open("acme", "account.github_token", "42"),
        "40 bytes"
    );
    assert_eq!(serving.open("globex", "server.ssh_key", "7"), "rejected");
}

#[test]
fn its_webhook_is_signed_and_verified() {
    let place = Place::new();
    let said: Vec<_> = lines("keyward webhook sign")
        .into_iter()
        .map(|line| ok(&shell(&place, line)))
        .collect();
    assert_eq!(said.len(), 4);
    assert!(said[2].starts_with("verified: every byte"), "{}", said[2]);
}

#[test]
fn its_dependencies_resolve_and_build_in_a_crate_elsewhere() {
    let place = Place::new();
    let dependencies = blocks("toml")
        .into_iter()
        .find(|b| b.contains("[dependencies]"));
    let service = place.folder().join("service");
    std::fs::create_dir_all(service.join("src")).unwrap();
    // The README lays the two folders beside each other.
    std::os::unix::fs::symlink(root(), place.folder().join("keyward")).unwrap();
    let package = "[package]\nname = \"service\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    // As in this workspace, whose builds of SQLite and others then serve. To a crate elsewhere
    // ours are dependencies too, which need no optimisation.
    let mut profile = "[profile.dev.package.\"*\"]\nopt-level = 2\ndebug = false\n".to_owned();
    for ours in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = ours.unwrap().file_name().into_string().unwrap();
        profile.push_str(&format!("[profile.dev.package.{name}]\nopt-level = 0\n"));
    }
    let manifest = format!(
        "{package}\n{}\n\n{profile}\n[workspace]\n",
        dependencies.unwrap()
    );
    std::fs::write(service.join("Cargo.toml"), manifest).unwrap();
    let example = include_str!("../vault_seal.rs");
    std::fs::write(service.join("src/main.rs"), example).unwrap();
    // The versions that this workspace was tested with are there without a network.
    std::fs::copy(root().join("Cargo.lock"), service.join("Cargo.lock")).unwrap();
    let mut build = cargo(&["build", "--quiet", "--offline", "--manifest-path"]);
    ok(&build.arg(service.join("Cargo.toml")).output().unwrap());
}
