//! `cargo xtask bench`, and the smoke run of `check`.

use crate::{Outcome, run, workspace};

const PACKAGE: &str = "keyward-benches";
const PEERS: &str = "benches/peers/Cargo.toml";

pub(crate) fn run(args: &[String]) -> Outcome {
    run::shown(run::cargo(&["bench", "-p", PACKAGE, "--benches", "--"]).args(args))?;
    if !workspace::root().join(PEERS).is_file() {
        return Ok(());
    }
    run::shown(run::cargo(&["bench", "--manifest-path", PEERS, "--benches", "--"]).args(args))
}

/// Every bench once, its results checked and not timed: built as the tests are, with whose
/// dependencies they come.
pub(crate) fn smoke() -> Outcome {
    let packages = workspace::packages()?;
    if !packages.iter().any(|p| p.name == PACKAGE && p.has_benches) {
        return Err(format!("{PACKAGE} has no benches"));
    }
    run::shown(&mut run::cargo(&[
        "test",
        "--quiet",
        "--locked",
        "--workspace",
        "--bench",
        "*",
        "--",
        "--test",
    ]))
}
