//! Licences, bans and sources, and known vulnerabilities, by cargo-deny.

use std::path::PathBuf;

use crate::{Outcome, run, tools, workspace};

/// Names a folder that holds the advisory database: a git repository, or an archive with its
/// `unpack` command.
const DATABASE: &str = "KEYWARD_ADVISORY_DB";
const UPSTREAM: &str = "https://github.com/rustsec/advisory-db";

/// Licences, bans and sources.
pub(crate) fn licences() -> Outcome {
    let tool = tools::DENY.provide()?;
    run::shown(&mut run::command(
        tool,
        &["--all-features", "check", "licenses", "bans", "sources"],
    ))
}

/// Known vulnerabilities.
pub(crate) fn advisories() -> Outcome {
    let tool = tools::DENY.provide()?;
    let mut command = run::command(tool, &["--all-features", "check", "advisories"]);
    match std::env::var_os(DATABASE).map(PathBuf::from) {
        Some(folder) => command.envs(local(&folder)?),
        None => &mut command,
    };
    run::shown(&mut command).map_err(|e| {
        format!(
            "{e}\nif the database could not be fetched: set {DATABASE} to a folder that holds it, \
             or pass --without advisories"
        )
    })
}

/// The variables that make git take the database from `folder`.
fn local(folder: &std::path::Path) -> Outcome<Vec<(String, String)>> {
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    let unpack = folder.join("unpack");
    if unpack.is_file() {
        let into = workspace::target().join("advisory-db");
        let into = std::path::absolute(into).map_err(|e| e.to_string())?;
        let said = run::output(run::command("bash", &[]).arg(unpack).arg(into))?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        return Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
    }
    if !folder.join(".git").exists() {
        return Err(format!(
            "{DATABASE}: {} holds neither a git repository nor an archive with `unpack`",
            folder.display()
        ));
    }
    let instead = format!("url.file://{}.insteadOf", folder.display());
    Ok([
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", instead.as_str()),
        ("GIT_CONFIG_VALUE_0", UPSTREAM),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .to_vec())
}
