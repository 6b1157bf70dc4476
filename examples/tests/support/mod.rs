//! A folder with a home, and the built examples to run on it.
#![allow(dead_code)] // Each test file uses its part.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use keyward_testkit::tools;
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "ghp_000000000000000000000000000000001234";

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// The folder of built programs: `target/debug`.
pub(crate) fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}

/// Cargo, in the workspace, with the build results of this very run.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = tools::cargo(args);
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", programs().parent().unwrap());
    command
}

/// The `keyward` command.
pub(crate) fn keyward() -> PathBuf {
    if !tools::is_built() {
        ok(
            &cargo(&["build", "--quiet", "--locked", "-p", "keyward-cli"])
                .output()
                .unwrap(),
        );
    }
    programs().join("keyward")
}

/// Cargo builds the examples beside the tests: `target/debug/examples`.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = programs().join("examples").join(name);
    assert!(
        path.exists(),
        "run `cargo test -p keyward-examples`, which builds {name}"
    );
    path
}

/// The standard output of what ended well.
pub(crate) fn ok(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder of one test, with a place for a home and for its anchor.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .env("KEYWARD_HOME", self.folder().join("home"))
            .env("KEYWARD_ANCHOR", self.folder().join("anchor"))
            .env_remove("KEYWARD_ROOT");
        command
    }

    /// Runs `program` to its end with `input`.
    pub(crate) fn run(&self, program: &Path, args: &[&str], input: &str) -> Output {
        let mut command = self.command(program);
        let mut child = piped(command.args(args));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Starts the example that serves, and waits until it does.
    pub(crate) fn serve(&self) -> Serving {
        let mut child = piped(&mut self.command(&example("vault_serve")));
        let mut serving = Serving {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(serving.answer(), "serving");
        serving
    }
}

fn piped(command: &mut Command) -> Child {
    let all = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    all.stderr(Stdio::piped()).spawn().unwrap()
}

/// A serving process.
pub(crate) struct Serving {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Serving {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Its answer to a request for a value.
    pub(crate) fn open(&mut self, tenant: &str, place: &str, record: &str) -> String {
        let mut requests = self.requests.as_ref().unwrap();
        writeln!(requests, "{tenant} {place} {record}").unwrap();
        self.answer()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.requests.take());
        let ended = self.child.wait().unwrap();
        assert!(ended.success() || std::thread::panicking(), "{ended}");
    }
}
