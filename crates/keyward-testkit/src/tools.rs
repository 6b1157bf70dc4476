//! Programs and rights that tests need, and that the run of them may leave out.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// Whether the run leaves out the tests that need `tool`: `cargo xtask test --without TOOL` says so
/// in `KEYWARD_WITHOUT`. A tool that is only missing is no reason: the test fails then.
#[must_use]
pub fn without(tool: &str) -> bool {
    let list = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    list.split(',').any(|name| name == tool)
}

/// The cargo that built this program, offline, without what it tells a test of its package: a build
/// script that asks for `CARGO_MANIFEST_DIR` would be run again, and all that stands on it built
/// again.
#[must_use]
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let said = name.to_string_lossy();
        if said.starts_with("CARGO_PKG_") || said.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.args(args).env("CARGO_NET_OFFLINE", "true");
    command
}

/// Whether the run has built the programs of the workspace: `cargo xtask test` does, and says so in
/// `KEYWARD_BUILT`.
#[must_use]
pub fn is_built() -> bool {
    std::env::var_os("KEYWARD_BUILT").is_some()
}

/// Whether a test is to give files to another user. No: the run leaves that out
/// (`--without owners`).
///
/// # Panics
/// If the process is not the superuser's, who alone may do it.
#[must_use]
#[allow(clippy::print_stdout)] // As the tests do that are skipped.
pub fn can_give_files_away() -> bool {
    if without("owners") {
        println!("SKIPPED: no file is given to another user (--without owners)");
        return false;
    }
    let me = std::fs::metadata("/proc/self").map(|process| process.uid());
    assert!(
        me.is_ok_and(|user| user == 0),
        "files are given to another user: run this as root, or with --without owners"
    );
    true
}
