//! Programs and rights that tests need, and that the run of them may leave out.

use std::os::unix::fs::MetadataExt as _;

/// Whether the run leaves out the tests that need `tool`: `cargo xtask test --without TOOL` says so
/// in `KEYWARD_WITHOUT`. A tool that is only missing is no reason: the test fails then.
#[must_use]
pub fn without(tool: &str) -> bool {
    let list = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    list.split(',').any(|name| name == tool)
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
