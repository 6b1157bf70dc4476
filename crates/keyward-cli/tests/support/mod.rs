//! A home of its own for each test, and the real command run on it.
// Each test file uses its own part of this. A panic is the report.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub mod leaks;

pub const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");

/// A temporary folder with everything the command may touch inside it.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    /// No home yet.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A home after `keys init`.
    pub fn new() -> Self {
        let bench = Self::empty();
        bench.run(&["keys", "init"], b"").ok();
        bench
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    pub fn anchor(&self) -> PathBuf {
        self.folder().join("state/anchor")
    }

    /// `program` in an environment that holds this home and nothing of the machine's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let bin = Path::new(KEYWARD).parent().unwrap().display();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", format!("{bin}:{path}"))
            .env("HOME", self.folder())
            .env("TMPDIR", self.folder())
            .env("KEYWARD_HOME", self.home())
            .env("KEYWARD_ANCHOR", self.anchor())
            .current_dir(self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn keyward(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(KEYWARD);
        command.args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Ran {
        finish(self.keyward(arguments), input)
    }

    /// Runs one line as a shell would.
    pub fn sh(&self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command("sh");
        command.args(["-c", line]).envs(variables.iter().copied());
        finish(command, b"")
    }

    pub fn seal(&self, at: &str, id: &str, kind: &str, secret: &[u8]) -> Ran {
        let slot = ["--tenant", "acme", "--at", at, "--id", id, "--kind", kind];
        self.run(&[&["vault", "seal"], &slot[..]].concat(), secret)
    }

    pub fn open(&self, at: &str, id: &str) -> Ran {
        let slot = ["--tenant", "acme", "--at", at, "--id", id];
        self.run(&[&["vault", "open"], &slot[..]].concat(), b"")
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat(), b"")
            .ok()
            .json()
    }

    /// The ring keys in a state.
    pub fn keys_in(&self, state: &str) -> Vec<String> {
        let status = self.json(&["keys", "status"]);
        let keys = status["keys"].as_array().unwrap();
        keys.iter()
            .filter(|k| k["state"] == state)
            .map(|k| k["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.spawn().unwrap();
    // A command that refuses before it reads closes the pipe: no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ran(child.wait_with_output().unwrap())
}

/// Runs a command whose standard output is somebody else's.
pub fn finish_into(command: &mut Command) -> Ran {
    let mut child = command.spawn().unwrap();
    drop(child.stdin.take());
    Ran(child.wait_with_output().unwrap())
}

/// What a command did.
pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub fn out(&self) -> &[u8] {
        &self.0.stdout
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn said(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(self.out()).unwrap()
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), 0, "{}", self.said());
        self
    }

    /// Failed with `code` and one line of standard error that holds `part`.
    #[track_caller]
    pub fn fails(self, code: i32, part: &str) -> Self {
        let said = self.said();
        assert_eq!(self.code(), code, "{said}");
        assert!(
            said.starts_with("keyward: ") && said.contains(part),
            "{said}"
        );
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(
            self.out().is_empty(),
            "{}",
            String::from_utf8_lossy(self.out())
        );
        self
    }
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Random letters and digits, different in every run.
pub fn random_text(len: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |b: &u8| LETTERS[usize::from(*b) % LETTERS.len()];
    String::from_utf8(random(len).iter().map(letter).collect()).unwrap()
}

pub fn random(len: usize) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = vec![0; len];
    let mut source = std::fs::File::open("/dev/urandom").unwrap();
    source.read_exact(&mut bytes).unwrap();
    bytes
}
