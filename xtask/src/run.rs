//! Running commands.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// A command in the workspace's root, without standard input.
pub(crate) fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(crate::workspace::root())
        .stdin(Stdio::null());
    command
}

/// The cargo that runs this command, as a shell would start it: without what cargo tells the
/// programs that it runs of their package. A build script that asks for `CARGO_MANIFEST_DIR` is run
/// again if that differs, and all that stands on it is built again.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or("cargo".into()), args);
    for (name, _) in std::env::vars_os() {
        let said = name.to_string_lossy();
        if OF_A_PACKAGE.iter().any(|start| said.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
}

const OF_A_PACKAGE: [&str; 5] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
];

/// Runs `command` to its end, its output shown.
pub(crate) fn shown(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|e| format!("{}: {e}", said(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} failed ({status})", said(command)))
}

/// Runs `command` and returns its standard output; its errors are shown.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("{}: {e}", said(command)))?;
    if !output.status.success() {
        return Err(format!("{} failed ({})", said(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of that name is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
    })
}

fn said(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}
