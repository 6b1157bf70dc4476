//! Programs that tests need, and that the run of them may leave out.

/// Whether the run leaves out the tests that need `tool`: `cargo xtask test --without TOOL` says so
/// in `KEYWARD_WITHOUT`. A tool that is only missing is no reason: the test fails then.
#[must_use]
pub fn without(tool: &str) -> bool {
    let list = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    list.split(',').any(|name| name == tool)
}
